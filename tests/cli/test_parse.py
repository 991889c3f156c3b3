"""`python -m mcaclip parse`: files, sizes, alignment, and what happens to bad input."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.config import Stack
from mcaclip.imaging.label_colours import LABEL_COLOURS, label_overlay
from mcaclip.perception.face_parser import LABELS, FaceParser
from tests.helpers.drawn_face import draw_face


def no_editor(stack: Stack, edits: Sequence[Path]):
    raise AssertionError("parsing needs no editor")


def parse(*arguments: object) -> int:
    return main(["parse", *(str(a) for a in arguments)], no_editor)


@pytest.fixture(scope="module")
def example(repo_root) -> np.ndarray:
    """A generated face, 256 px."""
    with Image.open(repo_root / "assets" / "examples" / "seed_21.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS))


class Halves:
    """A quick parser: bright pixels are skin, all others hair."""

    def probabilities(self, images: torch.Tensor, side: int, mirrored: bool) -> torch.Tensor:
        assert images.shape[2:] == (side, side) and mirrored
        names = torch.where(images.mean(1) > 0, LABELS.index("skin"), LABELS.index("hair"))
        return torch.nn.functional.one_hot(names, len(LABELS)).movedim(3, 1).float()


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(FaceParser, "load", lambda path, device: Halves())


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def complaints(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("mcaclip:")]


@pytest.mark.parametrize(("side", "expected"), [(256, 256), (512, 512), (1024, 512)])
def test_aligned_faces_are_taken_as_they_are(tmp_path, example, side, expected):
    path = save(tmp_path / "face.png", np.asarray(cv2.resize(example, (side, side))))
    assert parse(path, "--out", tmp_path / "out") == 0
    labels, overlay = read(tmp_path / "out" / "face_labels.png"), read(tmp_path / "out" / "face_overlay.png")
    assert labels.shape == (expected, expected) and labels.dtype == np.uint8 and labels.max() < len(LABELS)
    assert overlay.shape == (expected, expected, 3)
    names = {LABELS[n] for n in np.unique(labels)}
    assert {"background", "skin", "nose", "hair", "l_eye", "r_eye", "u_lip", "l_lip"} <= names
    centre = labels[int(0.45 * expected) : int(0.6 * expected), int(0.47 * expected) : int(0.53 * expected)]
    assert (centre == LABELS.index("nose")).mean() > 0.3


def test_classes_are_named_once_with_shares_of_every_image(tmp_path, example, quick):
    paths = [save(tmp_path / name, example) for name in ("a.png", "b.png")]
    assert parse(*paths, "--out", tmp_path / "out") == 0
    found = json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in found["classes"].values()] == list(LABELS)
    assert list(found["classes"]) == [str(n) for n in range(len(LABELS))]
    assert found["classes"]["18"]["set"] == "CelebAMask-HQ" and found["classes"]["19"]["set"] == "MCA-CLIP Studio"
    assert [image["file"] for image in found["images"]] == ["a.png", "b.png"]
    for image in found["images"]:
        labels = read(tmp_path / "out" / image["labels"])
        assert sum(image["shares"].values()) == pytest.approx(1, abs=1e-3)
        assert image["shares"]["skin"] == pytest.approx((labels == LABELS.index("skin")).mean(), abs=1e-4)
        assert image["found"] is False and image["side"] == 256


def test_in_other_pictures_the_face_is_found_and_aligned(tmp_path):
    path = save(tmp_path / "drawing.png", draw_face(400, 300, ((200, 140, 110),)))
    square = save(tmp_path / "square.png", draw_face(512, 512, ((256, 250, 200),)))
    assert parse(path, "--out", tmp_path / "out") == 0
    assert read(tmp_path / "out" / "drawing_labels.png").shape == (512, 512)
    assert parse(square, "--out", tmp_path / "as_is") == parse(square, "--align", "--out", tmp_path / "out") == 0
    as_is, aligned = (read(tmp_path / folder / "square_overlay.png") for folder in ("as_is", "out"))
    assert not np.array_equal(as_is, aligned)
    found = json.loads((tmp_path / "out" / "classes.json").read_text(encoding="utf-8"))
    assert found["images"][0]["found"] is True


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path, example, quick):
    paths = [
        save(tmp_path / "one" / "face.png", example),
        save(tmp_path / "two" / "face.png", np.ascontiguousarray(example[:, ::-1])),
    ]
    assert parse(*paths, "--out", tmp_path / "out") == 0
    first, second = (read(tmp_path / "out" / f"{name}_labels.png") for name in ("face", "face_2"))
    assert not np.array_equal(first, second)


def test_a_later_call_keeps_the_earlier_pictures(tmp_path, example, quick):
    first = save(tmp_path / "one" / "face.png", example)
    other = save(tmp_path / "two" / "face.png", np.ascontiguousarray(example[:, ::-1]))
    out = tmp_path / "out"

    def images() -> list[str]:
        return [image["labels"] for image in json.loads((out / "classes.json").read_text())["images"]]

    for path in (first, other, first):
        assert parse(path, "--out", out) == 0
    assert sorted(images()) == ["face_2_labels.png", "face_labels.png"] and len(list(out.iterdir())) == 5
    assert parse(other, "--out", out, "--overwrite") == 0 and images() == ["face_labels.png"]
    (out / "classes.json").write_text('{"mine": 1}')
    assert parse(first, "--out", out) == 2 and (out / "classes.json").read_text() == '{"mine": 1}'


def test_one_bad_image_does_not_stop_the_others(tmp_path, example, quick, capsys):
    good, empty = (
        save(tmp_path / "good.png", example),
        save(tmp_path / "empty.png", np.zeros((200, 300, 3), np.uint8)),
    )
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "nothing").mkdir()
    bad = [empty, tmp_path / "text.png", tmp_path / "absent.png", tmp_path / "nothing"]
    assert parse(good, *bad, "--out", tmp_path / "out") == 3
    lines = complaints(capsys)
    assert len(lines) == 4
    for path, words in zip(bad, ("No face", "not an image", "does not exist", "is a folder"), strict=True):
        assert any(str(path) in line and words in line for line in lines), (words, lines)
    assert (tmp_path / "out" / "good_labels.png").exists()


def test_bad_input_takes_one_line(tmp_path, example, capsys):
    good = save(tmp_path / "good.png", example)
    (tmp_path / "file").write_text("x")
    cases = {
        "does not exist": (tmp_path / "absent.png", "--out", tmp_path / "out"),
        "face number starts at 0": (good, "--out", tmp_path / "out", "--face", -1),
        "cannot be used as a folder": (good, "--out", tmp_path / "file"),
    }
    for words, arguments in cases.items():
        assert parse(*arguments) == 2
        lines = complaints(capsys)
        assert len(lines) == 1 and words in lines[0]
    assert not (tmp_path / "out").exists()


def test_overlay_has_a_colour_for_every_class():
    assert tuple(LABEL_COLOURS) == LABELS
    assert len(set(LABEL_COLOURS.values())) == len(LABELS)
    labels = np.arange(len(LABELS), dtype=np.uint8).repeat(8)[None].repeat(20, 0)
    shown = label_overlay(np.full((*labels.shape, 3), 120, np.uint8), labels)
    middles = shown[10, 4::8].astype(int)
    assert len({tuple(colour) for colour in middles}) == len(LABELS)
