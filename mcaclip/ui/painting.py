"""From what was painted in the browser to masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from mcaclip.types import Paint

INCLUDE_COLOUR = (20, 196, 178)
EXCLUDE_COLOUR = (229, 72, 77)
CANVAS = 512
"""Side in pixels of the picture that is painted on, and of the masks."""


def paint_of(value: Mapping[str, Any] | None) -> Paint | None:
    """What an image editor's value says.

    Args:
        value: with `layers`, each `uint8 [h, w, 4]`; their size may be any.

    Returns:
        Masks `float32 [1, CANVAS, CANVAS]`, or None when nothing is painted.
    """
    include = np.zeros((CANVAS, CANVAS), np.float32)
    exclude = np.zeros((CANVAS, CANVAS), np.float32)
    for layer in (value or {}).get("layers") or ():
        strokes = cv2.resize(np.asarray(layer), (CANVAS, CANVAS), interpolation=cv2.INTER_AREA).astype(np.float32)
        drawn = strokes[..., 3] > 127
        to_include, to_exclude = (
            np.abs(strokes[..., :3] - np.array(colour, np.float32)).sum(-1)
            for colour in (INCLUDE_COLOUR, EXCLUDE_COLOUR)
        )
        include[drawn & (to_include <= to_exclude)] = 1
        exclude[drawn & (to_include > to_exclude)] = 1
    if not include.any() and not exclude.any():
        return None
    return Paint(
        allow=_tensor(1 - exclude) if exclude.any() else None,
        include=_tensor(include) if include.any() else None,
    )


def canvas_value(picture: np.ndarray) -> dict[str, Any]:
    """An image editor's value: a picture `uint8 [H, H, 3]` to paint on, nothing painted yet."""
    small = cv2.resize(picture, (CANVAS, CANVAS), interpolation=cv2.INTER_AREA)
    return {"background": small, "layers": [], "composite": None}


def _tensor(mask: np.ndarray) -> Tensor:
    return torch.from_numpy(mask)[None]
