"""Named regions of a face, as soft masks from a parsing: where "lipstick" or "goatee" may act."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.parsing_head import CLASSES

CHIN_HEIGHT = 0.95
"""Largest distance of the chin's edge from the lips, in widths of the mouth."""


def _classes(probabilities: Tensor, *names: str) -> Tensor:
    """Summed probability of the named classes, `[B, 1, H, W]`."""
    return probabilities[:, [CLASSES.index(name) for name in names]].sum(1, keepdim=True)


def _extent(mask: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """First and last row (axis 2) or column (axis 3) that a `[B, 1, H, W]` mask covers, `[B, 1, 1, 1]` each.

    Single stray pixels do not count: a row must hold 10 % of the fullest row's sum.
    """
    profile = mask.sum(dim=5 - axis).flatten(1)
    covered = profile > 0.1 * profile.amax(1, keepdim=True).clamp_min(1e-6)
    size = profile.shape[1]
    first = covered.float().argmax(1)
    last = size - 1 - covered.flip(1).float().argmax(1)
    return first.float().view(-1, 1, 1, 1), last.float().view(-1, 1, 1, 1)


def _chin(probabilities: Tensor) -> Tensor:
    """Skin between the lower lip and the edge of the chin, a little wider than the mouth.

    It ends at most one mouth's width below the lips: a throat is often taken for skin.
    """
    height, width = probabilities.shape[-2:]
    y = torch.arange(height, device=probabilities.device).view(1, 1, -1, 1).float()
    x = torch.arange(width, device=probabilities.device).view(1, 1, 1, -1).float()
    lips = _classes(probabilities, "u_lip", "l_lip", "mouth")
    skin = _classes(probabilities, "skin")
    left, right = _extent(lips, 3)
    top, bottom = _extent(lips, 2)
    middle, mouth_width = (left + right) / 2, (right - left).clamp_min(1.0)
    lip_height = (bottom - top).clamp_min(1.0)
    # the sides taper towards the chin as a trimmed goatee does; half a lip below the mouth corners is skin
    depth = ((y - bottom) / mouth_width).clamp(0, 1)
    half_width = mouth_width * (0.56 - 0.16 * depth)
    beside = torch.sigmoid((half_width - (x - middle).abs()) / (0.03 * mouth_width))
    below = torch.sigmoid((y - bottom - 0.05 * lip_height) / (0.02 * mouth_width))
    above_throat = torch.sigmoid((bottom + CHIN_HEIGHT * mouth_width - y) / (0.04 * mouth_width))
    return skin * beside * below * above_throat


REGIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "lips": lambda p: _classes(p, "u_lip", "l_lip"),
    "hair": lambda p: _classes(p, "hair"),
    "goatee": _chin,
    "brows": lambda p: _classes(p, "l_brow", "r_brow"),
    "eyes": lambda p: _classes(p, "l_eye", "r_eye"),
    "skin": lambda p: _classes(p, "skin", "nose", "l_ear", "r_ear", "neck"),
    "background": lambda p: _classes(p, "background"),
}
"""Region name to a function of parsing probabilities `[B, 19, H, W]` that gives `[B, 1, H, W]` in [0, 1]."""


def region(probabilities: Tensor, name: str) -> Tensor:
    """The soft mask `[B, 1, H, W]` of one of `REGIONS`."""
    return REGIONS[name](probabilities)


def sharpen(mask: Tensor) -> Tensor:
    """Make up a parser's mind about thin parts: `[B, 1, H, W]` in [0, 1], full from 0.6 and empty to 0.2."""
    return ((mask - 0.2) / 0.4).clamp(0, 1)


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Grow a `[B, 1, H, W]` mask by `radius` pixels (square element)."""
    return F.max_pool2d(mask, 2 * radius + 1, stride=1, padding=radius) if radius > 0 else mask


def face_width(probabilities: Tensor) -> Tensor:
    """Width of the face (skin, eyes, nose, lips) in pixels, `[B]`."""
    face = _classes(probabilities, "skin", "nose", "l_eye", "r_eye", "u_lip", "l_lip")
    left, right = _extent(face, 3)
    return (right - left + 1).flatten()
