"""Mends label maps: islands of a parser in the background, and holes in a face."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mcaclip.perception.label_map import BACKGROUND, without_islands
from mcaclip.perception.parsing_head import CLASSES

SPECK = 40
"""Pieces of a class below so many pixels (at 256 px) take the label around them, unless the class is small itself."""
PIECE_SHARE = 0.12
"""Pieces of skin, hair or a hat below this share of the largest one are errors."""
FACE_SHARE = 0.6
"""Share of a hole's rim that must be face for the hole to be closed; gaps between strands of hair stay open."""
_FACE = tuple(n for n, name in enumerate(CLASSES) if name not in ("background", "hair", "hat", "neck", "cloth"))
_IN_ONE_PIECE = tuple(CLASSES.index(name) for name in ("skin", "hair", "hat"))
_LARGE = tuple(CLASSES.index(name) for name in ("background", "skin", "hair", "hat", "neck", "cloth"))


def clean(labels: np.ndarray) -> np.ndarray:
    """`uint8 [H, W]` of CelebAMask-HQ classes, without islands, holes and specks."""
    return without_specks(without_islands(labels), _LARGE)


def without_specks(labels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Specks of the named classes get the label around them."""
    for number in classes:
        labels = _without_specks(labels, number)
    return labels


def without_holes(labels: np.ndarray) -> np.ndarray:
    """Background that the face itself surrounds gets the label around it; dark skin is at times labelled so."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (labels == BACKGROUND).astype(np.uint8), connectivity=4
    )
    out, size = labels.copy(), len(labels)
    for piece in range(1, count):
        left, top, width, height, _ = stats[piece]
        if left == 0 or top == 0 or left + width == size or top + height == size:
            continue
        box = slice(top - 1, top + height + 1), slice(left - 1, left + width + 1)
        inside = pieces[box] == piece
        rim = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~inside
        around = labels[box][rim]
        if np.isin(around, _FACE).mean() > FACE_SHARE:
            out[box][inside] = np.bincount(around).argmax()
    return out


def _without_specks(labels: np.ndarray, number: int) -> np.ndarray:
    """Specks of one class get the commonest label of their rim, and so do all pieces beside a much larger one."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((labels == number).astype(np.uint8), connectivity=4)
    out = labels.copy()
    largest = stats[1:, cv2.CC_STAT_AREA].max(initial=0)
    limit = max(SPECK, PIECE_SHARE * largest if number in _IN_ONE_PIECE else 0)
    for piece in range(1, count):
        left, top, width, height, area = stats[piece]
        if area >= limit:
            continue
        box = slice(max(top - 2, 0), top + height + 2), slice(max(left - 2, 0), left + width + 2)
        inside = pieces[box] == piece
        rim = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~inside
        if rim.any():
            out[box][inside] = np.bincount(labels[box][rim]).argmax()
    return out
