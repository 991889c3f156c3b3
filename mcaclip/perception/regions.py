"""Named regions of a face, as soft masks from a parsing: where "lipstick" or "goatee" may act."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.parsing_head import CLASSES

CHIN_HEIGHT = 0.95
"""Largest distance of the chin's edge from the lips, in widths of the mouth."""
LID_HEIGHT = 0.04
"""How far eyeshadow reaches above the eyes, in sides of an aligned picture."""


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


def _grid(like: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column numbers, `[1, 1, H, 1]` and `[1, 1, 1, W]`."""
    height, width = like.shape[-2:]
    y = torch.arange(height, device=like.device).view(1, 1, -1, 1).float()
    return y, torch.arange(width, device=like.device).view(1, 1, 1, -1).float()


def _chin(probabilities: Tensor) -> Tensor:
    """Skin between the lower lip and the edge of the chin, a little wider than the mouth.

    It ends at most one mouth's width below the lips: parsers often label a throat as skin.
    """
    y, x = _grid(probabilities)
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


def _moustache(probabilities: Tensor) -> Tensor:
    """Skin between the nose and the upper lip, falling off towards the corners of the mouth."""
    y, x = _grid(probabilities)
    lips = _classes(probabilities, "u_lip", "l_lip", "mouth")
    left, right = _extent(lips, 3)
    top, bottom = _extent(lips, 2)
    _, nose_end = _extent(_classes(probabilities, "nose"), 2)
    width = (right - left).clamp_min(1.0)
    across = (x - (left + right) / 2).abs() / (0.66 * width)
    gap = (top + 0.25 * (bottom - top) - nose_end).clamp_min(0.1 * width)
    below_nose = torch.sigmoid((y - nose_end - gap * across.square()) / (0.03 * width))
    above_lip = torch.sigmoid((top + 0.45 * (bottom - top) - y) / (0.03 * width))
    return _classes(probabilities, "skin") * below_nose * above_lip * torch.sigmoid((1 - across) / 0.06)


def _jaw(probabilities: Tensor) -> Tensor:
    """The chin and the band of the jaw up to the ears: where a beard grows."""
    y, x = _grid(probabilities)
    lips = _classes(probabilities, "u_lip", "l_lip", "mouth")
    left, right = _extent(lips, 3)
    _, bottom = _extent(lips, 2)
    _, nose_end = _extent(_classes(probabilities, "nose"), 2)
    width = (right - left).clamp_min(1.0)
    away = (x - (left + right) / 2).abs() / width
    edge = bottom + 0.05 * width - ((away - 0.5) / 0.6).clamp(0, 1) * (bottom - nose_end + 0.3 * width)
    below = torch.sigmoid((y - edge) / (0.03 * width))
    throat = torch.sigmoid((bottom + 1.15 * width - y) / (0.04 * width))
    return _classes(probabilities, "skin") * below * throat * torch.sigmoid((1.7 - away) / 0.06)


def _cheeks(probabilities: Tensor) -> Tensor:
    """Skin on both sides of the nose, between the eyes and the mouth."""
    y, x = _grid(probabilities)
    lips = _classes(probabilities, "u_lip", "l_lip", "mouth")
    left, right = _extent(lips, 3)
    nose_top, nose_end = _extent(_classes(probabilities, "nose"), 2)
    width, height = (right - left).clamp_min(1.0), (nose_end - nose_top).clamp_min(1.0)
    away = ((x - (left + right) / 2).abs() - 0.72 * width) / (0.36 * width)
    level = (y - nose_end + 0.22 * height) / (0.26 * height)
    inside = torch.sigmoid((1 - away.square() - level.square()) / 0.25)
    return _classes(probabilities, "skin") * inside


def _eyelids(probabilities: Tensor) -> Tensor:
    """Skin above the eyes, on half of the way to the brows: where eyeshadow is worn."""
    eyes = dilate(sharpen(_classes(probabilities, "l_eye", "r_eye")), probabilities.shape[-1] // 128)
    height = round(LID_HEIGHT * probabilities.shape[-1])
    above = F.max_pool2d(F.pad(eyes, (0, 0, 0, height)), (height + 1, 1), stride=1)
    brows = sharpen(_classes(probabilities, "l_brow", "r_brow"))
    return above * (1 - sharpen(_classes(probabilities, "l_eye", "r_eye"))) * (1 - brows)


REGIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "lips": lambda p: _classes(p, "u_lip", "l_lip"),
    "hair": lambda p: _classes(p, "hair"),
    "goatee": _chin,
    "beard": _jaw,
    "moustache": _moustache,
    "facial hair": lambda p: torch.maximum(_jaw(p), _moustache(p)),
    "brows": lambda p: _classes(p, "l_brow", "r_brow"),
    "eyes": lambda p: _classes(p, "l_eye", "r_eye"),
    "eyelids": _eyelids,
    "skin": lambda p: _classes(p, "skin", "nose", "l_ear", "r_ear", "neck"),
    "cheeks": _cheeks,
    "teeth": lambda p: _classes(p, "mouth"),
    "ears": lambda p: _classes(p, "l_ear", "r_ear"),
    "background": lambda p: _classes(p, "background"),
    "clothes": lambda p: _classes(p, "cloth"),
}
"""Region name to a function of parsing probabilities `[B, 19, H, W]` that gives `[B, 1, H, W]` in [0, 1]."""


def region(probabilities: Tensor, name: str) -> Tensor:
    """The soft mask `[B, 1, H, W]` of one of `REGIONS`."""
    return REGIONS[name](probabilities)


def sharpen(mask: Tensor) -> Tensor:
    """Raise the contrast of thin parts: `[B, 1, H, W]` in [0, 1] becomes 1 from 0.6 up and 0 up to 0.2."""
    return ((mask - 0.2) / 0.4).clamp(0, 1)


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Grow a `[B, 1, H, W]` mask by `radius` pixels (square element)."""
    if radius <= 0:
        return mask
    # a square is a column of rows: two narrow maxima cost a fraction of the wide one
    rows = F.max_pool2d(mask, (1, 2 * radius + 1), stride=1, padding=(0, radius))
    return F.max_pool2d(rows, (2 * radius + 1, 1), stride=1, padding=(radius, 0))


def around(probabilities: Tensor, where: str | Sequence[str], margin: int, without: Sequence[str] = ()) -> Tensor:
    """The mask `[B, 1, H, W]` of one of `REGIONS` or of several classes, grown.

    Args:
        margin: pixels by which it grows.
        without: classes that are then taken out of it.
    """
    chosen = region(probabilities, where) if isinstance(where, str) else _classes(probabilities, *where)
    grown = dilate(sharpen(chosen), margin)
    return grown * (1 - sharpen(_classes(probabilities, *without))) if without else grown


def face_width(probabilities: Tensor) -> Tensor:
    """Width of the face (skin, eyes, nose, lips) in pixels, `[B]`."""
    face = _classes(probabilities, "skin", "nose", "l_eye", "r_eye", "u_lip", "l_lip")
    left, right = _extent(face, 3)
    return (right - left + 1).flatten()
