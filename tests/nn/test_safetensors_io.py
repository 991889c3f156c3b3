from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mcaclip.errors import WeightsError
from mcaclip.nn.ops import channels_last
from mcaclip.nn.safetensors_io import load_strictly, save_half


def load(module: nn.Module, path) -> nn.Module:
    return load_strictly(module, path, "is no toy", "make it again")


def test_saved_weights_are_halves_and_load_as_floats(tmp_path):
    path = tmp_path / "toy.safetensors"
    module = channels_last(nn.Conv2d(3, 4, 3))
    save_half(module.state_dict(), path, {"format": "toy"})
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    other = nn.Conv2d(3, 4, 3)
    assert load(other, path) is other
    for name, value in module.state_dict().items():
        assert other.state_dict()[name].dtype == torch.float32
        assert torch.equal(other.state_dict()[name], value.half().float())


@pytest.mark.parametrize(
    "state",
    [
        {"weight": torch.zeros(1, 2)},
        {"weight": torch.zeros(1, 2), "bias": torch.zeros(1), "more": torch.zeros(1)},
        {"weight": torch.zeros(1, 3), "bias": torch.zeros(1)},
        None,
    ],
    ids=["missing", "too many", "other shape", "damaged"],
)
def test_another_layout_is_refused(tmp_path, state):
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"nothing of the kind")
    if state is not None:
        save_file(state, path)
    with pytest.raises(WeightsError, match=r"(?s)other\.safetensors is no toy \(.*\); make it again$"):
        load(nn.Linear(2, 1), path)


def test_channels_last_changes_the_layout_and_no_value():
    module = nn.Conv2d(3, 4, 3)
    before = module.weight.detach().clone()
    assert channels_last(module) is module
    assert module.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(module.weight, before)
