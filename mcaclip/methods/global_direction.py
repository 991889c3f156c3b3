"""StyleCLIP's global directions: one shift in StyleSpace per prompt, the same for every face.

Source: Patashnik et al., "StyleCLIP" (ICCV 2021), section 6 and its published code.
"""

from __future__ import annotations

import time
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.editing.photo_blend import carry_over
from mcaclip.errors import PromptError
from mcaclip.generators.style_space import with_style_shift
from mcaclip.generators.synthesis import layer_hook, synthesize
from mcaclip.methods.base import EditMethod, MethodContext, MethodEdit
from mcaclip.methods.style_table import StyleTable, load_table
from mcaclip.types import Inversion, ProgressCallback

ALPHA = 4.0
BETA = 0.15
"""Strength, and the relevance below which a channel is left alone, of the published demonstration."""


def text_change(space: ClipSpace, prompt: str) -> Tensor:
    """The change `[D]` from the neutral texts to the prompt in its templates, each as a mean of length 1: Delta t."""
    with torch.no_grad():
        target, neutral = (
            F.normalize(space.encode_text(texts).mean(0), dim=0)
            for texts in (space.presentation.texts(prompt), space.presentation.neutral)
        )
    return target - neutral


def style_direction(table: StyleTable, towards: Tensor, beta: float = BETA) -> Tensor:
    """The shift of the styles for a direction of words.

    Args:
        towards: `[D]`, of length 1.
        beta: channels whose relevance is below this in absolute value are not shifted.

    Returns:
        `[P]`, the channel of the greatest relevance shifted by one standard deviation.

    Raises:
        PromptError: no channel is relevant enough.
    """
    relevance = table.relevance @ towards.cpu()
    largest = float(relevance.abs().max())
    if largest < beta or largest == 0:
        raise PromptError(
            f"no style channel has a relevance of {beta:g} for these words (the largest is {largest:.3f}): "
            "measure more channels with `python -m train global-directions`, or choose other words"
        )
    relevance = torch.where(relevance.abs() < beta, 0.0, relevance)
    return relevance / largest * table.std


class GlobalDirectionMethod(EditMethod):
    """Needs one table for all prompts."""

    name = "styleclip-global"

    @cached_property
    def table(self) -> StyleTable:
        """The table. Raises WeightsError."""
        return load_table(self.context.files[self.name])

    @torch.no_grad()
    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`: S' = S + alpha Delta s."""
        self.fit(prompt)
        direction = style_direction(self.table, F.normalize(text_change(self.context.space, prompt), dim=0))
        known = self.table.measured
        note = f"measured on {self.table.images} faces; {known} of {len(direction)} channels are known"
        return style_edit(self.context, face, strength * ALPHA * direction[None], (note,), callback)


def style_edit(
    context: MethodContext,
    face: Inversion,
    delta_s: Tensor,
    notes: tuple[str, ...],
    callback: ProgressCallback | None,
) -> MethodEdit:
    """The edit of a shift `[1, P]` in StyleSpace, at full size."""
    started, generator = time.monotonic(), context.of_face(face).generator
    code = face.w_plus[None].to(context.device)
    source = synthesize(generator, code, hook=layer_hook(generator, 0.0, callback)).image
    shifted = with_style_shift(generator, delta_s.to(context.device))
    edited = synthesize(shifted, code, hook=layer_hook(generator, 0.5, callback)).image
    image = carry_over(face.photo, source, edited)
    return MethodEdit.of(face, image, started, delta_s=delta_s, notes=notes)
