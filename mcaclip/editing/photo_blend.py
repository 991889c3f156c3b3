"""An edit of a photo is the photo: its own pixels outside the masks, its own fine detail inside them.

The generator's picture of a photo lacks pores, grain and strands. What an edit changed, the difference of its two
pictures, is carried over to the photo. Where the edit draws something new, the detail of what was there fades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mcaclip.editing.dye import Dye, apply, reach
from mcaclip.editing.photo_parts import Surroundings
from mcaclip.nn.ops import box_mean, resize_mask, smooth

WINDOW_SIDE = 256
"""The structure is compared in a picture of this side."""
RADIUS = 4
"""Of the windows, in pixels, within which the structure is compared."""
LIGHT_SIDE, LIGHT_RADIUS, UNLIKE = 64, 5, 3.0
"""Side of the picture, and radius of the windows in it, in which the light of a photo is compared; how soon structure
counts as unlike."""
SHARED, NEW = 0.8, 0.35
"""Structure in common from which an edit keeps all of the photo's detail, as at half the contrast, and up to which it
keeps none."""
FEW = 1e-3
"""Share of a window from which it says what the light is there."""
SOFT = 3
"""Radius in pixels of the windows that soften the edge of what is taken away."""
FLAT = 0.03
"""Contrast, as a standard deviation of lightness in [-1, 1], below which a window counts as flat."""


def carry_over(
    photo: Tensor | None,
    source: Tensor,
    edited: Tensor,
    mask: Tensor | None = None,
    around: Surroundings | None = None,
    dyes: Sequence[Dye] = (),
    moved: bool = False,
) -> Tensor:
    """The edit on the photo.

    Where `edited` equals `source`, as it does outside the masks, the result is the photo, bit for bit.

    Args:
        photo: `[3, s, s]` in [-1, 1], of any size; None for a generated face, whose edit is `edited` itself.
        source: the generator's picture of the photo, `[1, 3, S, S]`, not clamped.
        edited: its picture of the edit, alike.
        mask: `[1, 1, s, s]` in [0, 1], where the edit acts; None: everywhere.
        around: what stays of the photo whatever the edit says, and what the edit uncovers; None: nothing.
        dyes: colours on parts that the photo has, which are not carried over but dyed.
        moved: whether the edit also changes shapes, so that a part may no longer be where the photo has it.

    Returns:
        `[1, 3, S, S]`, not clamped.
    """
    if photo is None:
        return edited
    side = source.shape[-1]
    photo, source, edited = resize_mask(photo[None], side).to(source), source.clamp(-1, 1), edited.clamp(-1, 1)
    new = ((SHARED - shared_structure(source, edited)) / (SHARED - NEW)).clamp(0, 1)
    if around is not None and around.anew is not None:
        new = torch.maximum(new, resize_mask(around.anew, side))
    if mask is not None:
        new = new * resize_mask(mask, side)
    change = (edited - source) - new * (photo - source) + _light_of_the_photo(photo, source, new, around)
    still = None if around is None else around.still
    change = change if still is None else (1 - still) * change
    if moved:
        dyes = [one if one.firm else replace(one, mask=resize_mask(one.mask, side) * (1 - new)) for one in dyes]
    made = photo + (1 - reach(dyes, side)) * change
    for dye in dyes:
        made = apply(dye, made, photo, source, edited, still)
    if around is not None and around.bared is not None and around.behind is not None:
        made = torch.lerp(made, around.behind, around.bared)
    # exactly the photo where nothing was edited, which rounding alone would not give
    return torch.where((edited == source).all(1, keepdim=True), photo, made)


def _light_of_the_photo(photo: Tensor, source: Tensor, new: Tensor, around: Surroundings | None) -> Tensor | float:
    """What makes things that are new, `[1, 1, S, S]` in [0, 1], stand in the photo's light before its background."""
    if around is None or around.skin is None:
        return 0.0
    light = _light(photo, source, around.skin)
    if around.shown is not None and around.tint is not None:
        light = torch.lerp(light, resize_mask(around.tint, light.shape[-1]), around.shown)
    return new * light


def taken_away(image: Tensor, photo: Tensor, edited: Tensor, gone: Tensor, skin: Tensor) -> Tensor:
    """A picture without a thing: the edit in the photo's light, where the photo is unlike it and the thing may be.

    Args:
        image: `[1, 3, S, S]` in [-1, 1], the edit on the photo.
        photo: `[3, s, s]`, the photo.
        edited: `[1, 3, S, S]`, the generator's picture of the edit, not clamped.
        gone: `[1, 1, n, n]` in [0, 1], where the thing was.
        skin: `[1, 1, n, n]` in [0, 1], bare skin, from which the light is taken.
    """
    side = image.shape[-1]
    photo, edited = resize_mask(photo[None], side).to(image), edited.clamp(-1, 1)
    fitted = (edited + _light(photo, edited, skin * (1 - gone))).clamp(-1, 1)
    unlike = (UNLIKE * (1 - shared_structure(photo, fitted))).clamp(max=1)
    return torch.lerp(image, fitted, resize_mask(smooth(gone, SOFT), side) * unlike)


def _light(photo: Tensor, picture: Tensor, where: Tensor) -> Tensor:
    """What the photo's light differs by from a picture's `[1, 3, S, S]`, as read off the places of a mask."""
    where = resize_mask(where, LIGHT_SIDE)
    light = resize_mask(photo, LIGHT_SIDE) - resize_mask(picture, LIGHT_SIDE)
    mean = (light * where).sum((2, 3), keepdim=True) / where.sum().clamp_min(1e-6)  # for where no such place is near
    near, weight = (smooth(one, LIGHT_RADIUS) for one in (light * where, where))
    return resize_mask((near + FEW * mean) / (weight + FEW), picture.shape[-1])


def shared_structure(first: Tensor, second: Tensor) -> Tensor:
    """How far two pictures `[B, 3, S, S]` show the same edges and lines at each place, `[B, 1, S, S]` in [0, 1].

    Lightness does not count, and contrast little, so that a change of colour keeps its structure; flat places are
    alike.
    Source: the product of contrast and structure in SSIM (Wang et al. 2004).
    """
    a, b = (resize_mask(picture.mean(1, keepdim=True), WINDOW_SIDE) for picture in (first, second))
    mean_a, mean_b = box_mean(a, RADIUS), box_mean(b, RADIUS)
    variances = box_mean(a.square() + b.square(), RADIUS) - mean_a.square() - mean_b.square()
    covariance = box_mean(a * b, RADIUS) - mean_a * mean_b
    alike = (2 * covariance + FLAT**2) / (variances.clamp_min(0) + FLAT**2)
    return resize_mask(box_mean(alike.clamp(0, 1), RADIUS), first.shape[-1])
