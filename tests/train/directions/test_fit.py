"""Directions of made-up faces whose measures are known functions of their codes."""

from __future__ import annotations

import pytest
import torch

from mcaclip.errors import TrainingError
from train.directions.fit import load_regression, regress, save_regression


@pytest.fixture(scope="module")
def regression():
    draw = torch.Generator().manual_seed(0)
    spread = 0.5 + torch.rand(512, generator=draw)
    codes = spread * torch.randn(3000, 512, generator=draw)
    smile = codes[:, 0] + 0.3 * torch.randn(3000, generator=draw)
    age = codes[:, 0] + codes[:, 1]  # old people smile, in this world
    glasses = (codes[:, 2] > 1.5).float()
    noise = torch.randn(3000, generator=draw)
    measures = {"smile": smile, "age": age, "glasses": glasses, "noise": noise}
    return regress(codes, measures, torch.zeros(512))


def test_what_codes_say_is_explained_and_noise_is_not(regression):
    explained = dict(zip(regression.names, regression.explained.tolist(), strict=True))
    assert explained["age"] > 0.7 and explained["smile"] > 0.6
    assert explained["noise"] < 0.05


def test_a_direction_raises_its_measure_by_one_and_holds_the_others(regression):
    shift = regression.direction({"smile": 1.0})
    codes = torch.zeros(1, 18, 512)
    moved = codes + shift
    assert float(regression.level(moved, {"smile": 1.0})) == pytest.approx(1, abs=1e-4)
    assert float(regression.level(moved, {"age": 1.0})) == pytest.approx(0, abs=0.1)
    free = regression.direction({"smile": 1.0}, ("age",))
    assert float(regression.level(codes + free, {"age": 1.0})) > 0.3
    assert free.norm() < shift.norm()


def test_opposite_weights_give_opposite_directions(regression):
    up, down = (regression.direction({"age": sign}) for sign in (1.0, -1.0))
    torch.testing.assert_close(up, -down)


def test_a_regression_survives_its_file_and_a_broken_one_is_told(regression, tmp_path):
    save_regression(regression, tmp_path / "d.safetensors")
    again = load_regression(tmp_path / "d.safetensors")
    assert again.names == list(regression.names) and torch.equal(again.slopes, regression.slopes)
    (tmp_path / "d.safetensors").write_bytes(b"no")
    for name in ("d.safetensors", "none.safetensors"):
        with pytest.raises(TrainingError, match="python -m train directions"):
            load_regression(tmp_path / name)
    with pytest.raises(TrainingError, match="not measured for charm"):
        regression.direction({"charm": 1.0})
