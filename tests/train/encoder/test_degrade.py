from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.drawn_face import draw_face
from train.encoder.degrade import MILD, STRONG, Degradation, degrade

NONE = Degradation(0, 0, 0, 0, 0, 0, 0)


@pytest.fixture
def picture():
    return np.ascontiguousarray(draw_face(256, 256, ((128, 140, 130),)))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def test_nothing_set_changes_nothing(picture):
    assert difference(degrade(picture, np.random.default_rng(0), NONE), picture) < 0.5


def test_the_same_seed_gives_the_same_picture(picture):
    first, again, other = (degrade(picture, np.random.default_rng(seed), STRONG) for seed in (1, 1, 2))
    assert first.dtype == np.uint8 and first.shape == picture.shape
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_strong_changes_more_than_mild(picture):
    def mean(how: Degradation) -> float:
        return float(
            np.mean([difference(degrade(picture, np.random.default_rng(s), how), picture) for s in range(12)])
        )

    assert mean(STRONG) > 1.5 * mean(MILD) > 0


def test_an_occluder_hides_a_part_only(picture):
    covered = degrade(picture, np.random.default_rng(3), Degradation(0, 0, 0, 0, 0, 0, 1))
    changed = (np.abs(covered.astype(int) - picture).max(2) > 2).mean()
    assert 0 < changed < 0.3
