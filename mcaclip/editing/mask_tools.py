"""What a user may do to learned masks: make them hard, invert and soften them, paint over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.network.coral import threshold_masks
from mcaclip.errors import ImageError, StudioError
from mcaclip.imaging import align
from mcaclip.imaging.photo import load_selection
from mcaclip.nn.ops import resize_mask
from mcaclip.types import AlignedFace, EditSettings, Paint

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
    for painted in (paint.include, paint.allow):
        if painted is not None and painted.ndim != 3:
            raise StudioError(f"What is painted must be a tensor [1, S, S], not {list(painted.shape)}.")
    if paint.include is not None:
        mask = torch.maximum(mask, resize_mask(paint.include[None].to(mask), side))
    if paint.allow is not None:
        mask = mask * resize_mask(paint.allow[None].to(mask), side)
    return mask


def load_mask(path: Path, face: AlignedFace | None = None) -> Tensor:
    """A mask file, white where the edit is allowed, over the aligned face.

    Args:
        path: an image whose transparent parts are not selected: either as wide and high as the photo, over which it
            then lies and with which it is cropped; or square, over the aligned face, of any size from 64 px. A square
            mask of the size of a square photo lies over the photo.
        face: the face it is for; None for one without a photo, as for a photo that is an aligned face already the
            mask is square.

    Returns:
        `float32 [1, S, S]` in [0, 1], S at most 1024.

    Raises:
        ImageError: not readable, or of another shape.
    """
    mask = read_mask(path)
    height, width = mask.shape
    photo = None if face is None or face.quad is None else face.photo.shape[:2]
    if face is not None and face.quad is not None and photo == (height, width):
        return align.crop_mask(mask, face.quad)
    if height != width:
        like_photo = "" if photo is None else f", or {photo[1]} x {photo[0]} like the photo"
        raise ImageError(
            f"The mask {path.name} is {width} x {height}; it must be square{like_photo}. Paint it over aligned.png"
            f"{'' if photo is None else ' or over the photo'}."
        )
    if width > align.ALIGNED_SIZE:
        mask = cv2.resize(mask, (align.ALIGNED_SIZE, align.ALIGNED_SIZE), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(mask)[None].float() / 255


def read_mask(path: Path) -> np.ndarray:
    """A mask file as `uint8 [H, W]`, see `load_selection`. Raises ImageError, which names the file."""
    try:
        return load_selection(path)
    except ImageError as error:
        raise ImageError(f"The mask {path.name} cannot be used. {error}") from error
