"""Between strokes that are painted in the browser (assets/page/paint.js) and masks."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mcaclip.errors import StudioError
from mcaclip.types import Paint
from mcaclip.ui.display import images, text

INCLUDE_COLOUR = (20, 196, 178)
EXCLUDE_COLOUR = (229, 72, 77)
CANVAS = 512
"""Side in pixels of the picture that is painted on, and of the masks."""
MAX_SIDE = 2 * CANVAS
MAX_LETTERS = 4_000_000
"""A painting's data URL is at most this long; a real one is about 30 000."""
PNG_URL = "data:image/png;base64,"
READ_STROKES = "(strokes, ...rest) => [window.studioPaint.read(), ...rest]"


def paint_of(strokes: str | None) -> Paint | None:
    """Masks of what was painted.

    Args:
        strokes: PNG data URL of the canvas; transparent where nothing is painted. Its size may be any up to
            `MAX_SIDE`.

    Returns:
        Masks `float32 [1, CANVAS, CANVAS]`, or None when nothing is painted.

    Raises:
        StudioError: the strokes are no such picture.
    """
    if not strokes:
        return None
    layer = cv2.resize(_decoded(strokes), (CANVAS, CANVAS), interpolation=cv2.INTER_AREA).astype(np.float32)
    drawn = layer[..., 3] > 127
    to_include, to_exclude = (
        np.abs(layer[..., :3] - np.array(colour, np.float32)).sum(-1) for colour in (INCLUDE_COLOUR, EXCLUDE_COLOUR)
    )
    include = (drawn & (to_include <= to_exclude)).astype(np.float32)
    exclude = (drawn & (to_include > to_exclude)).astype(np.float32)
    if not include.any() and not exclude.any():
        return None
    return Paint(
        allow=_tensor(1 - exclude) if exclude.any() else None,
        include=_tensor(include) if include.any() else None,
    )


def strokes_of(paint: Paint) -> str:
    """PNG data URL of the strokes that give these masks; the inverse of `paint_of`."""
    layer = np.zeros((CANVAS, CANVAS, 4), np.uint8)
    if paint.include is not None:
        layer[_side(paint.include) > 0.5] = (*INCLUDE_COLOUR, 255)
    if paint.allow is not None:
        layer[_side(paint.allow) < 0.5] = (*EXCLUDE_COLOUR, 255)
    return images.png_url(layer)


def tools() -> str:
    """Brushes and their size; read by the script when a stroke is drawn."""
    brushes = "".join(
        f'<label class="brush brush-{name}"><input type="radio" name="paint-tool" value="{name}"'
        f"{' checked' if name == 'include' else ''}>{label}</label>"
        for name, label in text.BRUSHES
    )
    return (
        f'<fieldset class="brushes"><legend>{text.BRUSH_LABEL}</legend>{brushes}</fieldset>'
        f'<label class="brush-size">{text.BRUSH_SIZE}'
        '<input type="range" min="6" max="90" value="28"></label>'
    )


def _decoded(strokes: str) -> np.ndarray:
    """`uint8 [h, w, 4]` of a data URL. Raises StudioError."""
    if not strokes.startswith(PNG_URL) or len(strokes) > MAX_LETTERS:
        raise StudioError(text.BAD_PAINTING)
    try:
        data = base64.b64decode(strokes.removeprefix(PNG_URL), validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if max(picture.size) > MAX_SIDE:
                raise StudioError(text.BAD_PAINTING)
            return np.asarray(picture.convert("RGBA"))
    except Exception:  # decoders raise nearly anything on damaged files
        raise StudioError(text.BAD_PAINTING) from None


def _side(mask: Tensor) -> np.ndarray:
    """A mask `[1, h, w]` as `float32 [CANVAS, CANVAS]`."""
    return cv2.resize(mask[0].float().numpy(), (CANVAS, CANVAS), interpolation=cv2.INTER_AREA)


def _tensor(mask: np.ndarray) -> Tensor:
    return torch.from_numpy(mask)[None]
