"""The painted masks of a session file: small grey PNG files, each looked at before it is decoded."""

from __future__ import annotations

import io
import re
import struct

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mcaclip.editing.mask_tools import MAX_SIDE
from mcaclip.nn.ops import resize_mask
from mcaclip.results.export import PNG_LEVEL
from mcaclip.types import EditSettings, Paint

MAX_EDITS = 50
MAX_MASK_BYTES = 2_000_000
"""Of one painted mask as PNG; the worst one of `MAX_SIDE` pixels per side takes 1 050 000."""
MAX_MASK_CHUNKS = 64
MAX_MASK_PIXELS = 2 * MAX_EDITS * 512**2
"""Of all painted masks together: two masks of the page for every edit, 105 MB when decoded."""
MASKS = ("allow", "include")
MASK_NAME = re.compile("paint_[0-9]{1,2}_(allow|include)")
_PNG_START = b"\x89PNG\r\n\x1a\n"


def masks_of(settings: EditSettings) -> dict[str, Tensor]:
    """The painted masks of an edit by their names, `float32 [1, S, S]`, S at most `MAX_SIDE`."""
    found = {name: getattr(settings.paint, name, None) for name in MASKS}
    return {
        name: mask if mask.shape[-1] <= MAX_SIDE else resize_mask(mask[None], MAX_SIDE)[0]
        for name, mask in found.items()
        if mask is not None
    }


def paints_of(count: int, tensors: dict[str, Tensor]) -> list[Paint | None]:
    """What is painted in each edit; the sizes of all masks are checked before any is decoded. Raises ValueError."""
    files: list[dict[str, bytes]] = []
    for index in range(count):
        names = {name: f"paint_{index}_{name}" for name in MASKS}
        files.append({name: tensors.pop(key).numpy().tobytes() for name, key in names.items() if key in tensors})
    if tensors:
        raise ValueError("it holds unknown data")
    if sum(_mask_side(data) ** 2 for masks in files for data in masks.values()) > MAX_MASK_PIXELS:
        raise ValueError("its painted masks are too large")
    return [Paint(**{name: _mask(data) for name, data in masks.items()}) if masks else None for masks in files]


def _mask_side(data: bytes) -> int:
    """Side in pixels of a square 8-bit grey PNG. Raises ValueError for any other, and for one with texts or profiles,
    which could unpack to any size."""
    kinds: list[bytes] = []
    at = len(_PNG_START)
    while at + 8 <= len(data) and len(kinds) <= MAX_MASK_CHUNKS:
        length, kind = struct.unpack_from(">I4s", data, at)
        kinds.append(kind)
        at += 12 + length
    plain = [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"]
    if not data.startswith(_PNG_START) or kinds != plain or at != len(data) or len(data) < 33:
        raise ValueError("a painted mask is no plain picture")
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    if (depth, colours) != (8, 0) or width != height or not 1 <= width <= MAX_SIDE:
        raise ValueError("a painted mask is not square, not grey or too large")
    return int(width)


def _mask(data: bytes) -> Tensor:
    """`float32 [1, S, S]` in [0, 1] of a mask that `_mask_side` has checked. Raises ValueError."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            pixels = np.array(picture)
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise ValueError("a painted mask cannot be read") from error
    return torch.from_numpy(pixels).float()[None] / 255


def png_bytes(image: np.ndarray) -> bytes:
    """`uint8` pixels as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=PNG_LEVEL)
    return buffer.getvalue()


def byte_tensor(data: bytes) -> Tensor:
    """Bytes as `uint8 [N]`."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)
