"""Between arrays and the pictures that the browser receives."""

from __future__ import annotations

import base64
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
CARD_SIDE = 160
THUMBNAIL_SIDE = 128
MASK_SIDE = 512
"""Side of the mask that the page lays over the picture."""


def url(image: np.ndarray, quality: int = visuals.SCREEN_QUALITY) -> str:
    """JPEG data URL of `uint8 [H, W, 3]`: the page gets the picture with the answer, and no file is kept."""
    return f"data:image/jpeg;base64,{base64.b64encode(visuals.screen_picture(image, quality)).decode()}"


def png_url(image: np.ndarray) -> str:
    """PNG data URL of `uint8 [H, W]`, `[H, W, 3]` or `[H, W, 4]`."""
    code = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(image.shape[-1] if image.ndim == 3 else 1)
    _, data = cv2.imencode(".png", image if code is None else cv2.cvtColor(image, code))
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"


def small_url(image: Tensor, side: int = THUMBNAIL_SIDE) -> str:
    """Data URL of a picture `[3, H, W]` in [-1, 1], made smaller."""
    return url(shown(image, side), 85)


def mask_url(mask: Tensor, side: int = MASK_SIDE) -> str:
    """PNG data URL of a mask `[1, H, W]` in [0, 1], made smaller to `side` where it is larger."""
    pixels = visuals.mask_png(mask)
    return png_url(
        pixels if pixels.shape[0] <= side else cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    )


def screen_file(image: np.ndarray, folder: Path, name: str) -> str:
    """Writes `uint8 [H, W, 3]` for the page; returns the path."""
    path = folder / f"{name}.jpg"
    path.write_bytes(visuals.screen_picture(image))
    return str(path)


def file_stem(name: str) -> str:
    """The stem of a file's name, safe (see `safe_stem`) and without spaces, at most 60 long."""
    return re.sub("[ _]+", "_", safe_stem(Path(name).stem))


def layers(result: EditResult) -> list[dict[str, str]]:
    """Name, picture and area of every layer's mask."""
    return [
        {"name": name, "url": mask_url(mask, GALLERY_SIDE), "area": f"{100 * float(mask.mean()):.0f} %"}
        for name, mask in zip(result.mask_names, result.masks, strict=True)
    ]


def shown(image: Tensor, side: int | None = None) -> np.ndarray:
    """`[3, H, W]` in [-1, 1] to `uint8` for the page, made smaller to `side` pixels when it is larger."""
    pixels = to_uint8(image)
    if side is None or pixels.shape[0] <= side:
        return pixels
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)


def file_url(path: str | Path | None) -> str | None:
    """A JPEG file of ours as a data URL; None where there is none, or it is gone."""
    try:
        data = Path(path).read_bytes() if path else b""
    except OSError:
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}" if data else None


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
