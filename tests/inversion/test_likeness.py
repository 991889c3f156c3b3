from __future__ import annotations

import pytest
import torch

from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.likeness import Likeness, LikenessWeights, face_weight
from mcaclip.loading import load_face_identity


@pytest.fixture(scope="module")
def identity():
    return load_face_identity()


@pytest.fixture(scope="module")
def faces(preview):
    w = truncate(preview.mapping(seeded_z(2, 901)), preview.w_avg, 0.7)
    with torch.no_grad():
        return synthesize(preview, broadcast_w(w)).image.clamp(-1, 1)


def test_a_face_equals_itself_and_differs_from_another(identity, faces):
    likeness = Likeness.of(faces[:1], identity)
    same, other = likeness.parts(faces[:1], identity), likeness.parts(faces[1:], identity)
    assert all(abs(float(value)) < 1e-4 for value in same.values())
    assert all(float(other[name]) > 0.05 for name in ("pixel", "feature", "identity"))


def test_the_total_is_the_weighted_sum(identity, faces):
    likeness = Likeness.of(faces[:1], identity)
    parts = {"pixel": torch.tensor(2.0), "feature": torch.tensor(3.0), "identity": torch.tensor(5.0)}
    assert likeness.total(parts, LikenessWeights(1.0, 10.0, 100.0)) == 532


def test_the_same_change_costs_most_at_the_eyes(identity, faces):
    likeness = Likeness.of(faces[:1], identity)

    def cost(x: int, y: int) -> float:
        changed = faces[:1].clone()
        changed[:, :, y - 6 : y + 6, x - 6 : x + 6] = changed[:, :, y - 6 : y + 6, x - 6 : x + 6] * 0.5 + 0.5
        size = (changed - faces[:1]).abs().mean()
        return float(likeness.parts(changed, identity)["pixel"] / size)

    assert cost(96, 122) > 1.4 * cost(128, 90) > 1.4 * cost(12, 12)


def test_the_weight_has_mean_one():
    weight = face_weight(256)
    assert weight.shape == (1, 1, 256, 256)
    assert torch.allclose(weight.mean(), torch.tensor(1.0))
