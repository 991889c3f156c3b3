"""DeltaEdit: trained on pairs of pictures alone; a direction of words then takes the place of one of pictures.

Source: Lyu et al., "DeltaEdit" (CVPR 2023), section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mcaclip.generators.style_space import read_styles
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.base import MethodContext, MethodEdit, fit_command, not_ready
from mcaclip.methods.delta_mapper import DeltaMapper, load_delta
from mcaclip.methods.global_direction import style_edit, text_direction
from mcaclip.types import ProgressCallback


@dataclass(frozen=True)
class DeltaEditMethod:
    """Needs one model for all prompts; implements `EditMethod`."""

    context: MethodContext
    name = "deltaedit"
    needs_fitting = True

    @cached_property
    def model(self) -> DeltaMapper:
        """The model. Raises WeightsError."""
        return load_delta(self.context.files[self.name], self.context.device)

    def ready(self, prompt: str) -> bool:
        """See `EditMethod.ready`."""
        return self.name in self.context.files

    def how_to_fit(self, prompt: str) -> str:
        """See `EditMethod.how_to_fit`."""
        return fit_command(self.name, prompt, self.context.slots)

    def fit(self, prompt: str, callback: ProgressCallback | None = None) -> DeltaEditMethod:
        """See `EditMethod.fit`: the model takes a run of its own, so it is never trained on the fly."""
        if not self.ready(prompt):
            raise not_ready(self.name, prompt, self.context.slots)
        return self

    @torch.no_grad()
    def edit(
        self, w_plus: Tensor, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`: Delta t in place of Delta i."""
        if not self.ready(prompt):
            raise not_ready(self.name, prompt, self.context.slots)
        context, model, code = self.context, self.model, w_plus[None].to(self.context.device)
        features = context.space.encode_image(synthesize(context.preview, code).image)
        styles = read_styles(context.generator, code)[:, : len(model.std)]
        shift = model(styles, features, text_direction(context.space, prompt)[None]) * model.std
        return style_edit(context, w_plus, strength * shift[0], (), callback)
