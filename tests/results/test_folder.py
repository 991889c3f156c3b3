"""Result folders."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mcaclip import __version__
from mcaclip.results import export as keep
from mcaclip.results import folder as output
from mcaclip.results import pipeline
from mcaclip.types import EditSettings, Residual, to_uint8
from tests.fakes import MASK_SIDES, FakeEditor, draw_face
from tests.helpers.records import read_record

ORIGIN = output.Provenance("fake", {"fake": "0" * 64}, 7, "good", "me.jpg", 0)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    face = np.asarray(Image.fromarray(to_uint8(draw_face(3))).resize((300, 300)))
    return np.pad(face, ((50, 30), (10, 60), (0, 0)), mode="edge")


@pytest.fixture(scope="module")
def outcome(photo: np.ndarray) -> pipeline.Outcome:
    return pipeline.edit_photo(FakeEditor(), photo, EditSettings("green lipstick", 1.5, 0.4))


def write_outcome(folder: Path, outcome: pipeline.Outcome, origin: output.Provenance) -> None:
    assert output.ResultFolders(folder.parent, overwrite=True).write(folder.name, outcome, origin) == folder


def test_folder_holds_every_file_of_the_layout(tmp_path, outcome, photo):
    folder = tmp_path / "me"
    write_outcome(folder, outcome, ORIGIN)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    layers = {f"masks/layer_{index:02d}.png" for index in range(len(MASK_SIDES))}
    pictures = {"aligned.png", "reconstruction.png", "edited.png", "pasted.png", "generator.png", "overlay.png"}
    assert names == layers | pictures | {"latent.safetensors", "result.json"}
    for name in pictures - {"pasted.png"}:
        assert Image.open(folder / name).size == (1024, 1024)
    assert Image.open(folder / "pasted.png").size == (photo.shape[1], photo.shape[0])
    assert Image.open(folder / "masks" / "layer_00.png").size == (4, 4)


def test_written_pictures_and_latents_are_the_computed_ones(tmp_path, outcome):
    write_outcome(tmp_path, outcome, ORIGIN)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "edited.png")), to_uint8(outcome.result.image))
    latents = load_file(tmp_path / "latent.safetensors")
    assert set(latents) == {"w_plus", "delta_w"}
    assert latents["w_plus"].equal(outcome.inversion.w_plus)
    assert latents["delta_w"].equal(outcome.result.delta_w)


def test_result_json_says_what_was_asked_and_measured(tmp_path, outcome):
    write_outcome(tmp_path, outcome, ORIGIN)
    stored = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert (stored["prompt"], stored["strength"], stored["mask_threshold"]) == ("green lipstick", 1.5, 0.4)
    assert (stored["seed"], stored["stack"], stored["photo"], stored["face"]) == (7, "fake", "me.jpg", 0)
    assert stored["identity"] == {"reconstruction_to_photo": 0.78, "edit_to_original": 0.93}
    assert stored["distance"] == {"pixel": None, "perceptual": None} and stored["notes"] == []
    assert set(stored["seconds"]) == {"align", "invert", "edit", "paste"}
    assert stored["version"] == __version__
    assert stored["weights"] == {"fake": "0" * 64}
    assert [mask["side"] for mask in stored["masks"]] == list(MASK_SIDES)


def test_only_what_the_mask_opens_changes_in_the_photo(photo, outcome):
    changed = (outcome.pasted != photo).any(axis=2)
    assert 0 < changed.mean() < 0.2
    assert not changed[:60].any() and not changed[:, :40].any()


def test_generated_face_is_its_own_photo(tmp_path):
    outcome = pipeline.sample_face(FakeEditor(), 5, EditSettings("purple hair"))
    write_outcome(tmp_path, outcome, output.Provenance("fake", {}, 5))
    read = {name: (tmp_path / f"{name}.png").read_bytes() for name in ("aligned", "reconstruction", "pasted")}
    assert read["aligned"] == read["reconstruction"]
    assert read["pasted"] == (tmp_path / "edited.png").read_bytes() != read["aligned"]


def _record(path) -> dict:
    with Image.open(path) as picture:
        assert "compositeWithTrainedAlgorithmicMedia" in picture.info["XML:com.adobe.xmp"]
    return read_record(path)


def test_pictures_that_show_the_edit_say_so_and_hold_its_settings(tmp_path, outcome):
    write_outcome(tmp_path, outcome, ORIGIN)
    for name in ("edited.png", "pasted.png", "overlay.png"):
        record = _record(tmp_path / name)
        assert (record["prompt"], record["seed"], record["weights"]) == ("green lipstick", 7, ORIGIN.weights)
    assert "mcaclip" not in Image.open(tmp_path / "aligned.png").info


def test_the_visible_mark_is_asked_for(tmp_path, outcome):
    write_outcome(tmp_path, outcome, replace(ORIGIN, marked=True))
    plain, marked = to_uint8(outcome.result.image), np.asarray(Image.open(tmp_path / "edited.png"))
    assert np.array_equal(marked, keep.mark(plain)) and not np.array_equal(marked, plain)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "pasted.png")), keep.mark(outcome.pasted))


def test_foreign_files_stay_when_a_result_is_replaced(tmp_path, outcome):
    folder = tmp_path / "me"
    write_outcome(folder, outcome, ORIGIN)
    for name in ("notes.txt", "masks/mine.png", "edited.psd"):
        (folder / name).write_text("mine")
    write_outcome(folder, pipeline.sample_face(FakeEditor(), 7, None), output.Provenance("fake", {}, 7))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ours = {"aligned.png", "reconstruction.png", "latent.safetensors", "result.json"}
    assert files == ours | {"notes.txt", "masks/mine.png", "edited.psd"}
    assert set(load_file(folder / "latent.safetensors")) == {"w_plus"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_result_that_cannot_be_finished_leaves_nothing(tmp_path, outcome, monkeypatch, error):
    def fail(*_: object) -> None:
        raise error

    before = tmp_path / "before"
    write_outcome(before, outcome, ORIGIN)
    earlier = {path: path.read_bytes() for path in before.rglob("*") if path.is_file()}
    monkeypatch.setattr(output, "write_text", fail)
    for folder in (before, tmp_path / "new"):
        with pytest.raises(type(error)):
            write_outcome(folder, outcome, ORIGIN)
    assert list(tmp_path.iterdir()) == [before]
    assert {path: path.read_bytes() for path in before.rglob("*") if path.is_file()} == earlier


def test_names_that_are_no_text_make_valid_json(tmp_path, outcome):
    write_outcome(tmp_path, outcome, replace(ORIGIN, photo="me\udce9\ud800.jpg"))
    stored = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert stored["photo"] == "me\ufffd\ufffd.jpg" == read_record(tmp_path / "edited.png")["photo"]


def test_a_residual_is_written_whatever_its_memory_looks_like(tmp_path, outcome):
    features = torch.randn(1, 512, 32, 32).half().contiguous(memory_format=torch.channels_last)
    inversion = replace(outcome.inversion, residual=Residual(6, features))
    write_outcome(tmp_path, replace(outcome, inversion=inversion), ORIGIN)
    assert load_file(tmp_path / "latent.safetensors")["residual"].equal(features)
