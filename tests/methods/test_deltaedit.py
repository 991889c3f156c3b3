"""DeltaEdit: its published layout against a second implementation, its import, and the parts of its levels."""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.__main__ import main
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.methods.delta_mapper import DeltaConfig, DeltaMapper, delta_config, level_parts, load_delta
from mcaclip.methods.deltaedit import plain_features
from mcaclip.nn.header import read_weights_header

WIDE, FINE = 8, (8, 8, 8, 4, 4, 2, 2)
SMALL = DeltaConfig(tuple(range(14)), (*[WIDE] * 7, *FINE), dim=6)


def published(wide: int, fine: int, dim: int, number: int, draw: torch.Generator) -> dict[str, Tensor]:
    """A state dict under the published names: `number` rows of a weight are random, the others repeat them."""
    state = {}
    for level, width in (("coarse", wide), ("medium", wide), ("fine", fine)):
        for kind, inputs in (("sm", width), ("cm", 2 * dim), ("fm", 2 * width)):
            first = 0 if kind == "fm" else 1
            for layer, size in enumerate([inputs, *[width] * 3], first):
                rows = torch.randn(min(number, width), 1 if width > 1000 else size, generator=draw) / 0.01
                rows = rows.repeat(-(-width // len(rows)), 1)[:width]
                name = f"{kind}_{level}.mapping.{layer}"
                state |= {
                    f"{name}.weight": rows.expand(width, size),
                    f"{name}.bias": torch.randn(width, generator=draw),
                }
    return state


def mapped(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """A published `Mapper`: PixelNorm over dimension 1 but in the fusion, then four equalised layers."""
    first = 0 if name.startswith("fm") else 1
    x = x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt() if first else x
    for layer in range(first, first + 4):
        weight, bias = (state[f"{name}.mapping.{layer}.{part}"] for part in ("weight", "bias"))
        x = math.sqrt(2) * F.leaky_relu(x @ (weight * 0.01 / math.sqrt(weight.shape[1])).T + 0.01 * bias, 0.2)
    return x


def original(state: dict[str, Tensor], styles: Tensor, condition: Tensor, wide: int) -> Tensor:
    """The published `DeltaMapper`: three and four shared rows, and one vector."""
    changes = []
    for level, own in (
        ("coarse", styles[:, : 3 * wide].reshape(-1, 3, wide)),
        ("medium", styles[:, 3 * wide : 7 * wide].reshape(-1, 4, wide)),
        ("fine", styles[:, 7 * wide :]),
    ):
        style, wanted = mapped(state, f"sm_{level}", own), mapped(state, f"cm_{level}", condition)
        if own.ndim == 3:
            wanted = torch.stack([wanted] * own.shape[1], 1)
        changes.append(mapped(state, f"fm_{level}", torch.cat([style, wanted], -1)).reshape(len(styles), -1))
    return torch.cat(changes, 1)


def inputs(styles: int, dim: int, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    features, change = F.normalize(torch.randn(2, 2, dim, generator=draw), dim=-1)
    return 1 + 0.3 * torch.randn(2, styles, generator=draw), features, change


def test_the_network_is_the_published_one():
    draw = torch.Generator().manual_seed(1)
    state = published(WIDE, sum(FINE), 6, 99, draw)
    model = DeltaMapper(SMALL)
    own = {"scale": model.scale, "relevance": model.relevance}
    model.load_state_dict(own | {name.replace(".mapping.", "."): value for name, value in state.items()})
    styles, features, change = inputs(7 * WIDE + sum(FINE), 6, draw)
    expected = original(state, styles, torch.cat([features, change], 1), WIDE)
    torch.testing.assert_close(model(styles, features, change), expected, atol=1e-5, rtol=1e-5)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A network and a relevance in the published layout at its real size, most of it repeated."""
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    draw = torch.Generator().manual_seed(2)
    state = published(512, 2464, 512, 64, draw)
    torch.save(state, tmp_path / "net_face.pth")
    relevance = np.random.default_rng(3).standard_normal((6048, 512)).astype(np.float32)
    relevance[7] = np.nan
    np.save(tmp_path / "fs3.npy", relevance)
    return SimpleNamespace(
        state=state, relevance=relevance, folder=tmp_path, draw=draw, made=tmp_path / "cache/methods"
    )


def test_a_published_file_is_imported_for_the_paper_stack(files, capsys):
    words = ["import", str(files.folder / "net_face.pth"), "--relevance", str(files.folder / "fs3.npy")]
    assert main(words) == 0 and "compare --stack paper" in capsys.readouterr().out
    path = files.made / "imported_deltaedit.safetensors"
    header = read_weights_header(path, "").metadata
    assert (header["generator"], header["clip"]) == ("stylegan2", "ViT-B-32-quickgelu")
    model = load_delta(path)
    assert sum(weights.numel() for weights in model.parameters()) == 82_760_576
    styles, features, change = inputs(6048, 512, files.draw)
    expected = original(files.state, styles, torch.cat([features, change], 1), 512)
    assert float((model(styles, features, change) - expected).abs().max()) < 1e-3 * float(expected.abs().max())
    assert not model.relevance[7].any()
    assert torch.equal(model.relevance[8:], torch.from_numpy(files.relevance[8:]))
    assert main(words) == 2 and "--overwrite" in capsys.readouterr().err


def test_what_is_no_deltaedit_is_refused(files, capsys):
    network, relevance = str(files.folder / "net_face.pth"), str(files.folder / "fs3.npy")

    def refused(*words: str) -> str:
        assert main(["import", *words]) == 2
        return capsys.readouterr().err

    assert "add --relevance" in refused(network)
    assert "leave --name" in refused(network, "--relevance", relevance, "--name", "a")
    np.save(files.folder / "short.npy", files.relevance[:5376])
    assert "5376 x 512" in refused(network, "--relevance", str(files.folder / "short.npy"))
    del files.state["fm_fine.mapping.3.bias"]
    torch.save(files.state, network)
    assert "fm_fine.3.bias" in refused(network, "--relevance", relevance)
    assert not files.made.exists()


def test_the_compact_generators_levels_hold_every_channel_once():
    with torch.device("meta"):
        config = delta_config(MobileStyleGAN())
    parts = level_parts(config)
    assert torch.equal(torch.cat([part.indices for part in parts]).sort().values, torch.arange(sum(config.widths)))
    shapes = {part.name: (part.rows, part.width) for part in parts}
    assert shapes["coarse"] == (3, 512) and shapes["medium"] == (4, 512), "as many as StyleGAN2 has"
    ends = np.cumsum((0, *config.widths))
    rows = np.repeat(config.rows, config.widths)
    for part in parts:
        level = {"coarse": (0, 3), "medium": (3, 7), "fine": (7, 18)}[part.name.split("_")[0]]
        assert all(level[0] <= row < level[1] for row in rows[part.indices])
        if part.rows > 1:
            assert {(int(own[0]), int(own[-1]) + 1) for own in part.indices.view(part.rows, -1)} <= set(
                pairwise(ends)
            )


def test_units_of_styles_are_those_of_its_scale():
    model = DeltaMapper(SMALL)
    styles, features, change = inputs(model.scale.numel(), 6, torch.Generator().manual_seed(4))
    before = model(styles, features, change)
    model.scale.fill_(10)
    torch.testing.assert_close(model(10 * styles, features, change), 10 * before)


def test_published_features_are_those_of_averaged_pixels_in_their_own_range():
    pictures, seen = torch.randn(2, 3, 64, 64), []
    space = SimpleNamespace(model=SimpleNamespace(encode_image=lambda x: seen.append(x) or x.flatten(1)))
    assert plain_features(space, pictures).norm(dim=1).tolist() == pytest.approx([1, 1], rel=1e-5)
    expected = F.avg_pool2d(F.interpolate(pictures, scale_factor=7, mode="nearest"), 64 // 32)
    torch.testing.assert_close(seen[0], expected)
    assert seen[0].shape[-1] == 224
