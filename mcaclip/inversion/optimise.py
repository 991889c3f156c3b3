"""From the encoder's code to the person: optimisation through the preview, then through the full generator.

The encoder's base row and its small offsets move together through the 256 px preview. A prior on codes, a penalty on
the offsets and a short way keep them where edits work. The preview only guesses what the uppermost rows do; they are
fitted last, on small windows of the full-size picture.
Source: the idea of e4e (Tov et al. 2021, "distortion-editability trade-off"), applied to optimisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mcaclip.generators.base import NUM_WS
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.encoder import FaceEncoder, look
from mcaclip.inversion.finish import FinishSettings, finish_upper_rows
from mcaclip.inversion.likeness import Likeness, LikenessWeights, to_side
from mcaclip.inversion.prior import LatentPrior
from mcaclip.inversion.report import Report
from mcaclip.perception.identity import FaceIdentity
from mcaclip.types import ProgressCallback

OFFSET_ROWS = 12
"""Rows from here on keep the base: the preview only guesses their effect, and offsets would exploit its errors."""


@dataclass(frozen=True)
class InversionSettings:
    """Effort and balance of the optimisation.

    Attributes:
        steps: optimiser steps through the preview (about 0.2 s each on two CPU cores); 0 keeps the encoder's code.
        lr: Adam's learning rate at the start; it falls by a cosine.
        likeness: weights of the terms that compare pictures.
        offset: weight of the mean squared offset of the rows, in variances of w.
        prior: weight of the distance of the rows from natural codes (see `LatentPrior`).
        live_every: steps between two live frames.
        finish: the full-size steps at the end.
    """

    steps: int = 36
    lr: float = 0.02
    likeness: LikenessWeights = field(default_factory=LikenessWeights)
    offset: float = 0.03
    prior: float = 0.02
    live_every: int = 5
    finish: FinishSettings = field(default_factory=FinishSettings)


PASSES = 2
RELAXATION = 0.8
FINISH_STEP_COST = 1.5
"""Time of a full-size step in steps through the preview, for the progress that is shown."""

EFFORTS = {
    "instant": InversionSettings(steps=0, finish=FinishSettings(steps=0)),
    "good": InversionSettings(),
    "best": InversionSettings(steps=150, finish=FinishSettings(steps=40)),
}
"""What `--inversion` and the app offer."""


def invert(
    generator: PreviewGenerator,
    identity: FaceIdentity,
    encoder: FaceEncoder,
    image: Tensor,
    settings: InversionSettings,
    callback: ProgressCallback | None = None,
    initial: Tensor | None = None,
) -> Tensor:
    """Find the W+ code of an aligned face.

    Args:
        generator: the preview of the full generator.
        image: `[3, S, S]` in [-1, 1], FFHQ-aligned.
        callback: gets live frames; may raise `StopEarly` to end with the best so far, or anything else to cancel.
        initial: `w_plus [18, 512]` of an earlier call to go on from; None for the encoder's code.

    Returns:
        `w_plus [18, 512]`, the code of the lowest loss seen.
    """
    target = image[None].to(generator.w_avg.device)
    if initial is None:
        initial = encode(generator, identity, encoder, target)
    code = initial.to(target)
    preview_part = settings.steps / max(1, settings.steps + FINISH_STEP_COST * settings.finish.steps)
    stopped = False
    if settings.steps:
        report = Report(callback, 0.0, preview_part)
        code, stopped = _through_preview(generator, identity, target, code, settings, report)
    if settings.finish.steps and not stopped:
        code = finish_upper_rows(generator, target[0], code, settings.finish, Report(callback, preview_part, 1.0))
    if not settings.steps and not settings.finish.steps:
        Report(callback, 0.0, 1.0)(1.0)
    return code


@torch.no_grad()
def encode(generator: PreviewGenerator, identity: FaceIdentity, encoder: FaceEncoder, target: Tensor) -> Tensor:
    """The encoder's code `[18, 512]` of a face `[1, 3, S, S]`, corrected by looking at what it makes.

    The encoder is shown its own reconstruction, and the code moves by the difference of the two answers: whatever the
    encoder gets wrong for both cancels. On generated faces two such passes raise the PSNR by 2 dB.
    Source: the feedback of ReStyle (Alaluf et al. 2021), as a fixed-point iteration without further training.
    """
    wanted = encoder.code(look(identity, to_side(target)))
    code = wanted
    for _ in range(PASSES):
        made = synthesize(generator, code).image.clamp(-1, 1)
        code = code + RELAXATION * (wanted - encoder.code(look(identity, made)))
    return code[0]


def _through_preview(
    generator: PreviewGenerator,
    identity: FaceIdentity,
    target: Tensor,
    initial: Tensor,
    settings: InversionSettings,
    report: Report,
) -> tuple[Tensor, bool]:
    """The best code `[18, 512]` seen, and whether the callback asked to stop."""
    likeness, prior = Likeness.of(target, identity), LatentPrior.of(generator)
    base = initial[-1].clone().requires_grad_(True)
    offsets = (initial[:OFFSET_ROWS] - initial[-1]).clone().requires_grad_(True)
    still = torch.zeros(NUM_WS - OFFSET_ROWS, base.numel(), device=base.device)
    optimizer = torch.optim.Adam([base, offsets], lr=settings.lr, betas=(0.9, 0.99))
    best_loss, best = math.inf, initial
    for step in range(settings.steps):
        progress = step / settings.steps
        optimizer.param_groups[0]["lr"] = settings.lr * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        code = base + torch.cat([offsets, still])
        picture = synthesize(generator, code[None]).image
        loss = likeness.total(likeness.parts(picture, identity), settings.likeness)
        loss = loss + settings.offset * offsets.square().mean() / prior.w_variance
        loss = loss + settings.prior * prior.distance(code[: OFFSET_ROWS + 1])
        if loss.item() < best_loss:
            best_loss, best = loss.item(), code.detach().clone()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        last = step == settings.steps - 1
        if (step % settings.live_every == 0 or last) and report((step + 1) / settings.steps, picture):
            return best, True
    return best, False
