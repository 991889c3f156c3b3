"""What a photo's code cannot say: a residual map, fitted through the preview.

Nothing below the residual's layer is computed again, so a step costs less than one that moves the whole code. The
rows above the layer move along a little. Source: feature-space optimisation as in BDInvert (Kang et al., ICCV 2021).
Differences: the map stands behind a 32 px layer and is measured in the spread of each channel over generated faces,
and the likeness terms are those of this package.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.generators.base import Generator, broadcast_w, seeded_z
from mcaclip.generators.residual import residual_layer
from mcaclip.generators.synthesis import Resume, features_behind, finish_from, layer_rgb
from mcaclip.inversion.descent import descend
from mcaclip.inversion.fitted import OFFSET_ROWS, Fitted
from mcaclip.inversion.likeness import Likeness, LikenessWeights
from mcaclip.inversion.report import Report
from mcaclip.perception.base import Identity
from mcaclip.types import Residual

SPREAD_FACES = 32
SPREAD_SEED = 3


@dataclass(frozen=True)
class ResidualSettings:
    """Effort and balance of the fit.

    Attributes:
        steps: optimiser steps (about 0.2 s each on two CPU cores); 0 leaves the residual as it is.
        lr: Adam's learning rate of the map at the start, in spreads of its channels.
        row_lr: the same for the rows above the layer.
        size: weight of the mean squared map, in spreads of its channels.
        shift: weight of the mean squared shift of the rows.
        live_every: steps between two live frames.
    """

    steps: int = 30
    lr: float = 0.08
    row_lr: float = 0.01
    size: float = 0.02
    shift: float = 0.05
    live_every: int = 5


@torch.no_grad()
def channel_spread(generator: Generator) -> Tensor:
    """Standard deviation of each channel behind the residual's layer over generated faces, `[1, C, 1, 1]`."""
    layer = residual_layer(generator)
    codes = broadcast_w(generator.mapping(seeded_z(SPREAD_FACES, SPREAD_SEED).to(generator.w_avg.device)))
    features = torch.cat([features_behind(generator, code, layer)[1] for code in codes.split(1)])
    return features.std(dim=(0, 2, 3))[None, :, None, None]


def fit_residual(
    generator: Generator,
    identity: Identity,
    likeness: Likeness,
    face: Fitted,
    spread: Tensor,
    settings: ResidualSettings,
    weights: LikenessWeights,
    report: Report,
) -> tuple[Fitted, bool]:
    """Fit a face's residual, and the rows above its layer up to `OFFSET_ROWS`, through a preview.

    Args:
        likeness: the photo.
        face: to start from; without a residual the map starts at 0.
        spread: of `channel_spread`.

    Returns:
        The best face seen, and whether the callback asked to stop.
    """
    layer = residual_layer(generator)
    with torch.no_grad():
        below, plain = features_behind(generator, face.code[None], layer)
        theta = torch.zeros_like(plain) if face.residual is None else face.residual.features.to(spread) / spread
    theta.requires_grad_(True)
    shift = torch.zeros_like(face.code, requires_grad=True)
    moves = torch.zeros(len(face.code), 1, device=face.code.device)
    moves[1 + max(generator.layers[layer].rows) : OFFSET_ROWS] = 1

    def attempt() -> tuple[Fitted, Tensor, Tensor]:
        code, features = face.code + moves * shift, spread * theta
        x = plain + features
        rgb = layer_rgb(generator, layer, x, code[None], below.rgb)
        picture = finish_from(generator, code[None], Resume(layer + 1, x, rgb))
        loss = likeness.total(likeness.parts(picture, identity), weights)
        loss = loss + settings.size * theta.square().mean() + settings.shift * shift.square().mean()
        return Fitted(code.detach(), Residual(layer, features.detach())), picture, loss

    rates = [([theta], settings.lr), ([shift], settings.row_lr)]
    return descend(rates, settings.steps, attempt, report, settings.live_every)
