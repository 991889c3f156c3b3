from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import MCAConfig, MCANetwork, load_network, save_network
from mcaclip.errors import WeightsError
from mcaclip.types import TextCode
from tests.editing.network.test_coral import LAYERS, features

TINY = MCAConfig(
    fusion=FeatureFusionConfig("tokens", heads=2, attention_dim=8, feedforward_dim=8, layer_norm=True),
    mapper_layers=1,
    first_row=2,
    last_row=9,
)


def text(batch: int = 2) -> TextCode:
    mask = torch.tensor([[True, True, False]]).expand(batch, -1)
    return TextCode(torch.randn(batch, 512), torch.randn(batch, 3, 512), mask)


def test_only_the_chosen_rows_move():
    _, delta = MCANetwork(LAYERS, TINY)(torch.randn(2, 18, 512), text())
    moves = delta.abs().amax((0, 2)) > 0
    assert moves.tolist() == [2 <= row <= 9 for row in range(18)]


def test_saved_network_gives_the_same_edit(tmp_path):
    network = MCANetwork(LAYERS, TINY).half().float()
    fitted_to = text(1)
    save_network(
        network, tmp_path / "edit.safetensors", {"green lipstick": {"steps": 3}}, {"green lipstick": fitted_to}
    )
    loaded, prompts, _ = load_network(tmp_path / "edit.safetensors")
    assert prompts == {"green lipstick": {"steps": 3}}
    assert loaded.config == TINY
    w_plus, code, some = torch.randn(2, 18, 512), text(), features()
    for a, b in zip(network(w_plus, code), loaded(w_plus, code), strict=True):
        assert torch.equal(a, b)
    t_w = torch.randn(2, 18, 512)
    for a, b in zip(network.coral(some, t_w), loaded.coral(some, t_w), strict=True):
        assert torch.equal(a, b)


def test_files_hold_the_edit_network_alone(tmp_path):
    save_network(MCANetwork(LAYERS, TINY), tmp_path / "edit.safetensors", {}, {})
    parameters = sum(p.numel() for p in MCANetwork(LAYERS, TINY).parameters())
    assert (tmp_path / "edit.safetensors").stat().st_size < 2 * parameters + 60_000


def test_foreign_and_damaged_files_are_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(b"not a file")
    for name, words in (("foreign", "no edit network of format"), ("damaged", "no safetensors file")):
        with pytest.raises(WeightsError, match=words):
            load_network(tmp_path / f"{name}.safetensors")


def test_a_file_keeps_the_words_it_was_fitted_to(tmp_path):
    words = {name: text(1) for name in ("green lipstick", "purple hair")}
    save_network(MCANetwork(LAYERS, TINY), tmp_path / "edit.safetensors", {name: {} for name in words}, words)
    _, _, kept = load_network(tmp_path / "edit.safetensors")
    for name, code in words.items():
        tokens = code.tokens[:, code.token_mask[0]]
        assert torch.allclose(kept[name].tokens, tokens, atol=2e-3) and kept[name].token_mask.all()
        assert torch.allclose(kept[name].embedding, torch.nn.functional.normalize(code.embedding, dim=-1), atol=2e-3)


def test_words_without_padding_mean_the_same():
    network, code = MCANetwork(LAYERS, TINY), text(1)
    trimmed = TextCode(code.embedding, code.tokens[:, code.token_mask[0]], code.token_mask[:, code.token_mask[0]])
    w_plus = torch.randn(1, 18, 512)
    for a, b in zip(network(w_plus, code), network(w_plus, trimmed), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
