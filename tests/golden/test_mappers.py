"""The published mappers, read from files in the published containers, against the published code's numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mcaclip.editing.network.mca import load_network
from mcaclip.methods.mappers import PublishedMapper, read_mapper
from tests.golden.reference import Golden, float32, inputs
from tests.helpers.fill import filled_state_dict

TOLERANCE = 1e-4
IMPORTED = 1e-3
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
    torch.save({"state_dict": kept | DECODER, "opts": {"description": "purple hair"}}, path)
    return path


def imported(mapper: PublishedMapper, draws: tuple[Tensor, Tensor], feature: Tensor | None, folder: Path) -> Tensor:
    """What the mapper says of the codes after it was written as a file of the studio, in half precision."""
    mapper.save(folder / "imported.safetensors", mapper.prompt, "some name", feature, {})
    network, _, codes = load_network(folder / "imported.safetensors")
    return network(draws[0], codes["purple hair"])[1]


@pytest.mark.parametrize(
    ("layout", "without", "expected"),
    [
        ("styleclip_mapper_layout", (), "styleclip_delta"),
        ("styleclip_mapper_layout", ("course", "fine"), "styleclip_delta_medium_only"),
        ("styleclip_single_mapper_layout", (), "styleclip_single_delta"),
    ],
)
def test_styleclip_mappers(golden: Golden, draws, tmp_path, layout, without, expected):
    mapper = read_mapper(saved(tmp_path / "mapper.pt", golden, layout, without))
    assert (mapper.method, mapper.prompt, mapper.needs_text) == ("styleclip-mapper", "purple hair", False)
    golden.check("mappers", expected, mapper.network().mapper(draws[0]), TOLERANCE)
    delta = imported(mapper, draws, None, tmp_path)
    golden.check("mappers", expected, 10 * delta, 10 * IMPORTED)
    if without:
        assert torch.count_nonzero(delta[:, :4]) == torch.count_nonzero(delta[:, 8:]) == 0


def test_cfclip_mapper(golden: Golden, draws, tmp_path):
    mapper = read_mapper(saved(tmp_path / "m.pt", golden, "cfclip_mapper_layout"))
    assert (mapper.method, mapper.needs_text) == ("cf-clip", True)
    w_plus, text = draws
    network = mapper.network()
    golden.check("mappers", "cfclip_t_w", network.fusion.embed_text(text), TOLERANCE)
    fused = network.fusion(w_plus, text)
    golden.check("mappers", "cfclip_fused", fused, TOLERANCE)
    golden.check("mappers", "cfclip_delta", network.mapper(fused), TOLERANCE)
    # the golden draws have a text of their own for each face
    made = torch.cat([imported(mapper, (w_plus[i : i + 1], text), text[i], tmp_path) for i in range(2)])
    golden.check("mappers", "cfclip_w_hat", w_plus + made, IMPORTED)
