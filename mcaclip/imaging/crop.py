"""Oriented squares of a photo: cutting out a crop as FFHQ does, and pasting an edit back by the exact inverse.

Points and quads follow dlib and FFHQ: an integer coordinate is the *centre* of a pixel, so the photo spans
-0.5 .. width - 0.5. A quad is `[4, 2]`: top left, bottom left, bottom right, top right. A crop of side S maps its
pixel centre (i + 0.5) / S linearly onto the quad's sides.

Source: T. Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks", CVPR 2019,
appendix A.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import ImageError
from mcaclip.imaging.resample import resample
from mcaclip.nn.ops import resize_mask
from mcaclip.types import AlignedFace

ALIGNED_SIZE = 1024
"""Side in pixels of an aligned face."""

MIN_QUAD_SIDE = 16.0
"""Side in photo pixels of the smallest crop; dlib finds faces of 20 px, whose crops are twice as large."""
MAX_QUAD_SIDE = 4.0
"""Side of the largest crop in longer sides of the photo; a photo that shows half a face needs 2.4."""
MAX_REGION = 24_000_000
"""A photo is reduced until the crop and its padding have no more pixels than this (290 MB as floats)."""

_NO_CROP = "The crop is not a square around a face in the photo. Let the face be found again."


def crop_quad(photo: np.ndarray, quad: np.ndarray, size: int) -> tuple[Tensor, np.ndarray]:
    """Cuts an oriented square out of a photo, padded softly where it leaves the photo.

    Args:
        photo: `uint8 [H, W, 3]`.
        quad: in photo pixels.
        size: side of the crop.

    Returns:
        The crop, `float32 [3, size, size]` in [-1, 1], and `bool [size, size]`, True where it shows the
        photo itself.

    Raises:
        ImageError: see `check_quad`; or the photo is too narrow to be reduced as far as the crop needs.
    """
    check_quad(quad, photo.shape[1], photo.shape[0])
    valid = _inside_photo(quad, size, photo.shape[1], photo.shape[0])
    region, quad = _cut_region(*_shrink(photo, quad, size))
    # Sampled at least twice as densely as the crop's pixels and as densely as the photo's: no aliasing.
    fine = max(2, math.ceil(_side(quad) / size))
    source = torch.from_numpy(region).permute(2, 0, 1)
    axes = _axes(quad) / size
    first = quad[0] + axes.sum(axis=0) / 2
    strips = [strip for _, strip in resample(source, first, axes, (size, size), fine, whole_numbers=True)]
    return (torch.cat(strips, dim=1) / 127.5 - 1).clamp(-1, 1), valid


def _side(quad: np.ndarray) -> float:
    """Side of a quad in photo pixels."""
    return float(np.hypot(*(quad[3] - quad[0])))


def _axes(quad: np.ndarray) -> np.ndarray:
    """`[2, 2]`: the quad's upper side to the right, and its left side downwards."""
    return np.stack([quad[3] - quad[0], quad[1] - quad[0]])


def check_quad(quad: np.ndarray, width: int, height: int) -> None:
    """Checks that a quad is one that `ffhq_quad` can give for a face in a photo of this size.

    Raises:
        ImageError: it is no square with its corners in order, smaller than `MIN_QUAD_SIDE`, larger than
            `MAX_QUAD_SIDE`, or its centre is more than half its side outside of the photo.
    """
    quad = np.asarray(quad)
    right = quad.shape == (4, 2) and bool(np.isfinite(quad).all()) and bool(np.abs(quad).max() < 1e8)
    if right:
        across = quad[3] - quad[0]
        down = np.array([-across[1], across[0]])
        side, center = np.hypot(*across), quad.mean(axis=0)
        square = quad[0] + np.stack([np.zeros(2), down, across + down, across])
        outside = np.maximum(-0.5 - center, center - np.array([width, height]) + 0.5)
        right = (
            MIN_QUAD_SIDE <= side <= MAX_QUAD_SIDE * max(width, height)
            and bool(np.abs(quad - square).max() <= 1e-3 * side)
            and bool(outside.max() <= side / 2)
        )
    if not right:
        raise ImageError(_NO_CROP)


