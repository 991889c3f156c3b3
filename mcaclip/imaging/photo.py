"""Turns any picture file into `uint8 [H, W, 3]` RGB, or raises an error that says what is wrong with it."""

from __future__ import annotations

import io
import logging
import stat
import struct
import threading
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import IcoImagePlugin, Image, ImageChops, Jpeg2KImagePlugin
from pillow_heif import register_heif_opener

from mcaclip.errors import ImageError, quotable
from mcaclip.imaging.decode import check_size, to_8_bits, too_large, upright

MAX_FILE_BYTES = 40_000_000
"""Larger picture files are refused before they are opened (a photo of 50 megapixels is smaller as JPEG or HEIC)."""
MAX_GIF_BYTES = 4_000_000
"""Pillow's time grows with the square of the length of a GIF's comment."""

# Decoders that are safe on untrusted files: others start helper programs (EPS) or render vectors (WMF). All of
# them tell the size of a picture before they decode it, but for ICO, which `_icon` opens. pillow-heif adds HEIF.
# TGA files have no signature, so that TGA is tried last: it takes files of other formats for its own.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "ICO", "TGA")
_ADVICE = "Save it as JPEG or PNG and try again."

# Python's filter of warnings belongs to the whole process, so that only one thread at a time may change it. It also
# bounds the memory: no two pictures of 50 million pixels are decoded at once.
_one_at_a_time = threading.Lock()

# Of the images in a HEIC file only the primary one is wanted.
register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# The ImageError carries what Pillow logs about damaged files.
logging.getLogger("PIL").setLevel(logging.CRITICAL)


def load_photo(source: str | Path | bytes | Image.Image | np.ndarray) -> np.ndarray:
    """Loads a photo the way people see it.

    EXIF rotation is applied, an embedded colour profile is converted to sRGB, transparency is laid over white,
    greyscale, palette, CMYK, Lab and 16-bit images become 8-bit RGB, an animation gives its first frame, an ICO
    file its largest and a HEIC file its primary picture. A colour profile that is damaged or made for another
    kind of picture is ignored.

    White in greyscale of more than 8 bits is what the file states (bits per sample and largest sample value of a
    TIFF file). Where that leaves it open, it is the largest value in 8, 10, 12, 14 or 16 bits, whichever is the
    least that holds every value of the picture, so that 12 bits in words of 16 are not black; beyond 16 bits it
    is the picture's own largest value. Floating point is taken as 0..1 (brighter spots are cut off), or in bits
    as above when its values are larger; what is no number is black.

    Args:
        source: a file, the bytes of a file, an opened image, or an array `uint8` or `uint16` of shape [H, W],
            [H, W, 1], [H, W, 3] (RGB) or [H, W, 4] (RGB and alpha).

    Returns:
        `uint8 [H, W, 3]`, RGB, contiguous, a fresh array.

    Raises:
        ImageError: not a readable image, a file of more than 40 MB, more than 50 million pixels, a side below
            64 px, or 16-bit colour of which only the lower bits are used.
    """
    return _decoded(source, _to_rgb)


def check_photo(path: Path) -> None:
    """Whether a file is a picture of a size that `load_photo` takes; only its header is read. Raises ImageError."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_size(*_opened(path).size)


def load_selection(path: str | Path) -> np.ndarray:
    """Loads a mask the way people see it: white is selected, black and whatever is transparent is not.

    It is read as `load_photo` reads photos; what is half transparent is half selected.

    Returns:
        `uint8 [H, W]`, luminance times opacity.

    Raises:
        ImageError: see `load_photo`.
    """
    return _decoded(path, _to_selection)


def is_picture(path: Path) -> bool:
    """Whether a file has an ending of a format that `load_photo` reads; hidden files are excluded."""
    return not path.name.startswith(".") and path.suffix.lower() in _endings()


def pictures_in(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by name. Raises OSError."""
    return sorted(path for path in folder.iterdir() if is_picture(path) and path.is_file())


@cache
def _endings() -> frozenset[str]:
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in _FORMATS)


def _decoded(
    source: str | Path | bytes | Image.Image | np.ndarray, convert: Callable[[Image.Image], Image.Image]
) -> np.ndarray:
    """A picture as `convert` makes it of an opened one. Raises ImageError."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _opened(source)
        check_size(*image.size)  # before decoding: Pillow has only read the header yet
        try:
            # A HEIC file is opened at its primary picture, which need not be the first.
            if image is source and getattr(image, "is_animated", False) and image.format != "HEIF":
                image.seek(0)
            return np.array(convert(image), dtype=np.uint8, order="C")
        except ImageError:
            raise
        except Exception as error:  # decoders raise nearly anything on damaged files
            raise ImageError(f"The image is damaged or cut off ({quotable(str(error))}). {_ADVICE}") from error


def _opened(source: str | Path | bytes | Image.Image | np.ndarray) -> Image.Image:
    """The picture, of which only the header has been read if it is in a file."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, bytes):
        return _open_bytes(_checked(source), "This")
    path = Path(source)
    return _open_bytes(_read(path), quotable(path.name))


