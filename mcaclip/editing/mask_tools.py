"""What a user may do to learned masks: make them hard, invert and soften them, paint over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.coral import threshold_masks
from mcaclip.errors import ImageError
from mcaclip.generators.ops import resize_mask
from mcaclip.photo import load_photo
from mcaclip.types import EditSettings, Paint

FEATHER_SIDE = 256
"""The feather is given in pixels of a picture of this side, so that a preview shows what the full size will."""
MAX_SIDE = 1024
"""Masks are kept at most this large: no layer of any generator here is larger."""
SMALLEST_SIGMA = 0.25
"""Blurs narrower than this change a mask by less than 1/255."""


def refine_masks(masks: Sequence[Tensor], settings: EditSettings) -> list[Tensor]:
    """Threshold, invert, feather and paint, in this order, at every layer.

    Args:
        masks: `[B, 1, s, s]` in [0, 1], any sizes.
        settings: only its mask fields count. Without any of them the masks come back bit for bit.

    Returns:
        Masks of the same sizes in [0, 1].
    """
    refined = threshold_masks(masks, settings.mask_threshold)
    if settings.mask_invert:
        refined = [1 - mask for mask in refined]
    if settings.mask_feather > 0:
        refined = [feather_mask(mask, settings.mask_feather) for mask in refined]
    if settings.paint is not None:
        refined = [paint_mask(mask, settings.paint) for mask in refined]
    return refined


def feather_mask(mask: Tensor, pixels: float) -> Tensor:
    """Gaussian blur of `[B, 1, s, s]`; the mask's edge is continued beyond the border.

    Args:
        pixels: standard deviation in pixels of a 256 px picture.
    """
    side = mask.shape[-1]
    sigma = pixels * side / FEATHER_SIDE
    if sigma < SMALLEST_SIGMA:
        return mask
    reach = min(int(3 * sigma + 0.5) or 1, side - 1)
    offsets = torch.arange(-reach, reach + 1, device=mask.device, dtype=mask.dtype)
    kernel = torch.exp(-0.5 * (offsets / sigma).square())
    kernel = (kernel / kernel.sum())[None, None, None]
    blurred = F.conv2d(F.pad(mask, (reach, reach, 0, 0), mode="replicate"), kernel)
    blurred = F.conv2d(F.pad(blurred, (0, 0, reach, reach), mode="replicate"), kernel.mT)
    return blurred.clamp(0, 1)


def paint_mask(mask: Tensor, paint: Paint) -> Tensor:
    """Adds what was painted in and takes away what was painted out, `[B, 1, s, s]`; taking away wins."""
    side = mask.shape[-1]
    if paint.include is not None:
        mask = torch.maximum(mask, resize_mask(paint.include[None].to(mask), side))
    if paint.allow is not None:
        mask = mask * resize_mask(paint.allow[None].to(mask), side)
    return mask


def load_mask(path: Path) -> Tensor:
    """A mask file, white where the edit is allowed, to `float32 [1, S, S]` in [0, 1].

    Args:
        path: a square image in the frame of the aligned face, of any size from 64 px; one of more than `MAX_SIDE`
            pixels per side is averaged down to that.

    Raises:
        ImageError: not readable, or not square.
    """
    picture = load_photo(path)
    height, width = picture.shape[:2]
    if height != width:
        raise ImageError(f"The mask is {width} x {height}; it must be square: paint it over aligned.png.")
    if width > MAX_SIDE:
        picture = cv2.resize(picture, (MAX_SIDE, MAX_SIDE), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(picture).float().mean(-1)[None] / 255
