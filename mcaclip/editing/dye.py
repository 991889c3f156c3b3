"""A colour on a photo's part, as a dye would give it.

A colour that the generator makes is one shift of all features: dark hair becomes light by an equal amount in its
shadows and its highlights, which takes its strands away, and its hue depends on what was there before. On a photo
the edit therefore decides where and how far the colour changes; the photo gives the strands, curls and gloss, and the
words give the hue.

Three laws of light are behind it. Shading is multiplied, so dark places stay darker than light ones by the same ratio
(Retinex; Land and McCann 1971). A dye absorbs more where less light returns, so shadows are more saturated and, of a
blonde, browner (Beer and Lambert). At an edge a pixel mixes what lies on both sides (Smith and Blinn, "Blue Screen
Matting", 1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mcaclip.imaging.colour import lab_to_srgb, srgb_to_lab
from mcaclip.nn.ops import resize_mask, smooth

MEANS_SIDE = 128
"""Colours are averaged in pictures of about this side."""
SHADING, EDGE, RIM = 12, 5, 3
"""Radii at `MEANS_SIDE` of the windows in which the part's colour is averaged, the colours beside an edge, and the
mask, for what is surely inside of it."""
FAR = 4
"""How much wider surroundings are looked for where there are none near."""
BLACK = 0.1
"""Light, in [0, 1] as encoded, that is added before shades are compared, so that noise in black is not blown up."""
LIFTED, LIFTED_ALONE = 0.5, 0.8
"""`Dye.lifted` where a network has changed the lightness already, and where the dye alone does."""
PIGMENT = 0.5
"""Share of the shading that follows the absorption of the dye; the rest is the same in all channels."""
KNEE = 0.85
"""Light above which highlights are compressed."""
WHOLE_CHANGE = 0.25
"""Change of the mean colour, as the largest channel in [0, 1], from which a place is dyed and no longer tinted."""
SURELY_IN, SURELY_OUT = 0.8, 0.05
"""Of a mask: what counts as the part, and as its surroundings, when the colours beside an edge are averaged."""
UNSURE = 6
"""How soon a pixel that is not wholly the part says little of its shade."""
APART, FAR_APART = 0.1, 0.25
"""Distance of those colours in [0, 1]: below the first a pixel says nothing of what it is, from the second all."""


@dataclass(frozen=True)
class Dye:
    """A named colour on a part.

    Attributes:
        mask: where, `[1, 1, s, s]` in [0, 1].
        colour: sRGB, 0..255.
        amount: 0..1, how much of it.
        firm: the part stays where it is when an edit moves shapes, as hair does and lips do not.
        part: its name, a key of `mcaclip.language.grammar.PART_NOUNS`.
        lifted: how far the part's mean lightness goes from what the network made of it to that of the named colour.
    """

    mask: Tensor
    colour: tuple[int, int, int]
    amount: float
    firm: bool = False
    part: str = ""
    lifted: float = LIFTED


class _Window(NamedTuple):
    """The square of a picture that a mask opens, at the side of the means and at full size."""

    means: tuple[slice, slice]
    full: tuple[slice, slice]
    side: int


def reach(dyes: Sequence[Dye], side: int) -> Tensor | float:
    """Where dyes take the place of the generator's own colours, `[1, 1, side, side]` in [0, 1]."""
    masks = [(4 * resize_mask(dye.mask, side)).clamp(max=1) for dye in dyes]
    return torch.stack(masks).amax(0) if masks else 0.0