def crop_mask(mask: np.ndarray, quad: np.ndarray, size: int = ALIGNED_SIZE) -> Tensor:
    """Cuts out of a mask over a photo what `crop_quad` cuts out of the photo; its edge goes on beyond the photo.

    Args:
        mask: `uint8 [H, W]`.
        quad: in photo pixels.
        size: side of the crop.

    Returns:
        `float32 [1, size, size]` in [0, 1].
    """
    mask, quad = _shrink(mask, quad, size)
    border = 4  # more than a bilinear sample reaches
    limits = np.array([mask.shape[1], mask.shape[0]])
    left, top = np.clip(np.floor(quad.min(axis=0)).astype(int) - border, 0, limits - 1)
    right, bottom = np.clip(np.ceil(quad.max(axis=0)).astype(int) + border, [left + 1, top + 1], limits)
    region, quad = np.ascontiguousarray(mask[top:bottom, left:right]), quad - [left, top]
    # twice as dense as the crop, then averaged: no aliasing
    fine = 2 * size
    axes = _axes(quad) / fine
    to_mask = np.column_stack([axes.T, quad[0] + axes.sum(axis=0) / 2])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    sampled = cv2.warpAffine(region, to_mask, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    crop = cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(crop)[None].float() / 255


def _shrink(photo: np.ndarray, quad: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Reduces a photo in which the face is more than four times as large as its crop needs, or takes more memory
    than `MAX_REGION`. Raises ImageError."""
    low, high, pads = _region(quad, photo.shape[1], photo.shape[0])
    pixels = np.prod((high - low + pads[:2] + pads[2:]).astype(np.float64))
    factor = max(int(_side(quad) // (2 * size)), math.ceil(math.sqrt(pixels / MAX_REGION)))
    if factor <= 1:
        return photo, quad
    before = np.array([photo.shape[1], photo.shape[0]])
    if factor > before.min():
        raise ImageError(_NO_CROP)
    after = before // factor
    reduced = cv2.resize(photo, (int(after[0]), int(after[1])), interpolation=cv2.INTER_AREA)
    return reduced, (quad + 0.5) * after / before - 0.5


def _region(quad: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of a photo around a quad: its corners (left, top) and (right, bottom), and the padding that it needs
    at the left, top, right and bottom, all 0 or all positive."""
    side = _side(quad)
    border = max(round(0.1 * side), 3)
    low = np.floor(quad.min(axis=0)).astype(int) - border
    high = np.ceil(quad.max(axis=0)).astype(int) + border
    pads = np.array([*(-low), *(high - [width, height])]).clip(0)
    pads = np.maximum(pads, round(0.3 * side)) if pads.max() > border - 4 else np.zeros(4, int)
    first = np.clip(low, 0, [width - 1, height - 1])
    return first, np.clip(high, first + 1, [width, height]), pads


def _cut_region(photo: np.ndarray, quad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The part of the photo around the quad, padded if need be: `float32 [h, w, 3]`, and the quad in it."""
    (left, top), (right, bottom), pads = _region(quad, photo.shape[1], photo.shape[0])
    region, quad = photo[top:bottom, left:right], quad - [left, top]
    if not pads.any():
        return region.astype(np.float32), quad
    return _pad_softly(region, pads, 0.02 * _side(quad)), quad + pads[:2]


def _inside_photo(quad: np.ndarray, size: int, width: int, height: int) -> np.ndarray:
    """`bool [size, size]`: which crop pixels have their centre in the photo."""
    steps = (np.arange(size) + 0.5) / size
    across, down = _axes(quad)
    x = quad[0, 0] + steps[None, :] * across[0] + steps[:, None] * down[0]
    y = quad[0, 1] + steps[None, :] * across[1] + steps[:, None] * down[1]
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def _pad_softly(region: np.ndarray, pads: np.ndarray, sigma: float) -> np.ndarray:
    """Reflects the region's edges outwards, ever more blurred and at last in the median colour.

    Args:
        region: `uint8 [h, w, 3]`.
        pads: left, top, right, bottom in pixels, all positive.
        sigma: of the blur in pixels.

    Returns:
        `float32 [h', w', 3]`, in whole numbers.
    """
    left, top, right, bottom = (int(pad) for pad in pads)
    padded = np.pad(region, ((top, bottom), (left, right), (0, 0)), mode="reflect").astype(np.float32)
    height, width = padded.shape[:2]
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    # 1 at the outer edge, 0 where the photo begins, negative inside.
    columns = 1 - np.minimum(x / left, (width - 1 - x) / right)
    rows = 1 - np.minimum(y / top, (height - 1 - y) / bottom)
    outwards = np.maximum(columns[None, :], rows[:, None])
    blurring, fading = np.clip(3 * outwards + 1, 0, 1), np.clip(outwards, 0, 1)  # the blur begins inside the photo
    for channel in range(3):  # one at a time takes a third of the memory
        plane = np.ascontiguousarray(padded[:, :, channel])
        blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        plane += (blurred - plane) * blurring
        plane += (np.median(plane) - plane) * fading
        padded[:, :, channel] = np.clip(np.rint(plane), 0, 255)
    return padded


def paste_back(aligned: AlignedFace, image: Tensor) -> np.ndarray:
    """Puts an edited crop back into its photo.

    What is added to the photo is the *difference* between the edited and the aligned crop, through the inverse of
    the crop's similarity. So photo detail finer than the crop survives, and photo pixels where the edit changed
    nothing stay bit-identical. Crop pixels that came from padding are never pasted. Towards the border of a crop
    (its last 1/32) the edit fades out, so that an edit which the crop cuts off shows no straight edge.

    Args:
        aligned: from `FaceAligner.align` or `already_aligned`.
        image: `float32 [3, S, S]` in [-1, 1], S as in `aligned` or, from a smaller generator, less: the difference
            is then enlarged.

    Returns:
        `uint8 [H, W, 3]`, the photo with the edit in it, a fresh array.
    """
    size, side = aligned.image.shape[-1], image.shape[-1]
    if image.shape != (3, side, side) or side > size:
        raise ValueError(f"the image must be [3, {size}, {size}] or smaller")
    result = aligned.photo.copy()
    valid = torch.from_numpy(aligned.valid)[None].float()
    quad, weight = aligned.quad, valid * _border_fade(size)
    if quad is None:
        quad, weight = _whole_photo(result), valid
    difference = _difference(image.detach().float().cpu().clamp(-1, 1), aligned.image) * 127.5 * weight
    changed = difference.any(dim=0)
    if not changed.any():
        return result

    to_photo = _axes(quad) / size  # rows: one crop pixel right, down
    left, top, right, bottom = _photo_box(changed, quad[0], to_photo, result.shape)
    axes = np.linalg.inv(to_photo)  # rows: one photo pixel right, down, in crop pixels
    first = (np.array([left, top]) - quad[0]) @ axes - 0.5
    fine = max(1, math.ceil(np.hypot(*axes[0])))
    layers = torch.cat([difference, valid])
    for row, strip in resample(layers, first, axes, (bottom - top, right - left), fine):
        # Divided by the share of valid samples, so that the photo's own rim is not pasted half.
        change = (strip[:3] / strip[3:].clamp(min=1e-3)).permute(1, 2, 0).numpy()
        target = result[top + row : top + row + strip.shape[1], left:right]
        target[:] = np.clip(np.rint(target + change), 0, 255)
    return result


def _difference(image: Tensor, crop: Tensor) -> Tensor:
    """What an edit changed of a crop `[3, S, S]`, in its size; 0 where a smaller picture equals the smaller crop."""
    small = resize_mask(crop[None], image.shape[-1])
    return resize_mask(image[None] - small, crop.shape[-1])[0]


def _whole_photo(photo: np.ndarray) -> np.ndarray:
    """The quad that an already aligned photo fills."""
    right, bottom = photo.shape[1] - 0.5, photo.shape[0] - 0.5
    return np.array([(-0.5, -0.5), (-0.5, bottom), (right, bottom), (right, -0.5)])


def _border_fade(size: int) -> Tensor:
    """`[size, size]`: 1 inside, down to 0 along the last 1/32 at every side."""
    place = torch.arange(size, dtype=torch.float32)
    ramp = (torch.minimum(place, size - 1 - place) * 32 / size).clamp(max=1)
    return torch.minimum(ramp[:, None], ramp[None, :])


def _photo_box(
    weight: Tensor, corner: np.ndarray, to_photo: np.ndarray, photo_shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the photo pixels that a crop's non-zero weight `[S, S]` can touch."""
    rows, columns = (weight.any(dim=axis).nonzero() for axis in (1, 0))
    # One crop pixel more at every side: bilinear samples reach that far.
    ends = [(int(found[0]) - 1, int(found[-1]) + 2) for found in (columns, rows)]
    spots = corner + np.array([(x, y) for x in ends[0] for y in ends[1]]) @ to_photo
    limits = [photo_shape[1], photo_shape[0]]
    left, top = np.clip(np.floor(spots.min(axis=0)).astype(int) - 1, 0, limits)
    right, bottom = np.clip(np.ceil(spots.max(axis=0)).astype(int) + 2, 0, limits)
    return int(left), int(top), int(right), int(bottom)
