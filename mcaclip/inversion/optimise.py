"""From the encoder's code to the person: optimisation through the preview, then through the full generator.

The encoder's base row and its small offsets move together through the 256 px preview. A prior on codes, a penalty on
the offsets and a short way keep them where edits work. The preview only guesses what the uppermost rows do; they are
fitted last, on small windows of the full-size picture.
Source: the idea of e4e (Tov et al. 2021, "distortion-editability trade-off"), applied to optimisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.descent import descend
from mcaclip.inversion.finish import FinishSettings, finish_upper_rows
from mcaclip.inversion.fitted import OFFSET_ROWS, Fitted
from mcaclip.inversion.likeness import Likeness, LikenessWeights
from mcaclip.inversion.prior import LatentPrior
from mcaclip.inversion.report import Report
from mcaclip.inversion.residual_fit import ResidualSettings, channel_spread, fit_residual
from mcaclip.perception.base import Identity
from mcaclip.types import ProgressCallback, Residual

Start = Callable[[Tensor], Tensor]
"""From an aligned face `[3, S, S]` in [-1, 1], on the generator's device, to a first code `w_plus [18, 512]`."""
Complete = Callable[[Tensor, Tensor], Residual]
"""From such a face and its code to a first residual."""


@dataclass(frozen=True)
class InversionSettings:
    """Effort and balance of the optimisation.

    Attributes:
        steps: optimiser steps through the preview (about 0.25 s each on two CPU cores); 0 keeps the encoder's code.
        lr: Adam's learning rate at the start; it falls by a cosine.
        likeness: weights of the terms that compare pictures.
        offset: weight of the mean squared offset of the rows, in variances of w.
        prior: weight of the distance of the rows from natural codes (see `LatentPrior`).
        live_every: steps between two live frames.
        residual: the fit of what no code says, behind the steps on the code.
        finish: the full-size steps at the end.
    """

    steps: int = 10
    lr: float = 0.02
    likeness: LikenessWeights = field(default_factory=LikenessWeights)
    offset: float = 0.03
    prior: float = 0.02
    live_every: int = 5
    residual: ResidualSettings = field(default_factory=ResidualSettings)
    finish: FinishSettings = field(default_factory=FinishSettings)


RESIDUAL_STEP_COST, FINISH_STEP_COST = 0.8, 0.3
"""Time of a step on the residual, and of a full-size step, in steps on the code, for the progress that is shown."""

EFFORTS = {
    "instant": InversionSettings(steps=0, residual=ResidualSettings(steps=0), finish=FinishSettings(steps=0)),
    "good": InversionSettings(),
    "best": InversionSettings(steps=60, residual=ResidualSettings(steps=120), finish=FinishSettings(steps=60)),
}
"""What `--inversion` and the app offer."""

REFINE = InversionSettings(steps=30, lr=0.015, residual=ResidualSettings(steps=60), finish=FinishSettings(steps=40))
"""Going on from a finished inversion, in smaller steps."""


def invert(
    generator: Generator,
    identity: Identity,
    start: Start,
    image: Tensor,
    settings: InversionSettings,
    callback: ProgressCallback | None = None,
    prior: LatentPrior | None = None,
    spread: Tensor | None = None,
    residual: Residual | None = None,
    complete: Complete | None = None,
) -> Fitted:
    """Find the W+ code of an aligned face, and what it does not say.

    Args:
        generator: the preview of the full generator.
        start: gives the first code; see `Start`.
        image: `[3, S, S]` in [-1, 1], FFHQ-aligned.
        callback: gets live frames; may raise `StopEarly` to end with the best so far, or anything else to cancel.
        prior: of the generator; made anew when None.
        spread: `channel_spread` of the generator; measured anew when None.
        residual: to go on from.
        complete: gives a residual where there is none; see `Complete`.

    Returns:
        What had the lowest loss of those seen, stage by stage.
    """
    target = image[None].to(generator.w_avg.device)
    with torch.no_grad():
        face = Fitted(start(target[0]), residual)
    # other previews show the lower layers' own picture: nothing of it is guessed
    finish = settings.finish if isinstance(generator, PreviewGenerator) else replace(settings.finish, steps=0)
    costs = (settings.steps, RESIDUAL_STEP_COST * settings.residual.steps, FINISH_STEP_COST * finish.steps)
    if not any(costs):
        Report(callback, 0.0, 1.0)(1.0)
        return _completed(face, target, complete)
    ends = [sum(costs[:count]) / sum(costs) for count in range(4)]
    on_code, on_residual, on_rows = (Report(callback, *part) for part in pairwise(ends))
    likeness, stopped = Likeness.of(target, identity), False
    if settings.steps:
        prior = prior or LatentPrior.of(generator)
        if complete is not None and residual is None:
            # the code alone shows another person, so this picture stays until the residual is fitted
            first = _completed(face, target, complete)
            with torch.no_grad():
                picture = synthesize(of_face(generator, first.residual), first.code[None]).image
            stopped, on_code = on_code(0.0, picture), replace(on_code, shows=False)
        if not stopped:
            face, stopped = _fit_code(generator, identity, likeness, face, settings, on_code, prior)
    face = _completed(face, target, complete)
    if settings.residual.steps and not stopped:
        spread = spread if spread is not None else channel_spread(generator)
        face, stopped = fit_residual(
            generator, identity, likeness, face, spread, settings.residual, settings.likeness, on_residual
        )
    if isinstance(generator, PreviewGenerator) and finish.steps and not stopped:
        face = replace(face, code=finish_upper_rows(generator, target[0], face, finish, on_rows))
    return face


def _completed(face: Fitted, target: Tensor, complete: Complete | None) -> Fitted:
    if face.residual is not None or complete is None:
        return face
    return replace(face, residual=complete(target[0], face.code))


def _fit_code(
    generator: Generator,
    identity: Identity,
    likeness: Likeness,
    face: Fitted,
    settings: InversionSettings,
    report: Report,
    prior: LatentPrior,
) -> tuple[Fitted, bool]:
    """The best code seen, and whether the callback asked to stop."""
    own, initial = of_face(generator, face.residual), face.code
    base = initial[-1].clone().requires_grad_(True)
    offsets = (initial[:OFFSET_ROWS] - initial[-1]).clone().requires_grad_(True)
    still = initial[OFFSET_ROWS:] - initial[-1]

    def attempt() -> tuple[Fitted, Tensor, Tensor]:
        code = base + torch.cat([offsets, still])
        picture = synthesize(own, code[None]).image
        loss = likeness.total(likeness.parts(picture, identity), settings.likeness)
        loss = loss + settings.offset * offsets.square().mean() / prior.w_variance
        loss = loss + settings.prior * prior.distance(code[: OFFSET_ROWS + 1])
        return replace(face, code=code.detach().clone()), picture, loss

    return descend([([base, offsets], settings.lr)], settings.steps, attempt, report, settings.live_every)
