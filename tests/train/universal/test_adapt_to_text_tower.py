"""The universal network under other words: only its fusion learns, and comes back to what the old words gave."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.editing.network.coral import MaskConfig
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.errors import TrainingError
from train.universal.adapt_to_text_tower import WordsSettings, WordsTraining, load_words, retrain, run
from train.universal.universal import UNIVERSAL_CONFIG

SETTINGS = WordsSettings(captions=6, steps=40, lr=3e-3)
SMALL = replace(
    UNIVERSAL_CONFIG,
    fusion=FeatureFusionConfig("tokens", heads=2, attention_dim=16, feedforward_dim=16, layer_norm=True),
    masks=MaskConfig(hidden=4, text_dim=512, cascade=True),
    mapper_layers=1,
)


def _space(seed: int) -> ClipSpace:
    torch.manual_seed(seed)
    return ClipSpace(create_model()).requires_grad_(False).eval()


@pytest.fixture(scope="module")
def spaces() -> tuple[ClipSpace, ClipSpace]:
    return _space(0), _space(1)


def test_only_the_fusion_learns_and_the_old_edits_come_back(preview, spaces, tmp_path):
    torch.manual_seed(2)
    network = MCANetwork(preview.layers, SMALL)
    before = copy.deepcopy(network.state_dict())
    training = WordsTraining(preview, network, *spaces, SETTINGS)

    def error() -> float:
        with torch.no_grad():
            return float(training.loss(network, np.random.default_rng(5), 12)["loss"])

    at_first = error()
    after = retrain(training, network, SETTINGS, tmp_path, 5).state_dict()
    assert error() < 0.7 * at_first
    assert all(torch.equal(after[n], before[n]) for n in after if not n.startswith("fusion."))
    assert any(not torch.equal(after[n], before[n]) for n in after if n.startswith("fusion."))


def test_a_network_under_its_own_words_has_nothing_to_learn(preview, spaces):
    network = MCANetwork(preview.layers, SMALL)
    settings = replace(SETTINGS, tellings=1, wider=0.0)
    training = WordsTraining(preview, network, spaces[0], spaces[0], settings)
    assert float(training.loss(network, np.random.default_rng(0))["loss"].detach()) < 1e-6


def test_the_words_of_a_file_are_read_whatever_its_image_tower_is(spaces, tmp_path):
    state = {n: t.contiguous() for n, t in spaces[0].model.state_dict().items()}
    older = {n: t for n, t in state.items() if not n.startswith("visual.")} | {"visual.other": torch.zeros(3)}
    save_file(older, tmp_path / "older.safetensors")
    read = load_words(tmp_path / "older.safetensors")
    torch.testing.assert_close(read.encode_text(["green lips"]), spaces[0].encode_text(["green lips"]))
    save_file({n: t for n, t in older.items() if n != "text_projection"}, tmp_path / "short.safetensors")
    for name in ("short.safetensors", "none.safetensors"):
        with pytest.raises(TrainingError, match="no text tower"):
            load_words(tmp_path / name)


def test_words_that_the_network_was_not_taught_are_refused(spaces, tmp_path):
    save_file({n: t.contiguous() for n, t in spaces[1].model.state_dict().items()}, tmp_path / "other.safetensors")
    with pytest.raises(TrainingError, match="was not taught the words"):
        run(tmp_path / "other.safetensors", tmp_path / "out", 1)
    with pytest.raises(TrainingError, match="no text tower"):
        run(tmp_path / "none.safetensors", tmp_path / "out", 1)
