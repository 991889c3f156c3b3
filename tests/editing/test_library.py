"""Which fitted edits a stack finds, and what it says of the others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from mcaclip.editing.library import collect, edit_files
from mcaclip.editing.network.mca import MCANetwork, load_network, read_header, save_network
from mcaclip.editing.stack_fit import StackFit
from mcaclip.errors import WeightsError
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from tests.editing.network.test_mca import TINY, text

with torch.device("meta"):
    LAYERS = StyleGAN2(StyleGAN2Config(16, 4, 64)).layers
    OTHER_LAYERS = StyleGAN2(StyleGAN2Config(32, 4, 64)).layers


@pytest.fixture
def write(tmp_path):
    def make(name: str, prompt: str, generator: str = "stylegan2", clip: str = "FaceCLIP", layers=LAYERS) -> Path:
        path = tmp_path / f"{name}.safetensors"
        save_network(MCANetwork(layers, TINY), path, {prompt: {"steps": 3}}, {prompt: text(1)}, generator, clip)
        return path

    return make


def gather(files, asked_for=()):
    return collect(files, asked_for, StackFit("stylegan2", LAYERS, "FaceCLIP"), "cpu")


def test_a_file_says_what_it_was_fitted_on(write):
    path = write("a", "green lipstick", clip="ViT-B-32-quickgelu")
    header = read_header(path)
    assert (header.generator, header.clip, header.layers) == ("stylegan2", "ViT-B-32-quickgelu", LAYERS)
    network, prompts, _ = load_network(path)
    assert prompts == {"green lipstick": {"steps": 3}} and network.coral.layers == LAYERS


def test_the_shipped_file_counts_as_fitted_on_the_compact_stack(repo_root):
    header = read_header(repo_root / "assets" / "edits" / "library.safetensors")
    assert (header.generator, header.clip) == ("mobilestylegan", "FaceCLIP")


def test_only_what_fits_is_found(write):
    files = [
        write("fits", "a"),
        write("other_generator", "b", generator="mobilestylegan"),
        write("other_size", "c", layers=OTHER_LAYERS),
        write("other_words", "d", clip="ViT-B-32-quickgelu"),
    ]
    assert set(gather(files)) == {"a"}


def test_a_damaged_file_is_named_and_left_out(write, tmp_path, caplog):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with caplog.at_level(logging.WARNING):
        assert set(gather([tmp_path / "bad.safetensors", write("good", "a")])) == {"a"}
    assert "bad.safetensors" in caplog.text
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        gather([], [tmp_path / "bad.safetensors"])


def test_a_named_file_of_another_generator_is_used_without_its_masks(write):
    foreign = write("foreign", "b", generator="mobilestylegan", layers=OTHER_LAYERS)
    library = gather([write("own", "a")], [foreign])
    assert library["a"].own_masks and not library["b"].own_masks


def test_a_named_file_of_other_words_is_refused_with_the_option_that_helps(write):
    with pytest.raises(WeightsError, match="--clip ViT-B-32-quickgelu"):
        gather([], [write("words", "a", clip="ViT-B-32-quickgelu")])


def test_the_last_file_of_a_prompt_counts_and_is_read_once(write):
    first, second = write("first", "a"), write("second", "a")
    library = gather([first], [second])
    assert library["a"].path == second
    assert library["a"].fitted() is library["a"].fitted()


def test_a_place_is_a_file_a_folder_or_nothing_yet(write, tmp_path):
    b, a = write("b", "b"), write("a", "a")
    (tmp_path / "notes.txt").write_text("no network")
    assert edit_files(tmp_path) == [a, b]
    assert edit_files(b) == [b]
    assert edit_files(tmp_path / "missing") == []
