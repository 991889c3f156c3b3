"""The uppermost rows, fitted on small windows of the full-size picture: they carry colour, contrast and texture.

The preview only guesses what these rows do, so a code that is right there may have another colour at full size. The
layers below stay as they are; of those above only a few windows per step are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import TOP_LAYER, PreviewGenerator
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.generators.upper_window import CELLS, upper_picture, window_at
from mcaclip.inversion.fitted import Fitted
from mcaclip.inversion.likeness import face_weight
from mcaclip.inversion.report import Report

FIRST_ROW = TOP_LAYER + 1
LAST_ROW = 15
MARGIN = 2
"""Cells of the 128 px map at a window's edge that lack their neighbours."""


@dataclass(frozen=True)
class FinishSettings:
    """Effort of the full-size steps.

    Attributes:
        steps: optimiser steps (about 0.08 s each on two CPU cores); 0 leaves the code as it is.
        windows: windows a step.
        side: side of a window in cells of the 128 px map (8 pixels each).
        lr: Adam's learning rate at the start; it falls by a cosine.
        shift: weight of the mean squared shift of the rows.
        live_every: steps between two reports.
    """

    steps: int = 20
    windows: int = 8
    side: int = 18
    lr: float = 0.025
    shift: float = 0.08
    live_every: int = 7


def finish_upper_rows(
    generator: PreviewGenerator, image: Tensor, face: Fitted, settings: FinishSettings, report: Report
) -> Tensor:
    """The face's code `[18, 512]` with rows 11-15 fitted to its `image [3, S, S]` in [-1, 1]."""
    full, code = generator.full, face.code
    target = F.interpolate(image[None], size=(1024, 1024), mode="bilinear", antialias=True, align_corners=False)
    target = F.avg_pool2d(target, 4)
    weight = face_weight(target.shape[-1]).to(target)
    with torch.no_grad():
        features = synthesize(of_face(generator, face.residual), code[None], keep=(TOP_LAYER,)).features[TOP_LAYER]
    shift = torch.zeros(LAST_ROW + 1 - FIRST_ROW, code.shape[1], device=code.device, requires_grad=True)
    optimizer = torch.optim.Adam([shift], lr=settings.lr, betas=(0.8, 0.98))
    rng = np.random.default_rng(0)
    for step in range(settings.steps):
        progress = step / settings.steps
        optimizer.param_groups[0]["lr"] = settings.lr * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))
        moved = _moved(code, shift)
        corners = [_corner(weight, settings.side, rng) for _ in range(settings.windows)]
        terms = [_window_loss(full, features, moved, target, weight, corner, settings.side) for corner in corners]
        loss = torch.stack(terms).mean() + settings.shift * shift.square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        last = step == settings.steps - 1
        if (last or step % settings.live_every == 0) and report((step + 1) / settings.steps):
            break
    return _moved(code, shift.detach())


def _moved(code: Tensor, shift: Tensor) -> Tensor:
    return torch.cat([code[:FIRST_ROW], code[FIRST_ROW : LAST_ROW + 1] + shift, code[LAST_ROW + 1 :]])


def _corner(weight: Tensor, side: int, rng: np.random.Generator) -> tuple[int, int]:
    """A window's upper left cell: half of them anywhere, half in the face."""
    low, high = (0.0, 1.0) if rng.random() < 0.5 else (0.25, 0.8)
    span = CELLS - side
    y, x = (round(v) for v in rng.uniform(low, high, 2) * span)
    return y, x


def _window_loss(
    full: MobileStyleGAN,
    features: Tensor,
    code: Tensor,
    target: Tensor,
    weight: Tensor,
    corner: tuple[int, int],
    side: int,
) -> Tensor:
    """Absolute difference at 256 and 32 px inside one window."""
    y, x = corner
    ys, xs = window_at(corner, side, 1)
    picture = F.avg_pool2d(upper_picture(full, features[:, :, ys, xs], code[None], corner), 4)
    rows, columns = _cells(y, side, 2), _cells(x, side, 2)
    inner = slice(2 * MARGIN, 2 * (side - MARGIN))
    difference = picture[:, :, inner, inner] - target[:, :, rows, columns]
    here = weight[:, :, rows, columns]
    coarse = F.avg_pool2d(difference, 8).abs() * F.avg_pool2d(here, 8)
    return (difference.abs() * here).mean() + 2 * coarse.mean()


def _cells(first: int, side: int, scale: int) -> slice:
    return slice(scale * (first + MARGIN), scale * (first + side - MARGIN))
