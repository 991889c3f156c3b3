"""Positions along W directions and what may be said of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.train.made_up_directions import write_directions
from train.parser.attributes import ATTRIBUTES, Directions, states


@pytest.fixture
def directions(tmp_path) -> Directions:
    return Directions(write_directions(tmp_path))


def test_a_shift_moves_its_own_position_by_its_length(directions):
    w_avg = torch.zeros(512)
    shift = 3.0 * directions.attributes[1]
    moved = directions.positions(shift[None], w_avg)[0]
    assert moved[1] == pytest.approx(3.0 * np.sqrt(18), rel=1e-4)
    assert moved[[0, 2, 3]].abs().max() < 0.1 * moved[1]


def test_the_sign_of_an_attribute_turns_its_direction(tmp_path, directions):
    index = next(i for i, attribute in enumerate(ATTRIBUTES) if attribute.sign < 0)
    with np.load(tmp_path / "w.npz") as file:
        raw = torch.from_numpy(file[ATTRIBUTES[index].key])
    assert (raw * directions.attributes[index]).sum() < 0


def test_states_say_only_what_is_sure():
    spread = torch.full((len(ATTRIBUTES),), 2.0)
    far, near = torch.full_like(spread, 9.0), torch.full_like(spread, 0.2)
    assert states(torch.stack([far, -far, near]), spread).tolist() == [
        [1] * len(ATTRIBUTES), [-1] * len(ATTRIBUTES), [0] * len(ATTRIBUTES),
    ]  # fmt: skip


def test_moves_follow_the_seed(directions):
    code = torch.zeros(18, 512)
    one, two = (directions.move(directions.vary(code, rng), rng) for rng in map(np.random.default_rng, (4, 4)))
    assert torch.equal(one, two)
