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
from mcaclip.nn.ops import box_mean, resize_mask

WINDOW_SIDE = 256
"""The structure is compared in a picture of this side."""
RADIUS = 4
"""Of the windows, in pixels, within which the structure is compared."""
LIGHT_RADIUS, UNLIKE = 20, 3.0
"""Radius in pixels of the windows in which the light of a photo is compared; how soon structure counts as unlike."""
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
    new = 1 - shared_structure(source, edited)
    if mask is not None:
        new = new * resize_mask(mask, side)
    change = (edited - source) - new * (photo - source)
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


def taken_away(image: Tensor, photo: Tensor, edited: Tensor, gone: Tensor, skin: Tensor) -> Tensor:
    """A picture without a thing: the edit in the photo's light, where the photo is unlike it and the thing may be.

    Args:
        image: `[1, 3, S, S]` in [-1, 1], the edit on the photo.
        photo: `[3, s, s]`, the photo.
        edited: `[1, 3, S, S]`, the generator's picture of the edit, not clamped.
        gone: `[1, 1, n, n]` in [0, 1], where the thing was.
        skin: `[1, 1, n, n]` in [0, 1], bare skin, from which the light is taken.
    """
    side, coarse = image.shape[-1], gone.shape[-1]
    photo, edited = resize_mask(photo[None], side).to(image), edited.clamp(-1, 1)
    weights = skin * (1 - gone) + 1e-5
    light = resize_mask(photo, coarse) - resize_mask(edited, coarse)
    smooth = [box_mean(box_mean(one, LIGHT_RADIUS), LIGHT_RADIUS) for one in (light * weights, weights)]
    fitted = (edited + resize_mask(smooth[0] / smooth[1], side)).clamp(-1, 1)
    unlike = (UNLIKE * (1 - shared_structure(photo, fitted))).clamp(max=1)
    return torch.lerp(image, fitted, resize_mask(box_mean(gone, 1), side) * unlike)


def shared_structure(first: Tensor, second: Tensor) -> Tensor:
    """How far two pictures `[B, 3, S, S]` show the same edges and lines at each place, `[B, 1, S, S]` in [0, 1].

    Lightness and contrast do not count, so that a change of colour keeps its structure; flat places are alike.
    Source: the structure term of SSIM (Wang et al. 2004).
    """
    a, b = (resize_mask(picture.mean(1, keepdim=True), WINDOW_SIDE) for picture in (first, second))
    mean_a, mean_b = box_mean(a, RADIUS), box_mean(b, RADIUS)
    deviation_a = (box_mean(a.square(), RADIUS) - mean_a.square()).clamp_min(0).sqrt()
    deviation_b = (box_mean(b.square(), RADIUS) - mean_b.square()).clamp_min(0).sqrt()
    covariance = box_mean(a * b, RADIUS) - mean_a * mean_b
    alike = (covariance + FLAT**2) / (deviation_a * deviation_b + FLAT**2)
    return resize_mask(box_mean(alike.clamp(0, 1), RADIUS), first.shape[-1])
