"""A cartoon face that dlib's detector takes for a real one: tests need no photograph of a person."""

from __future__ import annotations

import cv2
import numpy as np

# (x, y, half width, half height, RGB) of each ellipse, in percent of the face's width from its centre.
_BACK = ((0, -12, 58, 72, (60, 40, 30)), (0, 0, 48, 64, (220, 180, 150)))
_NOSE_AND_MOUTH = (
    (0, 5, 5, 14, (205, 160, 130)),
    (0, 17, 9, 4, (180, 130, 105)),
    (-5, 18, 2, 1.5, (110, 70, 60)),
    (5, 18, 2, 1.5, (110, 70, 60)),
    (0, 36, 18, 6, (185, 90, 90)),
    (0, 36, 16, 1, (110, 50, 50)),
)
_EYE = (
    (20, -12, 10, 5, (245, 245, 245)),
    (20, -12, 4.5, 4.5, (40, 30, 30)),
    (20, -23, 13, 3, (70, 45, 35)),
)


def draw_face(width: int, height: int, faces: tuple[tuple[int, int, int], ...], background: int = 165) -> np.ndarray:
    """`uint8 [height, width, 3]` with faces given as (centre x, centre y, width of the face) in pixels."""
    picture = np.full((height, width, 3), background, np.uint8)
    mirrored = tuple((-x, *rest) for x, *rest in _EYE)
    for center_x, center_y, face in faces:
        scale = face / 100
        for x, y, a, b, colour in (*_BACK, *_EYE, *mirrored, *_NOSE_AND_MOUTH):
            center = (round(center_x + x * scale), round(center_y + y * scale))
            axes = (max(1, round(a * scale)), max(1, round(b * scale)))
            cv2.ellipse(picture, center, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), max(0.5, faces[0][2] / 80) if faces else 1.0)
