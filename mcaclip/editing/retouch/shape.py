"""Eyes, lips and nose."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.photo_parts import GLASSES, PhotoParts
from mcaclip.editing.retouch.filters import behind_film, blur, mean_inside, with_lab
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.nn.ops import resize_mask, smooth
from mcaclip.perception.regions import dilate

LINER_WIDTH, LINER_COLOUR = 0.011, (0.16, 0.13, 0.13)
"""Width of eyeliner above the eye, in sides of the picture, and what it leaves of the light."""
GLOSS_RADIUS, GLOSS = 1 / 90, 0.9
"""Radius of the surroundings that a light on the lips stands out from, and how much stronger it becomes."""
WHITE_RADIUS, IRIS_RADIUS = 1 / 28, 1 / 120
"""Radius of the eye that its white stands out from, and of the detail of an iris."""
WHITENED, CLEARED, IRIS_CONTRAST = 12.0, 0.4, 0.35
"""What the white of an eye gains in L, the share of its colour that goes, and what an iris gains in contrast."""
NOSE_GROWN, NOSE_SOFT = 7, 4
"""Pixels at 256 px by which the nose is grown, and the radius of its soft edge: the skin around it follows."""
NOSE_TOP = 0.45
"""Share of the nose's height, from its top, in which it begins to change: the bridge stays."""
BIG_NOSE, SMALL_NOSE = (0.16, 0.05), (-0.18, -0.06)
"""What a nose gains in width and height at amount 1."""


def eye_rims(parts: PhotoParts, side: int) -> Tensor:
    """Along the upper lid, and thinner along the lower one."""
    eyes, width = parts.part("eyes", side), LINER_WIDTH * side
    above = torch.stack([eyes.roll(-max(1, round(width * share)), 2) for share in (0.5, 1)]).amax(0)
    below = eyes.roll(max(1, round(width / 3)), 2)
    return torch.maximum(above, 0.6 * below) * (1 - eyes)


def with_eyeliner(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """A dark line."""
    return behind_film(picture, mask * min(1.0, 0.85 * amount), LINER_COLOUR)


def glossy(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Lights on the lips become stronger, and what lies between them a little deeper."""
    light = picture.mean(1, keepdim=True)
    detail = light - mean_inside(light, mask, GLOSS_RADIUS)
    return picture + amount * mask * (GLOSS * detail.clamp_min(0) + 0.3 * detail.clamp_max(0))


def inside_eyes(parts: PhotoParts, side: int) -> Tensor:
    """The eyes without their rims."""
    eyes = parts.part("eyes", side)
    return eyes * ((blur(eyes, 1 / 256) - 0.4) / 0.4).clamp(0, 1)


def with_bright_eyes(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """The white of the eyes is lighter and less red, the iris has more contrast and a little more colour."""
    lab = srgb_to_lab(picture)
    above = lab[:, :1] - mean_inside(lab[:, :1], mask, WHITE_RADIUS)
    white = torch.sigmoid((above - 2) / 3)
    gain = min(1.5, amount) * mask
    light = WHITENED * white + IRIS_CONTRAST * (1 - white) * (lab[:, :1] - mean_inside(lab[:, :1], mask, IRIS_RADIUS))
    colour = lab[:, 1:] * (0.2 * (1 - white) - CLEARED * white)
    return with_lab(picture, gain * torch.cat([light, colour], 1))


def around_nose(parts: PhotoParts, side: int) -> Tensor:
    """The nose but for its bridge, with a wide soft edge; glasses are spared."""
    nose = parts.part("nose", 256)
    rows = nose.sum(3).flatten() > 1
    if not rows.any():
        return nose.new_zeros(1, 1, side, side)
    first, last = (int(n) for n in rows.nonzero()[[0, -1], 0])
    below = (torch.arange(256, device=nose.device) - first) / max(1, last - first)
    ramp = ((below - NOSE_TOP / 2) / NOSE_TOP).clamp(0, 1).view(1, 1, -1, 1)
    glasses = torch.stack([parts.part(label, 256) for label in GLASSES]).amax(0)
    soft = smooth(dilate(nose, NOSE_GROWN) * ramp * (1 - dilate(glasses, 3)), NOSE_SOFT)
    # smoothed once more: the corners of an enlarged mask would show as ripples
    return blur(resize_mask(soft, side), 1 / 256)


def with_nose(picture: Tensor, mask: Tensor, amount: float, growth: tuple[float, float]) -> Tensor:
    """A nose that grows about its middle; the skin around it is stretched.

    Args:
        growth: of width and height, at amount 1.
    """
    if not mask.any():
        return picture
    return F.grid_sample(picture, nose_grid(mask, amount, growth), "bicubic", "border", align_corners=False)


def nose_grid(mask: Tensor, amount: float, growth: tuple[float, float]) -> Tensor:
    """Where each pixel comes from, `[1, S, S, 2]` as x and y in [-1, 1]."""
    side = mask.shape[-1]
    at = (2 * torch.arange(side, device=mask.device, dtype=mask.dtype) + 1) / side - 1
    grid = torch.stack([at.expand(side, side), at[:, None].expand(side, side)], -1)[None]
    weight = mask[0, :, :, :, None]
    middle = (grid * weight).sum((1, 2), keepdim=True) / weight.sum().clamp_min(1e-6)
    return grid - amount * mask.new_tensor(growth) * weight * (grid - middle)
