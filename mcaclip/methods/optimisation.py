"""StyleCLIP's latent optimisation: the code itself is moved until its picture matches the prompt.

Source: Patashnik et al., "StyleCLIP" (ICCV 2021), section 4 and its published code.
"""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from mcaclip.clip.clip_space import FACECLIP
from mcaclip.clip.face_tower import mask_gradient
from mcaclip.editing.photo_blend import carry_over
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.base import EditMethod, MethodContext, MethodEdit
from mcaclip.methods.losses import clip_loss, identity_loss
from mcaclip.types import Inversion, Progress, ProgressCallback

PUBLISHED_RATE = 0.1
FACECLIP_RATE = 0.03
"""With FaceCLIP the published rate overshoots: faces turn grey, and the loss ends no lower."""
MASK_GRADIENT = 0.3
"""Passed to `mask_gradient`; with the whole gradient more faces blur."""
L2_WEIGHT = 0.008
IDENTITY_WEIGHT = 0.005
WARM_UP, COOL_DOWN = 0.05, 0.25


def highest_rate(clip: str) -> float:
    """The rate between warm-up and cool-down with the CLIP of this name (see `Stack`)."""
    return FACECLIP_RATE if clip == FACECLIP else PUBLISHED_RATE


def pace(done: float) -> float:
    """Share of the highest rate at a share of the steps, 0..1: up over the first 5 %, a cosine down over 25 %."""
    down = min(1.0, (1 - done) / COOL_DOWN)
    return (0.5 - 0.5 * math.cos(math.pi * down)) * min(1.0, done / WARM_UP)


class OptimisationMethod(EditMethod):
    """Needs no training and several hundred steps per edit.

    The steps go through the preview, whose 256 px are more than CLIP takes in; the result is made at full size.
    """

    name = "styleclip-optimisation"

    def edit(
        self, face: Inversion, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`."""
        started, context = time.monotonic(), self.context.of_face(face)
        code = face.w_plus[None].to(context.device)
        delta = strength * self.optimise(context, code, prompt, callback)
        with torch.no_grad():
            source, edited = (synthesize(context.generator, c).image for c in (code, code + delta))
            image = carry_over(face.photo, source, edited)
        return MethodEdit.of(face, image, started, delta_w=delta)

    def optimise(
        self, context: MethodContext, code: Tensor, prompt: str, callback: ProgressCallback | None = None
    ) -> Tensor:
        """The shift `[1, 18, 512]` of a code `[1, 18, 512]`, seen through the context's preview."""
        steps = context.optimisation_steps
        rate = highest_rate(context.slots.clip)
        with torch.no_grad():
            text = context.space.encode_text([prompt])
            identity = context.identity.embed(synthesize(context.preview, code).image)
        delta = torch.zeros_like(code, requires_grad=True)
        optimizer = torch.optim.Adam([delta], rate)
        for step in range(steps):
            if callback:
                callback(Progress("optimising the code", step / steps))
            optimizer.param_groups[0]["lr"] = rate * pace(step / steps)
            picture = synthesize(context.preview, code + delta).image
            with mask_gradient(MASK_GRADIENT):
                loss = clip_loss(context.space.encode_image(picture), text)
            loss = loss + L2_WEIGHT * delta.square().sum()
            loss = loss + IDENTITY_WEIGHT * identity_loss(identity, context.identity.embed(picture))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return delta.detach()
