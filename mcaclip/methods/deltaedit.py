"""DeltaEdit: trained on pairs of pictures alone; a direction of words then takes the place of one of pictures.

Source: Lyu et al., "DeltaEdit" (CVPR 2023), section 3.
"""

from __future__ import annotations

from functools import cached_property

import torch

from mcaclip.generators.style_space import read_styles
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.base import EditMethod, MethodEdit
from mcaclip.methods.delta_mapper import DeltaMapper, load_delta
from mcaclip.methods.global_direction import style_edit, text_direction
from mcaclip.types import Inversion, ProgressCallback


class DeltaEditMethod(EditMethod):
    """Needs one model for all prompts."""

    name = "deltaedit"

    @cached_property
    def model(self) -> DeltaMapper:
        """The model. Raises WeightsError."""
        return load_delta(self.context.files[self.name], self.context.device)

    @torch.no_grad()
    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`: Delta t in place of Delta i."""
        self.fit(prompt)
        context, model, code = self.context, self.model, face.w_plus[None].to(self.context.device)
        features = context.space.encode_image(synthesize(context.of_face(face).preview, code).image)
        styles = read_styles(context.generator, code)[:, : len(model.std)]
        shift = model(styles, features, text_direction(context.space, prompt)[None]) * model.std
        return style_edit(context, face, strength * shift, (), callback)