def _read(path: Path) -> bytes:
    """The bytes of an ordinary file; pipes and devices, which may never end, are not opened."""
    name = quotable(path.name) or "This folder"
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{name} is a folder. Choose a picture file in it.")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{name} is no ordinary file. Choose a picture file.")
        _check_bytes(status.st_size)
        with path.open("rb") as file:
            return _checked(file.read(MAX_FILE_BYTES + 1))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"There is no file {name}. Check the spelling of its name and folder.") from error
    except PermissionError as error:
        raise ImageError(f"{name} may not be read. Change its permissions, or copy it, and try again.") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ImageError(f"{name} cannot be read. Check its name, or copy it elsewhere, and try again.") from error


def _check_bytes(count: int) -> None:
    if count > MAX_FILE_BYTES:
        raise ImageError(
            f"The file has {count / 1e6:.1f} MB; at most {MAX_FILE_BYTES / 1e6:g} MB are taken. "
            "Make the picture smaller, or save it as JPEG, and try again."
        )


def _checked(data: bytes) -> bytes:
    _check_bytes(len(data))
    if not data:
        raise ImageError("The file is empty. Use another copy of it.")
    if data.startswith(b"GIF") and len(data) > MAX_GIF_BYTES:
        raise ImageError(f"A GIF may have {MAX_GIF_BYTES // 1_000_000} MB at most. {_ADVICE}")
    return data


class _BoundedReads(io.BytesIO):
    """A file in memory that can be read in a bounded number of pieces.

    Decoders take a step of Python, and often an object, for every one of the millions of empty segments that a file
    can have. The pieces of a GIF are the smallest that real photos have: 127 bytes on average.
    """

    def __init__(self, data: bytes):
        super().__init__(data)
        self.left = 20_000 + len(data) // 64

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise ImageError("The image is in too many pieces. Save it as JPEG or PNG and try again.")
        return super().read(size)


def _open_bytes(data: bytes, name: str) -> Image.Image:
    """A picture file of which only the header has been read."""
    Image.init()
    try:
        if data.startswith(b"\0\0\1\0"):
            return _icon(data)
        image = Image.open(_BoundedReads(data), formats=[kind for kind in _FORMATS if kind in Image.OPEN])
        if image.format == "JPEG2000" and "icc_profile" not in image.info:
            image.info["icc_profile"] = _jpeg2000_profile(data)
        return image
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(too_large()) from error
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise ImageError(f"{name} is not an image that can be read. {_ADVICE}") from error


def _icon(data: bytes) -> Image.Image:
    """The largest picture of an ICO file. Pillow's `open` would decode it before its size can be checked."""
    icon = IcoImagePlugin.IcoFile(_BoundedReads(data))
    sizes = [_icon_size(data, entry.offset) for entry in icon.entry]
    largest = max(range(len(sizes)), key=lambda i: (sizes[i][0] * sizes[i][1], icon.entry[i].color_depth))
    check_size(*sizes[largest])
    return icon.frame(largest)


def _icon_size(data: bytes, offset: int) -> tuple[int, int]:
    """Width and height by the picture's own header: the directory of an ICO file ends at 256 px."""
    if data.startswith(b"\x89PNG", offset):
        width, height = struct.unpack_from(">II", data, offset + 16)
        return width, height
    width, height = struct.unpack_from("<ii", data, offset + 4)
    return abs(width), abs(height) // 2  # a bitmap's height counts its mask


def _jpeg2000_profile(data: bytes) -> bytes | None:
    """The colour profile of a JPEG 2000 file, which Pillow does not read."""
    if data.startswith(b"\xff\x4f"):
        return None  # a bare codestream has no header boxes
    boxes = Jpeg2KImagePlugin.BoxReader(io.BytesIO(data), len(data))
    while boxes.has_next_box():
        if boxes.next_box_type() == b"jp2h":
            header = boxes.read_boxes()
            while header.has_next_box():
                if header.next_box_type() == b"colr":
                    (content,) = header.read_fields(f"{header.remaining_in_box}s")
                    if isinstance(content, bytes) and content[0] in (2, 3):  # 1 names a known colour space instead
                        return content[3:]
            return None
    return None


def _from_array(array: np.ndarray) -> Image.Image:
    """An array as a Pillow image; 16-bit values lose their lower byte's precision by rounding."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ImageError(f"An array of shape {array.shape} is no image: give [H, W, 3] in RGB order.")
    check_size(array.shape[1], array.shape[0])
    if array.dtype == np.uint16:
        array = to_8_bits(array, 65535)
    elif array.dtype != np.uint8:
        raise ImageError(f"An array of {array.dtype} is no photo: scale it to 0..255 and give uint8.")
    return Image.fromarray(np.ascontiguousarray(array))


def _to_rgb(file: Image.Image) -> Image.Image:
    """Decodes the current frame, upright, opaque, in sRGB."""
    image = upright(file)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(white, layered)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_selection(file: Image.Image) -> Image.Image:
    """Decodes the current frame, upright, as luminance times opacity."""
    luminance, opacity = upright(file).convert("RGBA").convert("LA").split()
    return ImageChops.multiply(luminance, opacity)
