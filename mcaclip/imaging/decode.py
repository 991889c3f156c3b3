"""Decodes an opened picture: upright, in sRGB of at most 8 bits per channel, as people see it."""

from __future__ import annotations

import io
import logging

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from mcaclip.errors import ImageError, quotable

log = logging.getLogger(__name__)

MAX_PIXELS = 50_000_000
"""More decoded pixels than this are refused (a 50-megapixel camera is at the limit)."""
MIN_SIDE = 64
"""Photos with a shorter side in pixels are refused: no face detector finds a face there."""

# A picture's mode for each colour space of a profile; any other mode than these is RGB in the end.
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_COLOUR_MODES = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK", "LAB": "LAB"}

_OVERBRIGHT = 16.0  # a float picture of 0..255 that stays below is black; one of 0..1 has this much above white
_BITS, _PHOTOMETRIC, _LARGEST, _SAMPLE_FORMAT = 258, 262, 281, 339  # TIFF tags


def check_size(width: int, height: int) -> None:
    """Raises ImageError for a picture with too many pixels, or too small a side."""
    if width * height > MAX_PIXELS:
        raise ImageError(too_large(f" ({width} x {height})"))
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"The image is only {width} x {height} pixels. Use one with at least {MIN_SIDE} pixels per side."
        )


def too_large(detail: str = "") -> str:
    """The message for too many pixels."""
    return (
        f"The image has more than {MAX_PIXELS // 1_000_000} million pixels{detail}. "
        "Make it smaller, for instance 4000 pixels wide, and try again."
    )


def upright(file: Image.Image) -> Image.Image:
    """Decodes the current frame, upright, in sRGB of at most 8 bits per channel, perhaps with transparency."""
    two_bytes = any(";16" in str(tile) for tile in getattr(file, "tile", ()))
    file.load()
    check_size(*file.size)  # the header of a HEIC file may have lied
    image = file
    try:
        if file.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # otherwise the picture would be copied
            image = ImageOps.exif_transpose(file)
    except Exception as error:  # damaged EXIF does not make the picture unusable
        log.warning("EXIF orientation ignored: %s", quotable(str(error)))
    if image.mode.startswith("I") or image.mode == "F":
        image = _deep_grey_to_8_bit(image, file)
    elif two_bytes:
        _check_lower_byte(image)
    if image.mode in ("RGBa", "La"):  # colours multiplied by their alpha
        image = image.convert(image.mode.upper())
    return _to_srgb(image)


def to_8_bits(values: np.ndarray, white: float) -> np.ndarray:
    """Values in 0..white as `uint8`, rounded to nearest."""
    return np.rint(np.clip(values.astype(np.float32) / white, 0, 1) * 255).astype(np.uint8)


def _deep_grey_to_8_bit(image: Image.Image, file: Image.Image) -> Image.Image:
    """Greyscale of more than 8 bits to 8; Pillow's own conversion clips at 255 instead of scaling.

    Args:
        image: the picture, upright.
        file: the picture as it was opened, which alone has its format and its TIFF tags.
    """
    values = np.asarray(image)
    if image.mode == "F":
        white = _float_white(values)
        values = np.nan_to_num(values, nan=0.0, posinf=white, neginf=0.0)
    else:
        if _tag(file, _BITS) == 32 and _tag(file, _SAMPLE_FORMAT) != 2:
            values = values.view(np.uint32)  # Pillow's own 32 bits are signed
        white = _integer_white(int(values.max()), file)
    grey = to_8_bits(values, white)
    if file.format == "TIFF" and _tag(file, _PHOTOMETRIC, 1) == 0:
        grey = 255 - grey  # 0 stands for white; Pillow sees to that only for 8 bits
    if isinstance(transparent := image.info.get("transparency"), int):
        grey[values == transparent] = 255
    result = Image.fromarray(grey)
    result.info["icc_profile"] = image.info.get("icc_profile")
    return result


def _float_white(values: np.ndarray) -> float:
    """Which value is white in a picture of floating-point numbers."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or np.percentile(finite[:: 1 + finite.size // 1_000_000], 99) <= _OVERBRIGHT:
        return 1.0
    return _usual_white(float(finite.max()))


def _integer_white(largest: int, file: Image.Image) -> float:
    """Which value is white in a picture of integers of which `largest` is the largest."""
    if file.format in ("PPM", "JPEG2000", "HEIF"):
        return 65535.0  # these decoders scale to 16 bits, whatever the file has
    bits, signed = _tag(file, _BITS, 16), _tag(file, _SAMPLE_FORMAT) == 2
    if bits not in (8, 16, 32):
        return 2.0**bits - 1
    return _usual_white(max(largest, _tag(file, _LARGEST)), 15 if signed and bits == 16 else 16)


def _usual_white(largest: float, most: int = 16) -> float:
    """The least number of bits that sensors and scanners deliver and that holds a value, as the largest number in it.

    Beyond `most` bits it is the value itself.
    """
    return next((2.0**bits - 1 for bits in (8, 10, 12, 14, most) if largest < 2**bits), float(largest))


def _tag(file: Image.Image, number: int, default: int = 0) -> int:
    """The first value of a TIFF tag, if the picture has it and it is a whole number."""
    value = getattr(file, "tag_v2", {}).get(number, default)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else default


def _check_lower_byte(image: Image.Image) -> None:
    """Refuses 16-bit colour that uses 14 bits or fewer: Pillow keeps the upper byte, which is nearly black then."""
    if image.mode not in ("RGB", "RGBA", "RGBX", "LA"):
        return
    brightest = max(high for _, high in image.convert("RGB").getextrema())  # type: ignore[misc]
    if 0 < brightest < 64:
        raise ImageError(
            "The image has 16 bits per colour but uses only the lower ones, so that it would be nearly black. "
            "Save it with 8 bits per colour, as JPEG or PNG, and try again."
        )


def _to_srgb(image: Image.Image) -> Image.Image:
    """Converts the colours by the embedded profile; without one, or with that of sRGB, the picture stays as it is.

    Alpha stays as it is in any case. A profile that is damaged or for another kind of picture is ignored.
    """
    data = image.info.get("icc_profile")
    if not data:
        return image
    mode = _COLOUR_MODES.get(image.mode, "RGB")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = profile.profile.xcolor_space.strip()
        if _PROFILE_MODES.get(space) != mode:
            raise ValueError(f"it is for {space}, the picture is {image.mode}")
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        if _keeps_colours(transform, mode):
            return image
        converted = _transformed(image.convert(mode), transform)
    except Exception as error:  # lcms raises several kinds
        log.warning("Colour profile ignored: %s", quotable(str(error)))
        return image
    if image.has_transparency_data:
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted


def _keeps_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform moves no colour by more than one level: so do those of all the profiles of sRGB."""
    if mode not in ("RGB", "L"):
        return False
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(18, -1, 3)
    probe = Image.fromarray(grid if mode == "RGB" else np.arange(256, dtype=np.uint8)[None])
    moved = np.asarray(_transformed(probe, transform)).astype(int) - np.asarray(probe.convert("RGB"))
    return bool(np.abs(moved).max() <= 1)


def _transformed(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    result = ImageCms.applyTransform(image, transform)
    assert result is not None  # None is for transforms in place
    return result
