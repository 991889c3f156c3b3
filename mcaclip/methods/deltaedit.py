"""DeltaEdit: trained on pairs of pictures alone; a direction of words then takes the place of one of pictures.

Source: Lyu et al., "DeltaEdit" (CVPR 2023), section 3, and its published code.
"""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.generators.style_space import convolution_channels, read_styles, style_size
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.base import EditMethod, MethodEdit
from mcaclip.methods.delta_mapper import DeltaMapper, load_delta
from mcaclip.methods.global_direction import GlobalDirectionMethod, style_edit, text_change
from mcaclip.methods.style_table import load_table
from mcaclip.types import Inversion, ProgressCallback

THRESHOLD = 0.03
"""The published relevance below which a channel stays."""
PLAIN_SIDE = 32
"""Side of a picture in the published view of CLIP, before it is enlarged sevenfold."""


class DeltaEditMethod(EditMethod):
    """Needs one model for all prompts; a table of global directions says which channels may move."""

    name = "deltaedit"

    @cached_property
    def model(self) -> DeltaMapper:
        """The model. Raises WeightsError."""
        return load_delta(self.context.files[self.name], self.context.device)

    @cached_property
    def relevance(self) -> Tensor:
        """What each channel does to the features, `[S, D]`; rows of 0 are unknown. Raises WeightsError."""
        if len(self.model.relevance):
            return self.model.relevance
        file = self.context.files.get(GlobalDirectionMethod.name)
        channels = convolution_channels(self.context.generator)
        found = torch.zeros(len(channels), self.model.config.dim)
        if file is not None:
            table = load_table(file).relevance
            known = channels < len(table)
            found[known] = table[channels[known]]
        return found.to(self.context.device)

    @torch.no_grad()
    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`: Delta t in place of Delta i."""
        self.fit(prompt)
        context, model, code = self.context, self.model, face.w_plus[None].to(self.context.device)
        change, channels = text_change(context.space, prompt), convolution_channels(context.generator)
        styles = read_styles(context.generator, code)[:, channels]
        moved = model(styles, self._features(face, code), F.normalize(change, dim=0)[None])
        stays = ((self.relevance @ change).abs() < THRESHOLD) & self.relevance.any(1)
        shift = code.new_zeros(1, style_size(context.generator))
        shift[:, channels] = moved.masked_fill(stays, 0)
        known, allowed = int(self.relevance.any(1).sum()), int((~stays).sum())
        note = f"the relevance of {known} of {len(channels)} channels is known; {allowed} may move"
        return style_edit(context, face, strength * shift, (note,), callback)

    def _features(self, face: Inversion, code: Tensor) -> Tensor:
        """Unit features `[1, D]` of the face's picture, as the model was trained on them."""
        own = self.context.of_face(face)
        if self.model.config.pixels == "plain":
            return plain_features(own.space, synthesize(own.generator, code).image)
        return own.space.encode_image(synthesize(own.preview, code).image)


def plain_features(space: ClipSpace, pictures: Tensor) -> Tensor:
    """Unit features `[B, D]` as the published code takes them from pictures `[B, 3, S, S]`, S a multiple of 32.

    It repeats pixels sevenfold and averages them down to 224 px, and shows CLIP the range [-1, 1] as it is.
    """
    size = pictures.shape[-1] // PLAIN_SIDE
    for dim, kernel in ((2, (size, 1)), (3, (1, size))):  # one side after the other: a forty-ninth of the memory
        pictures = F.avg_pool2d(pictures.repeat_interleave(7, dim), kernel)
    return F.normalize(space.model.encode_image(pictures), dim=-1)