def apply(dye: Dye, picture: Tensor, photo: Tensor, source: Tensor, edited: Tensor, still: Tensor | None) -> Tensor:
    """A picture with one dye.

    Args:
        dye: its mask may be of any side.
        picture: `[1, 3, S, S]` in [-1, 1], the photo with everything but the colour.
        photo: the photo, alike.
        source: the generator's picture of the photo, alike.
        edited: its picture of the edit, alike.
        still: `[1, 1, S, S]` in [0, 1], where the photo stays; None: nowhere.

    Returns:
        `[1, 3, S, S]`, equal to `picture` where the mask is 0.
    """
    side = picture.shape[-1]
    step = max(1, side // MEANS_SIDE)
    mask = resize_mask(dye.mask, side)
    coarse = resize_mask(mask, side // step)
    window = _window(coarse, step) if side % step == 0 else None
    if window is None:
        return picture
    means = [(resize_mask(one, side // step) + 1) / 2 for one in (picture, photo, source, edited)]
    inside = (coarse - SURELY_IN).clamp_min(0) / (1 - SURELY_IN)
    target, own = _targets(dye, means, inside + 1e-4 * coarse + 1e-7, side // step)
    light = (picture[..., window.full[0], window.full[1]] + 1) / 2
    open_ = mask[..., window.full[0], window.full[1]]
    if still is not None:
        open_ = open_ * (1 - still[..., window.full[0], window.full[1]])
    own = _enlarged(own, window)
    alpha, pure, unsure = _matte(
        light, open_, mask[..., window.full[0], window.full[1]], means[0], coarse, inside, window
    )
    # what is hardly the part says little of its shade
    dyed = _dyed(torch.lerp(pure, own, dye.amount * unsure), _enlarged(target, window), own)
    made = picture.clone()
    made[..., window.full[0], window.full[1]] += 2 * alpha * (dyed - pure)
    return made


def _window(mask: Tensor, step: int) -> _Window | None:
    """What a mask opens, with a margin; None where it is closed."""
    found = (mask[0, 0] > 0).nonzero()
    if not len(found):
        return None
    low, high = (found.amin(0) - 2).clamp_min(0).tolist(), (found.amax(0) + 3).clamp_max(mask.shape[-1]).tolist()
    means = slice(low[0], high[0]), slice(low[1], high[1])
    return _Window(means, (_times(means[0], step), _times(means[1], step)), step)


def _times(part: slice, step: int) -> slice:
    return slice(part.start * step, part.stop * step)


def _enlarged(means: Tensor, window: _Window) -> Tensor:
    cut = means[..., window.means[0], window.means[1]]
    size = [length * window.side for length in cut.shape[-2:]]
    return torch.nn.functional.interpolate(cut, size=size, mode="bilinear", align_corners=False)


def _mean(values: Tensor, weights: Tensor, radius: int) -> Tensor:
    return smooth(values * weights, radius) / smooth(weights, radius).clamp_min(1e-9)


def _radius(at_means_side: int, side: int) -> int:
    return max(1, round(at_means_side * side / MEANS_SIDE))


def _targets(dye: Dye, means: Sequence[Tensor], weights: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The colour that each place's surroundings in the part should have on average, and the one that they have."""
    radius = _radius(SHADING, side)
    picture, photo, source, edited = (_mean(one, weights, radius) for one in means)
    made = (photo + edited - source).clamp(0.02, 0.97)
    asked = srgb_to_lab(torch.tensor(dye.colour, dtype=made.dtype, device=made.device).view(1, 3, 1, 1) / 127.5 - 1)
    now = srgb_to_lab(2 * made - 1)
    lightness = now[:, :1] + dye.lifted * (asked[:, :1] - now[:, :1])
    # a darker shade of a colour is less chromatic as well
    hue = asked[:, 1:] * (lightness / asked[:, :1].clamp_min(1)).clamp(0.5, 1.2)
    named = ((lab_to_srgb(torch.cat([lightness, hue], 1)) + 1) / 2).clamp(0.02, 0.97)
    return made + dye.amount * (named - made), picture


def _dyed(light: Tensor, target: Tensor, own: Tensor) -> Tensor:
    """Pixels in [0, 1] of a part whose mean goes from `own` to `target`, both at each place."""
    gain = (target.mean(1, keepdim=True) + BLACK) / (own.mean(1, keepdim=True) + BLACK)
    absorption = -torch.log((target + BLACK / 2).clamp(max=0.97))
    relative = absorption / absorption.mean(1, keepdim=True)
    contrast = gain.clamp_min(1).rsqrt() * (1 - PIGMENT + PIGMENT * relative)
    changed = ((target - own).abs().amax(1, keepdim=True) / WHOLE_CHANGE).clamp(max=1)
    contrast = 1 + changed * (contrast.clamp(0.2, 1.6) - 1)
    dyed = (target + BLACK) * ((light + BLACK) / (own + BLACK)) ** contrast - BLACK
    bent = KNEE + (1 - KNEE) * torch.tanh((dyed - KNEE).clamp_min(0) / (1 - KNEE))
    return torch.where(dyed > KNEE, torch.lerp(dyed, bent, changed), dyed).clamp(0, 1)


def _matte(
    light: Tensor, open_: Tensor, mask: Tensor, means: Tensor, coarse: Tensor, inside: Tensor, window: _Window
) -> tuple[Tensor, Tensor, Tensor]:
    """The share of each pixel that is the part, the pixel if it were nothing else, and how unsure its shade then is.

    Beside an edge between two colours that differ, a pixel's colour says how much of it is the part; elsewhere the
    mask does.
    """
    radius = _radius(EDGE, coarse.shape[-1])
    outside = (SURELY_OUT - coarse).clamp_min(0) / SURELY_OUT
    part, near = _mean(means, inside + 1e-7, radius), _mean(means, outside + 1e-7, radius)
    # at the picture's border the surroundings may be far
    found = ((smooth(outside, radius) - 0.02) / 0.05).clamp(0, 1)
    around = torch.lerp(_mean(means, outside + 1e-7, FAR * radius), near, found)
    apart = part - around
    distance = apart.square().sum(1, keepdim=True).sqrt()
    says = ((distance - APART) / (FAR_APART - APART)).clamp(0, 1)
    for side, reaches in ((inside, radius), (outside, FAR * radius)):
        says = says * ((smooth(side, reaches) - 0.02) / 0.05).clamp(0, 1)
    says = says * (1 - smooth(inside, _radius(RIM, coarse.shape[-1])) ** 4)
    says, around, apart = (_enlarged(one, window) for one in (says, around, apart))
    along = ((light - around) * apart).sum(1, keepdim=True) / apart.square().sum(1, keepdim=True).clamp_min(1e-3)
    share = ((along - 0.25) / 0.7).clamp(0, 1)
    pure = (light + says * (1 - along.clamp(0, 1)) * apart).clamp(0, 1)
    return torch.lerp(open_, share * (8 * mask).clamp(max=1), says), pure, says * (1 - along.clamp(0, 1) ** UNSURE)
