"""The universal network's file: where it fits, and the message where it does not."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
import torch

from mcaclip.editing.library import collect
from mcaclip.editing.network.mca import MCANetwork, read_header, save_network
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import METHOD, find_universal, is_universal, open_universal
from mcaclip.errors import WeightsError
from tests.editing.network.test_coral import LAYERS
from tests.editing.network.test_mca import TINY, text

WORDS = "a" * 64
FIT = StackFit("mobilestylegan", LAYERS, "FaceCLIP", WORDS)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "universal.safetensors"
    save_network(MCANetwork(LAYERS, TINY), path, {}, {}, method=METHOD, words=WORDS)
    return path


def test_the_file_names_the_text_tower_it_was_trained_with(saved):
    header = read_header(saved)
    assert (header.method, header.words, header.prompts) == (METHOD, WORDS, {})
    assert is_universal(saved)


def test_a_fitted_file_names_no_words_and_is_not_universal(tmp_path):
    save_network(MCANetwork(LAYERS, TINY), tmp_path / "edit.safetensors", {"a": {}}, {"a": text(1)})
    assert read_header(tmp_path / "edit.safetensors").words == ""
    assert not is_universal(tmp_path / "edit.safetensors")
    with pytest.raises(WeightsError, match="no universal network"):
        open_universal(tmp_path / "edit.safetensors", FIT)


def test_the_network_is_read_once_and_takes_any_words(saved):
    found = open_universal(saved, FIT)
    assert found.there and found.path == saved and found.problem == ""
    network = found.network()
    assert network is found.network()
    code = torch.randn(2, 18, 512)
    first, second = (network(code, text())[1] for _ in range(2))
    assert first.shape == (2, 18, 512) and not torch.equal(first, second)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (replace(FIT, words="b" * 64), "git checkout -- assets"),
        (replace(FIT, clip="ViT-B-32-quickgelu"), "--clip FaceCLIP"),
        (replace(FIT, generator="stylegan2"), "python -m train universal"),
        (replace(FIT, layers=LAYERS[:1]), "python -m train universal"),
    ],
)
def test_a_file_that_does_not_fit_names_the_remedy_and_disables_this_mode_only(saved, place, words, caplog):
    with pytest.raises(WeightsError, match=words):
        open_universal(saved, place)
    with caplog.at_level(logging.WARNING):
        found = find_universal(saved, [], place)
    assert not found.there and words in found.problem and words in caplog.text
    with pytest.raises(WeightsError, match=words):
        find_universal(None, [saved], place)


def test_no_file_means_no_universal_mode_and_how_to_get_it():
    found = find_universal(None, [], FIT)
    assert not found.there and "python -m train universal" in found.problem


def test_a_damaged_file_disables_this_mode_only(tmp_path, caplog):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with caplog.at_level(logging.WARNING):
        assert not find_universal(tmp_path / "bad.safetensors", [], FIT).there
    assert "bad.safetensors" in caplog.text


def test_the_named_file_comes_before_the_shipped_one(saved, tmp_path):
    other = tmp_path / "other.safetensors"
    save_network(MCANetwork(LAYERS, TINY), other, {}, {}, method=METHOD, words=WORDS)
    assert find_universal(saved, [other], FIT).path == other
    assert [find_universal(saved, files, FIT).shipped for files in ([], [other])] == [True, False]


def test_a_library_of_fitted_prompts_leaves_it_out(saved):
    assert collect([saved], [], FIT, "cpu") == {}
