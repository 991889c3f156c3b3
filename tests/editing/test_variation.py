"""Turning a shift towards another face."""

from __future__ import annotations

import math

import pytest
import torch

from mcaclip.editing.variation import ANGLE, direction, vary
from mcaclip.generators.base import seeded_z


class Mapping:
    """A generator of which only the mapping is asked for."""

    w_avg = torch.full((512,), 0.5)

    def mapping(self, z):
        return 2 * z + 0.5


def test_an_orthogonal_direction_turns_every_row_by_the_angle_and_keeps_its_length():
    delta_w = torch.randn(1, 18, 512)
    delta_w[..., 0] = 0
    towards = torch.zeros(512)
    towards[0] = 7.0
    turned = vary(delta_w, towards)
    torch.testing.assert_close(turned.norm(dim=-1), delta_w.norm(dim=-1))
    cosine = torch.cosine_similarity(turned, delta_w, dim=-1)
    torch.testing.assert_close(cosine, torch.full((1, 18), math.cos(ANGLE)))


def test_a_random_direction_about_keeps_the_length():
    delta_w, towards = torch.randn(4, 18, 512), torch.randn(512)
    ratio = vary(delta_w, towards).norm(dim=-1) / delta_w.norm(dim=-1)
    assert ratio.min() > 0.85 and ratio.max() < 1.15


def test_the_length_of_the_direction_does_not_count_and_empty_rows_stay_empty():
    delta_w, towards = torch.randn(1, 18, 512), torch.randn(512)
    delta_w[:, 3] = 0
    torch.testing.assert_close(vary(delta_w, towards), vary(delta_w, 9 * towards))
    assert not vary(delta_w, towards)[:, 3].any()
    assert torch.equal(vary(delta_w, towards, 0.0), delta_w)


@pytest.mark.parametrize("number", [1, 999])
def test_the_direction_is_that_of_the_seeded_face_from_the_average(number):
    found = direction(Mapping(), number)
    torch.testing.assert_close(found, 2 * seeded_z(1, number)[0])
    assert not torch.equal(found, direction(Mapping(), number + 1))
