"""Drawn faces with their label maps, so that no generator is needed."""

from __future__ import annotations

import cv2
import numpy as np

from train.parser.pseudo_labels import LABELS, LabelledFaces

ELLIPSES = (  # label, centre, radii, colour
    ("cloth", (128, 270), (110, 50), (60, 60, 70)),
    ("hair", (128, 105), (85, 95), (60, 40, 25)),
    ("neck", (128, 215), (35, 45), (190, 140, 120)),
    ("skin", (128, 135), (62, 82), (205, 155, 130)),
    ("l_ear", (64, 135), (9, 20), (200, 145, 120)),
    ("r_ear", (192, 135), (9, 20), (200, 145, 120)),
    ("l_brow", (103, 97), (20, 5), (60, 40, 30)),
    ("r_brow", (153, 97), (20, 5), (60, 40, 30)),
    ("l_eye", (103, 112), (15, 7), (225, 225, 225)),
    ("r_eye", (153, 112), (15, 7), (225, 225, 225)),
    ("nose", (128, 135), (14, 24), (210, 160, 135)),
    ("u_lip", (128, 178), (28, 11), (170, 80, 80)),
    ("l_lip", (128, 184), (26, 12), (180, 90, 90)),
    ("mouth", (128, 181), (22, 6), (235, 230, 220)),
)


def drawn_faces(count: int = 2) -> LabelledFaces:
    """The same face with other noise; some of its attributes are known."""
    picture, labels = np.full((256, 256, 3), (120, 140, 130), np.uint8), np.zeros((256, 256), np.uint8)
    for name, centre, radii, colour in ELLIPSES:
        cv2.ellipse(picture, centre, radii, 0, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(labels, centre, radii, 0, 0, 360, LABELS.index(name), -1)
    for x in (103, 153):
        cv2.circle(picture, (x, 112), 6, (70, 50, 40), -1)
    noise = np.random.default_rng(0).normal(0, 4, (count, *picture.shape))
    images = (picture + noise).clip(0, 255).astype(np.uint8).transpose(0, 3, 1, 2)
    states = np.tile(np.array([[1, -1, 1, -1, -1, 0, 0]], np.int8), (count, 1))
    return LabelledFaces(images, np.stack([labels] * count), states)
