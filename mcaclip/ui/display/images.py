"""Between arrays and the pictures that the browser receives."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

from mcaclip.imaging import visuals
from mcaclip.platform.naming import safe_stem
from mcaclip.types import EditResult, to_uint8

GALLERY_SIDE = 256
THUMBNAIL_SIDE = 160
BLANK = np.full((8, 8, 3), 128, np.uint8)
"""The thumbnail of an edit of a session file whose picture is not computed yet."""


def screen_file(image: np.ndarray, folder: Path, name: str) -> str:
    """Writes `uint8 [H, W, 3]` for the page; returns the path."""
    path = folder / f"{name}.jpg"
    path.write_bytes(visuals.screen_picture(image))
    return str(path)


def file_stem(name: str) -> str:
    """The stem of a file's name, safe (see `safe_stem`) and without spaces, at most 60 long."""
    return re.sub("[ _]+", "_", safe_stem(Path(name).stem))


def mask_gallery(result: EditResult) -> list[tuple[np.ndarray, str]]:
    """A tile and a caption for every layer's mask."""
    return [
        (visuals.mask_tile(mask, GALLERY_SIDE), visuals.mask_caption(name, mask))
        for name, mask in zip(result.mask_names, result.masks, strict=True)
    ]


def shown(image: Tensor, side: int | None = None) -> np.ndarray:
    """`[3, H, W]` in [-1, 1] to `uint8` for the page, made smaller to `side` pixels when it is larger."""
    pixels = to_uint8(image)
    if side is None or pixels.shape[0] <= side:
        return pixels
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)


def fitted(image: np.ndarray, side: int = 1400) -> np.ndarray:
    """`uint8 [H, W, 3]` made smaller so that no side is longer than `side` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def opened(path: Path, side: int = 1400) -> np.ndarray | None:
    """A picture of our own as `uint8 [H, W, 3]`, fitted into `side`; None while it is being written, or damaged."""
    try:
        with Image.open(path) as picture:
            return fitted(np.asarray(picture.convert("RGB")), side)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # SyntaxError: of a damaged PNG
        return None
