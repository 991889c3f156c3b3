"""The published mappers, read from files in the published containers, against the published code's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mcaclip.editing.network.latent_mapper import LatentMapper
from mcaclip.methods.mappers import (
    CFCLIPMapper,
    StyleCLIPMapper,
    read_cfclip_mapper,
    read_styleclip_mapper,
)
from tests.golden.reference import Golden, float32, inputs
from tests.helpers.fill import filled_state_dict

TOLERANCE = 1e-4
DECODER = {"decoder.input.input": torch.zeros(1)}


@pytest.fixture(scope="module")
def draws(golden: Golden) -> tuple[Tensor, Tensor]:
    stream = inputs(5)
    w_plus, text = float32(stream.standard_normal((2, 18, 512))), float32(stream.standard_normal((2, 512)))
    golden.check("mappers", "w_plus", w_plus, 0)
    golden.check("mappers", "text_feature", text, 0)
    return w_plus, text


def saved(path: Path, golden: Golden, layout: str, without: tuple[str, ...] = ()) -> Path:
    state = filled_state_dict(golden.layout(layout))
    kept = {key: value for key, value in state.items() if not any(part in key for part in without)}
    torch.save({"state_dict": kept | DECODER, "opts": {"lr": 0.5}}, path)
    return path


def test_styleclip_levels_mapper(golden: Golden, draws, tmp_path):
    path = saved(tmp_path / "mapper.pt", golden, "styleclip_mapper_layout")
    model = StyleCLIPMapper.from_state(read_styleclip_mapper(path))
    golden.check("mappers", "styleclip_delta", model.mapper(draws[0]), TOLERANCE)
    golden.check("mappers", "styleclip_w_hat", draws[0] + model(draws[0]), TOLERANCE)


def test_styleclip_medium_only(golden: Golden, draws, tmp_path):
    path = saved(tmp_path / "m.pt", golden, "styleclip_mapper_layout", without=("course", "fine"))
    model = StyleCLIPMapper.from_state(read_styleclip_mapper(path))
    delta = model.mapper(draws[0])
    golden.check("mappers", "styleclip_delta_medium_only", delta, TOLERANCE)
    assert torch.count_nonzero(delta[:, :4]) == torch.count_nonzero(delta[:, 8:]) == 0


def test_styleclip_single_mapper(golden: Golden, draws, tmp_path):
    path = saved(tmp_path / "m.pt", golden, "styleclip_single_mapper_layout")
    model = StyleCLIPMapper.from_state(read_styleclip_mapper(path))
    golden.check("mappers", "styleclip_single_delta", model.mapper(draws[0]), TOLERANCE)


def test_cfclip_mapper(golden: Golden, draws, tmp_path):
    path = saved(tmp_path / "m.pt", golden, "cfclip_mapper_layout")
    model = CFCLIPMapper.from_state(read_cfclip_mapper(path))
    w_plus, text = draws
    golden.check("mappers", "cfclip_t_w", model.text.embed_text(text), TOLERANCE)
    fused = model.text(w_plus, text)
    golden.check("mappers", "cfclip_fused", fused, TOLERANCE)
    golden.check("mappers", "cfclip_delta", model.mapper(fused), TOLERANCE)
    golden.check("mappers", "cfclip_w_hat", w_plus + model(w_plus, text), TOLERANCE)


def test_a_mapper_of_fewer_groups_keeps_its_names():
    model = StyleCLIPMapper(LatentMapper(enabled=["coarse", "fine"], dim=512, num_layers=4))
    again = StyleCLIPMapper.from_state(model.state_dict())
    assert set(again.mapper.groups) == {"coarse", "fine"}
