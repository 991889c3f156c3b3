"""The areas of a face that words refer to: classes of the parser, and areas of bare skin without a class."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.face_parser import LABELS

GROUPS: Mapping[str, tuple[str, ...]] = {
    "background": ("background",), "skin": ("skin",), "nose": ("nose",), "glasses": ("eye_g",),
    "eyes": ("l_eye", "r_eye"), "brows": ("l_brow", "r_brow"), "ears": ("l_ear", "r_ear", "ear_r"),
    "mouth": ("mouth",), "lips": ("u_lip", "l_lip"), "hair": ("hair",), "hat": ("hat",),
    "neck": ("neck_l", "neck"), "clothes": ("cloth",), "beard": ("beard",), "moustache": ("moustache",),
    "goatee": ("goatee",),
}  # fmt: skip
"""Areas that are classes of the parser."""
SKIN_AREAS = ("forehead", "left cheek", "right cheek", "upper lip", "chin", "jaw", "eye rims")
"""Areas that are derived from the positions of eyes, nose and lips."""
AREAS = (*GROUPS, *SKIN_AREAS)
_FACE = ("skin", "nose", "beard", "moustache", "goatee")
_SHARPNESS = 0.6


def areas(parsed: Tensor) -> Tensor:
    """Masks of `AREAS`, `[B, len(AREAS), S, S]`, from probabilities `[B, len(LABELS), S, S]`; differentiable."""
    groups = [_sum(parsed, names) for names in GROUPS.values()]
    return torch.cat([*groups, *_skin_areas(parsed)], 1)


def _sum(parsed: Tensor, names: tuple[str, ...]) -> Tensor:
    return parsed[:, [LABELS.index(name) for name in names]].sum(1, keepdim=True)


def _skin_areas(parsed: Tensor) -> list[Tensor]:
    """One mask `[B, 1, S, S]` per name in `SKIN_AREAS`."""
    side = parsed.shape[-1]
    face, lips, eyes = _sum(parsed, _FACE), _sum(parsed, GROUPS["lips"]), _sum(parsed, GROUPS["eyes"])
    nose = _sum(parsed, ("nose",))
    x, y, width = _frame(lips + _sum(parsed, ("mouth",)), face)
    eye_row = _row(eyes + 0.2 * _sum(parsed, ("eye_g",)), y - 0.9 * width)
    nose_end = torch.maximum(_row(nose, (eye_row + y) / 2) + 0.2 * width, eye_row)
    rows = torch.arange(side, device=parsed.device).view(1, 1, -1, 1).float()
    columns = torch.arange(side, device=parsed.device).view(1, 1, 1, -1).float()

    def below(edge: Tensor) -> Tensor:
        return torch.sigmoid((rows - edge) / _SHARPNESS)

    def beside(half: Tensor) -> Tensor:
        return torch.sigmoid((half - (columns - x).abs()) / _SHARPNESS)

    brow_row, lip_end, mouth = eye_row - 0.45 * width, y + 0.22 * width, y - 0.25 * width
    forehead = face * (1 - below(brow_row))
    middle = face * below(eye_row + 0.2 * width) * (1 - below(y)) * (1 - beside(0.35 * width))
    left, right = middle * (columns < x), middle * (columns >= x)
    upper_lip = face * below(nose_end) * (1 - below(mouth + 0.2 * width)) * beside(0.6 * width)
    chin = face * below(lip_end) * beside(0.5 * width) * (1 - below(y + 1.2 * width))
    jaw = face * below(mouth) * (1 - beside(0.5 * width)) * (1 - below(y + 1.2 * width))
    rims = (_dilate(eyes, 3) - eyes).clamp(0, 1)
    return [forehead, left, right, upper_lip, chin, jaw, rims]


def _dilate(mask: Tensor, radius: int) -> Tensor:
    """Dilation by a square, rows before columns, which is cheaper."""
    side = 2 * radius + 1
    return F.max_pool2d(F.max_pool2d(mask, (side, 1), 1, (radius, 0)), (1, side), 1, (0, radius))


def _frame(mouth: Tensor, face: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Middle column and row of the mouth and its width, each `[B, 1, 1, 1]`; estimated from the face without one."""
    there = (mouth.sum((2, 3), keepdim=True) / 8).clamp(0, 1)
    x, y, across, _ = _moments(mouth)
    face_x, face_y, face_across, face_down = _moments(face)
    # a flat band of width b has a standard deviation of b / sqrt(12)
    width = there * 3.3 * across + (1 - there) * 1.5 * face_across
    x, y = there * x + (1 - there) * face_x, there * y + (1 - there) * (face_y + 0.9 * face_down)
    return x, y, width.clamp_min(4.0)


def _row(mask: Tensor, otherwise: Tensor) -> Tensor:
    """Mean row of a mask, or `otherwise` where it is empty."""
    there = (mask.sum((2, 3), keepdim=True) / 4).clamp(0, 1)
    return there * _moments(mask)[1] + (1 - there) * otherwise


def _moments(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean column and row, and their standard deviations, `[B, 1, 1, 1]` each."""
    line = torch.arange(mask.shape[-1], device=mask.device).float()
    total = mask.sum((2, 3), keepdim=True).clamp_min(1e-3)
    columns, rows = mask.sum(2, keepdim=True), mask.sum(3, keepdim=True)
    x = (columns * line).sum(3, keepdim=True) / total
    y = (rows * line.view(-1, 1)).sum(2, keepdim=True) / total
    across = ((columns * (line - x).square()).sum(3, keepdim=True) / total).sqrt()
    down = ((rows * (line.view(-1, 1) - y).square()).sum(2, keepdim=True) / total).sqrt()
    return x, y, across, down
