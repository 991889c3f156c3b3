"""Turns whatever a visitor hands in into `uint8 [H, W, 3]` RGB, or says what is wrong with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps

from mcaclip.errors import ImageError

log = logging.getLogger(__name__)

MAX_PIXELS = 50_000_000
"""More decoded pixels than this are refused (a 50-megapixel camera is at the limit)."""
MIN_SIDE = 64
"""Photos with a shorter side in pixels are refused: no face detector finds a face there."""

# Decoders that are safe on files of strangers: others start helper programs (EPS) or render vectors (WMF).
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "TGA", "ICO")
_ADVICE = "Save it as JPEG or PNG and try again."


def load_photo(source: str | Path | Image.Image | np.ndarray) -> np.ndarray:
    """Loads a photo the way people see it.

    EXIF rotation is applied, transparency is laid over white, greyscale, palette, CMYK and 16-bit images
    become 8-bit RGB, and an animation gives its first frame.

    Args:
        source: a file, an opened image, or an array `uint8` or `uint16` of shape [H, W], [H, W, 1],
            [H, W, 3] (RGB) or [H, W, 4] (RGB and alpha).

    Returns:
        `uint8 [H, W, 3]`, RGB, contiguous, a fresh array.

    Raises:
        ImageError: not a readable image, more than 50 million pixels, or a side below 64 px.
    """
    return np.array(_decoded(source, _to_rgb), dtype=np.uint8, order="C")


def load_selection(path: str | Path) -> np.ndarray:
    """Loads a mask the way people see it: white is selected, black and whatever is transparent is not.

    It is read as `load_photo` reads photos; what is half transparent is half selected.

    Returns:
        `uint8 [H, W]`, luminance times opacity.

    Raises:
        ImageError: see `load_photo`.
    """
    return np.array(_decoded(path, _to_selection), dtype=np.uint8, order="C")


def is_picture(path: Path) -> bool:
    """Whether a file's ending says that `load_photo` can read it; hidden files are none."""
    return not path.name.startswith(".") and path.suffix.lower() in _endings()


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by name. Raises OSError."""
    return sorted(path for path in folder.iterdir() if is_picture(path) and path.is_file())


@cache
def _endings() -> frozenset[str]:
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in _FORMATS)


def _decoded(
    source: str | Path | Image.Image | np.ndarray, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """An image as `convert` makes it of an opened one. Raises ImageError."""
    if isinstance(source, np.ndarray):
        image = _from_array(source)
    elif isinstance(source, Image.Image):
        image = source
    else:
        image = _open(Path(source))
    try:
        _check_size(*image.size)  # before decoding: Pillow has only read the header yet
        return convert(image)
    except ImageError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise ImageError(f"The image is damaged or cut off ({error}). {_ADVICE}") from error
    finally:
        if not isinstance(source, (np.ndarray, Image.Image)):
            image.close()


def _open(path: Path) -> Image.Image:
    if not os.path.isfile(path):
        raise ImageError(f"There is no file {path}. Check the spelling of its name and folder.")
    Image.init()
    try:
        return Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(_too_large()) from error
    except Exception as error:  # as above
        raise ImageError(f"{path.name} is not an image that can be read. {_ADVICE}") from error


def _too_large(detail: str = "") -> str:
    return (
        f"The image has more than {MAX_PIXELS // 1_000_000} million pixels{detail}. "
        "Make it smaller, for instance 4000 pixels wide, and try again."
    )


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(_too_large(f" ({width} x {height})"))
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"The image is only {width} x {height} pixels. Use one with at least {MIN_SIDE} pixels a side."
        )


def _from_array(array: np.ndarray) -> Image.Image:
    """An array as a Pillow image; 16-bit values lose their lower byte's precision by rounding."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(f"An array of shape {array.shape} is no image: give [H, W, 3] in RGB order.")
    _check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint16:
        array = _scaled(array, 65535)
    elif array.dtype != np.uint8:
        raise ImageError(f"An array of {array.dtype} is no photo: scale it to 0..255 and give uint8.")
    return Image.fromarray(np.ascontiguousarray(array))


def _scaled(values: np.ndarray, white: float) -> np.ndarray:
    """Values in 0..white as `uint8`, rounded to nearest."""
    return np.rint(np.clip(values.astype(np.float32) / white, 0, 1) * 255).astype(np.uint8)


def _upright(image: Image.Image) -> Image.Image:
    """Decodes the first frame, upright, of at most 8 bits a channel."""
    if getattr(image, "is_animated", False):
        image.seek(0)
    image.load()
    try:
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # damaged EXIF does not make the picture unusable
        log.warning("EXIF orientation ignored: %s", error)
    if image.mode.startswith("I") or image.mode == "F":
        image = _deep_grey_to_8_bit(image)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Decodes the first frame, upright, opaque, in RGB."""
    image = _upright(image)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(white, layered)
    return image.convert("RGB")


def _to_selection(image: Image.Image) -> Image.Image:
    """Decodes the first frame, upright, as luminance times opacity."""
    luminance, opacity = _upright(image).convert("RGBA").convert("LA").split()
    return ImageChops.multiply(luminance, opacity)


def _deep_grey_to_8_bit(image: Image.Image) -> Image.Image:
    """Greyscale of 16 or 32 bits or floating point to 8 bits.

    Pillow's own conversion clips at 255 instead of scaling. Integers are taken as 16-bit (what cameras and
    scanners write); floats as 0..1, or as 0..255 when they exceed 1.
    """
    values = np.asarray(image)
    white = 65535.0 if image.mode != "F" else (1.0 if values.max() <= 1 else 255.0)
    return Image.fromarray(_scaled(values, white))
