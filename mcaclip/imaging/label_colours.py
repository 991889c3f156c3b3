"""Label maps made visible: a colour for each class, laid over the picture."""

from __future__ import annotations

import cv2
import numpy as np

LABEL_COLOURS: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 0),
    "skin": (236, 188, 140),
    "nose": (255, 140, 60),
    "eye_g": (30, 30, 200),
    "l_eye": (0, 210, 255),
    "r_eye": (0, 130, 255),
    "l_brow": (170, 110, 20),
    "r_brow": (110, 70, 10),
    "l_ear": (255, 110, 190),
    "r_ear": (200, 40, 140),
    "mouth": (255, 255, 255),
    "u_lip": (230, 20, 50),
    "l_lip": (150, 0, 40),
    "hair": (90, 60, 170),
    "hat": (150, 200, 60),
    "ear_r": (255, 240, 0),
    "neck_l": (255, 200, 0),
    "neck": (180, 140, 110),
    "cloth": (40, 150, 90),
    "beard": (120, 160, 200),
    "moustache": (70, 200, 170),
    "goatee": (60, 100, 140),
}
"""RGB of every class of `face_parser.LABELS`. Neighbours on a face differ in hue or in lightness."""

_PALETTE = np.array(list(LABEL_COLOURS.values()), np.uint8)
TINT = 0.55
"""Share of the class's colour; the rest is the picture."""


def label_overlay(picture: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A picture tinted by class, with a thin light line between classes; the background is only darkened.

    Args:
        picture: `uint8 [S, S, 3]` RGB.
        labels: `uint8 [S, S]`, numbers of `face_parser.LABELS`.
    """
    mixed = picture.astype(np.float32) * (1 - TINT) + _PALETTE[labels].astype(np.float32) * TINT
    edges = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    mixed[edges] = 0.4 * mixed[edges] + 0.6 * 255
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
