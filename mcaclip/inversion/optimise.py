"""From the encoder's code to the person: optimisation through the preview, then through the full generator.

The encoder's base row and its small offsets move together through the 256 px preview. A prior on codes, a penalty on
the offsets and a short way keep them where edits work. The preview only guesses what the uppermost rows do; they are
fitted last, on small windows of the full-size picture.
Source: the idea of e4e (Tov et al. 2021, "distortion-editability trade-off"), applied to optimisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.finish import FinishSettings, finish_upper_rows
from mcaclip.inversion.likeness import Likeness, LikenessWeights
from mcaclip.inversion.prior import LatentPrior
from mcaclip.inversion.report import Report
from mcaclip.perception.base import Identity
from mcaclip.types import ProgressCallback

OFFSET_ROWS = 12
"""Rows from here on keep their offset from the base: a preview only guesses their effect, and offsets of their own
would exploit its errors."""

Start = Callable[[Tensor], Tensor]
"""From an aligned face `[3, S, S]` in [-1, 1], on the generator's device, to a first code `w_plus [18, 512]`."""


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

    steps: int = 30
    lr: float = 0.02
    likeness: LikenessWeights = field(default_factory=LikenessWeights)
    offset: float = 0.03
    prior: float = 0.02
    live_every: int = 5
    finish: FinishSettings = field(default_factory=FinishSettings)


FINISH_STEP_COST = 1.5
"""Time of a full-size step in steps through the preview, for the progress that is shown."""

EFFORTS = {
    "instant": InversionSettings(steps=0, finish=FinishSettings(steps=0)),
    "good": InversionSettings(),
    "best": InversionSettings(steps=150, finish=FinishSettings(steps=40)),
}
"""What `--inversion` and the app offer."""

REFINE = InversionSettings(steps=100, lr=0.015, finish=FinishSettings(steps=20))
"""Going on from a finished inversion, in smaller steps."""


def invert(
    generator: Generator,
    identity: Identity,
    start: Start,
    image: Tensor,
    settings: InversionSettings,
    callback: ProgressCallback | None = None,
    prior: LatentPrior | None = None,
) -> Tensor:
    """Find the W+ code of an aligned face.

    Args:
        generator: the preview of the full generator.
        start: gives the first code; see `Start`.
        image: `[3, S, S]` in [-1, 1], FFHQ-aligned.
        callback: gets live frames; may raise `StopEarly` to end with the best so far, or anything else to cancel.
        prior: of the generator; made anew when None.

    Returns:
        `w_plus [18, 512]`, the code of the lowest loss seen.
    """
    target = image[None].to(generator.w_avg.device)
    with torch.no_grad():
        code = start(target[0])
    # other previews show the lower layers' own picture: nothing of it is guessed
    finish_steps = settings.finish.steps if isinstance(generator, PreviewGenerator) else 0
    preview_part = settings.steps / max(1, settings.steps + FINISH_STEP_COST * finish_steps)
    stopped = False
    if settings.steps:
        report = Report(callback, 0.0, preview_part)
        prior = prior or LatentPrior.of(generator)
        code, stopped = _through_preview(generator, identity, target, code, settings, report, prior)
    if isinstance(generator, PreviewGenerator) and finish_steps and not stopped:
        code = finish_upper_rows(generator, target[0], code, settings.finish, Report(callback, preview_part, 1.0))
    if not settings.steps and not finish_steps:
        Report(callback, 0.0, 1.0)(1.0)
    return code


def _through_preview(
    generator: Generator,
    identity: Identity,
    target: Tensor,
    initial: Tensor,
    settings: InversionSettings,
    report: Report,
    prior: LatentPrior,
) -> tuple[Tensor, bool]:
    """The best code `[18, 512]` seen, and whether the callback asked to stop."""
    likeness = Likeness.of(target, identity)
    base = initial[-1].clone().requires_grad_(True)
    offsets = (initial[:OFFSET_ROWS] - initial[-1]).clone().requires_grad_(True)
    still = initial[OFFSET_ROWS:] - initial[-1]
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
