from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.quality import Quality, is_poor, likeness, measure, warnings
from mcaclip.loading import load_face_identity
from mcaclip.types import AlignedFace

GOOD = Quality(0.9, 0.05, 0.1, {"eyes": 0.1, "mouth and chin": 0.1})
POOR = Quality(0.3, 0.2, 0.5, {"eyes": 0.1, "mouth and chin": 0.1})


def aligned(side: float = 600.0, nose: float = 0.5, valid: float = 1.0) -> AlignedFace:
    landmarks = np.zeros((68, 2))
    landmarks[16] = (100, 0)
    landmarks[30] = (100 * nose, 30)
    quad = np.array([[0, 0], [0, side], [side, side], [side, 0]], float)
    mask = np.zeros((10, 10), bool)
    mask[:, : round(10 * valid)] = True
    return AlignedFace(torch.zeros(3, 8, 8), quad, mask, landmarks, np.zeros((4, 4, 3), np.uint8))


@pytest.fixture(scope="module")
def faces(preview):
    w = truncate(preview.mapping(seeded_z(2, 904)), preview.w_avg, 0.7)
    with torch.no_grad():
        return synthesize(preview, broadcast_w(w)).image.clamp(-1, 1)


def test_a_good_likeness_needs_no_words():
    assert warnings(aligned(side=100, nose=0.9), GOOD, "good") == ()


def test_likeness_falls_with_the_distance_and_the_same_picture_has_one():
    assert 1 == likeness(0.0) > likeness(0.1) > likeness(0.3)
    assert not is_poor(0.1) and is_poor(0.3)


@pytest.mark.parametrize(
    ("face", "quality", "words"),
    [
        (aligned(side=120), POOR, "tiny"),
        (aligned(nose=0.85), POOR, "turned"),
        (aligned(valid=0.7), POOR, "outside"),
        (aligned(), Quality(0.3, 0.2, 0.5, {"eyes": 0.5, "mouth and chin": 0.1}), "glasses"),
        (aligned(), Quality(0.9, 0.2, 0.5, {"eyes": 0.1, "mouth and chin": 0.5}), "hand"),
        (aligned(), POOR, "no clear reason"),
    ],
)
def test_a_poor_likeness_is_explained(face, quality, words):
    (text,) = warnings(face, quality, "good")
    assert words in text and "effort best" in text
    assert "effort best" not in warnings(face, quality, "best")[0]


def test_the_distances_of_a_face_from_itself_and_from_another(faces):
    identity = load_face_identity()
    same, other = measure(identity, faces[0], faces[0]), measure(identity, faces[0], faces[1])
    assert same.identity > 0.999 and same.pixel < 1e-5 and same.perceptual < 1e-6
    assert other.identity < 0.5 and other.pixel > 0.03 and other.perceptual > 0.05


def test_a_bar_over_the_eyes_shows_at_the_eyes(faces):
    covered = faces[0].clone()
    covered[:, 108:126, 70:186] = -1
    parts = measure(load_face_identity(), covered, faces[0]).parts
    assert parts["eyes"] > 2 * parts["mouth and chin"]
