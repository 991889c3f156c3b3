"""Retouches that make the whole picture look made by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.retouch.filters import blur, encoded, linear, luminance

STROKE = 0.008
"""Width of a brush stroke, in sides of the picture."""
PIGMENT = 1.25
"""Factor on the colours' distance from grey, as paint is richer than a photo."""
LINE = 0.012
"""Width of the neighbourhood against which a pencil line is dark, in sides of the picture."""
PRESSURE = 3.0
"""How dark lines are drawn, as a power of their light."""
SHADE = 0.35
"""Share of the picture's own shading that hatching keeps."""


def painted(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Strokes of one colour that end at edges.

    Source: the filter of Kuwahara et al. (1976): each place takes the mean of the most even of the four squares
    around it.
    """
    radius = max(1, round(STROKE * amount * picture.shape[-1]))
    side = radius + 1
    padded = F.pad(picture, (radius,) * 4, mode="replicate")
    means = F.avg_pool2d(padded, side, 1)
    spread = (F.avg_pool2d(padded.square(), side, 1) - means.square()).sum(1, keepdim=True)
    height, width = picture.shape[-2:]
    best, made = torch.full_like(picture[:, :1], torch.inf), picture
    for top in (0, radius):
        for left in (0, radius):
            here = (..., slice(top, top + height), slice(left, left + width))
            smoother = spread[here] < best
            best, made = torch.where(smoother, spread[here], best), torch.where(smoother, means[here], made)
    grey = made.mean(1, keepdim=True)
    return torch.lerp(picture, (grey + PIGMENT * (made - grey)).clamp(-1, 1), mask * min(1.0, 2 * amount))


def drawn(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Pencil on white paper: lines where the picture is darker than its surroundings, and faint hatching."""
    light = (encoded(luminance(linear(picture))) + 1) / 2
    lines = (light / blur(light, LINE).clamp_min(0.02)).clamp(0, 1) ** PRESSURE
    paper = lines * (1 - SHADE * (1 - blur(light, LINE)))
    return torch.lerp(picture, (2 * paper - 1).expand_as(picture), mask * min(1.0, amount))
