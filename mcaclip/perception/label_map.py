"""From a parser's probabilities to one map of class numbers, without islands in the background."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

BACKGROUND = 0
ISLAND_SHARE = 0.02
"""A piece of foreground smaller than this share of the largest one becomes background."""


def label_map(probabilities: Tensor) -> np.ndarray:
    """The likeliest class of every pixel, `uint8 [H, W]`, of probabilities `[C, H, W]` with background first."""
    return without_islands(probabilities.argmax(0).byte().cpu().numpy())


def without_islands(labels: np.ndarray) -> np.ndarray:
    """Small pieces of `uint8 [H, W]` that are not connected with the person become background."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(
        (labels != BACKGROUND).astype(np.uint8), connectivity=4
    )
    if count < 2:
        return labels
    areas = stats[1:, cv2.CC_STAT_AREA]
    person = np.isin(pieces, 1 + np.flatnonzero(areas >= ISLAND_SHARE * areas.max()))
    return np.where(person, labels, BACKGROUND).astype(np.uint8)
