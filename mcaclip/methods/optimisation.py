"""StyleCLIP's latent optimisation: the code itself is moved until its picture says what the prompt says.

Source: Patashnik et al., "StyleCLIP" (ICCV 2021), section 4 and its published code.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.clip.clip_space import FACECLIP
from mcaclip.clip.face_tower import mask_gradient
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.base import MethodContext, MethodEdit
from mcaclip.methods.losses import clip_loss, identity_loss
from mcaclip.types import Progress, ProgressCallback

PUBLISHED_RATE = 0.1
FACECLIP_RATE = 0.03
"""Against FaceCLIP the published rate strays: faces turn to grey, and the loss ends no lower."""
MASK_GRADIENT = 0.3
"""See `mask_gradient`; with all of it more faces blur."""
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


@dataclass(frozen=True)
class OptimisationMethod:
    """Needs no training and several hundred steps an edit; implements `EditMethod`.

    The steps go through the preview, whose 256 px are more than CLIP looks at; the result is made at full size.
    """

    context: MethodContext
    name = "styleclip-optimisation"
    needs_fitting = False

    def ready(self, prompt: str) -> bool:
        """See `EditMethod.ready`: always."""
        return True

    def how_to_fit(self, prompt: str) -> str:
        """See `EditMethod.how_to_fit`: nothing."""
        return ""

    def fit(self, prompt: str, callback: ProgressCallback | None = None) -> OptimisationMethod:
        """See `EditMethod.fit`: there is nothing to do."""
        return self

    def edit(
        self, w_plus: Tensor, prompt: str, strength: float = 1.0, callback: ProgressCallback | None = None
    ) -> MethodEdit:
        """See `EditMethod.edit`."""
        started, code = time.monotonic(), w_plus[None].to(self.context.device)
        delta = strength * self.optimise(code, prompt, callback)
        with torch.no_grad():
            source, image = (synthesize(self.context.generator, c).image for c in (code, code + delta))
        return MethodEdit.of(image, source, started, delta_w=delta)

    def optimise(self, code: Tensor, prompt: str, callback: ProgressCallback | None = None) -> Tensor:
        """The shift `[1, 18, 512]` of a code `[1, 18, 512]`."""
        context, steps = self.context, self.context.optimisation_steps
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
