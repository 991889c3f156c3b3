"""`score`: the fixed format, what is aligned, and bad input."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip import loading as stacks
from mcaclip.__main__ import main
from mcaclip.cli import score
from mcaclip.clip.clip_space import VIT_B_32
from mcaclip.errors import StudioError
from mcaclip.types import AlignedFace, to_uint8
from tests.fakes import draw_face


class Words:
    """A space whose pictures are their mean colours and whose texts are the colours in them."""

    name = "FaceCLIP"

    def __init__(self):
        self.sides: list[int] = []

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        self.sides.append(images.shape[-1])
        return torch.nn.functional.normalize(images.mean((2, 3)) + 1.0, dim=-1)

    def encode_text(self, texts) -> torch.Tensor:
        rows = [[colour in text for colour in ("red", "green", "blue")] for text in texts]
        return torch.nn.functional.normalize(torch.tensor(rows).float() + 0.01, dim=-1)


@pytest.fixture
def words(monkeypatch) -> Words:
    space = Words()
    monkeypatch.setattr(stacks, "load_space", lambda stack, device: space)
    return space


@pytest.fixture
def aligned(monkeypatch) -> list[tuple[int, ...]]:
    """Shapes of the photos that were aligned; the face is a quarter of the picture, and a dark photo has none."""
    from mcaclip.errors import NoFaceError
    from mcaclip.imaging import align

    shapes: list[tuple[int, ...]] = []

    def found(photo: np.ndarray, aligner: object, index: int = 0) -> AlignedFace:
        shapes.append(photo.shape)
        if photo.max() < 16:
            raise NoFaceError("No face was found.")
        return align.already_aligned(np.ascontiguousarray(photo[:64, :64]))

    monkeypatch.setattr(align, "align_face", found)
    monkeypatch.setattr(score, "load_aligner", lambda: None)
    return shapes


def picture(path: Path, colour: tuple[int, int, int], width: int = 256, height: int = 256) -> str:
    Image.new("RGB", (width, height), colour).save(path)
    return str(path)


def texts(tmp_path: Path, content: str | bytes) -> list[str]:
    path = tmp_path / "texts.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ["--texts", str(path)]


def test_result_has_the_fixed_format(tmp_path, words, aligned, capsys):
    red, blue = picture(tmp_path / "r.png", (255, 0, 0)), picture(tmp_path / "b.png", (0, 0, 255), 1024, 1024)
    out = tmp_path / "deep" / "er" / "out.json"
    asked = texts(tmp_path, "\ufeffred hair\r\n\r\n  green lips  \r\nblue spaceship\n\n")
    assert main(["score", red, blue, *asked, "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert set(found) == {"images", "texts", "similarity", "known"}
    assert found["images"] == [red, blue] and found["texts"] == ["red hair", "green lips", "blue spaceship"]
    assert np.argmax(found["similarity"], 1).tolist() == [0, 2] and np.shape(found["similarity"]) == (2, 3)
    assert np.min(found["similarity"]) >= -1 and np.max(found["similarity"]) <= 1
    assert found["known"][0] > 0.5 > found["known"][2] and all(0 <= value <= 1 for value in found["known"])
    assert aligned == [] and words.sides == [256, 1024]
    assert [path.name for path in out.parent.iterdir()] == ["out.json"]
    assert f"{blue}  best of 3: blue spaceship" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("width", "height", "options", "is_aligned"),
    [(256, 256, [], False), (512, 512, [], False), (1024, 1024, [], False), (300, 300, [], True),
     (512, 256, [], True), (256, 256, ["--align"], True)],
)  # fmt: skip
def test_only_aligned_sizes_are_taken_as_they_are(tmp_path, words, aligned, width, height, options, is_aligned):
    image = picture(tmp_path / "a.png", (200, 0, 0), width, height)
    out = tmp_path / "out.json"
    assert main(["score", image, *texts(tmp_path, "red"), *options, "--json", str(out)]) == 0
    assert bool(aligned) == is_aligned
    assert words.sides == [1024 if is_aligned else width]


def test_a_real_photo_is_aligned_and_scored(tmp_path, words):
    from tests.helpers.drawn_face import draw_face as draw_photo

    Image.fromarray(draw_photo(400, 400, ((200, 200, 160),))).save(tmp_path / "me.png")
    arguments = ["score", str(tmp_path / "me.png"), *texts(tmp_path, "red"), "--json", str(tmp_path / "o.json")]
    assert main(arguments) == 0 and words.sides == [1024]


def test_bad_images_are_named_and_the_others_scored(tmp_path, words, aligned, capsys):
    good, dark = picture(tmp_path / "a.png", (200, 0, 0)), picture(tmp_path / "dark.png", (0, 0, 0), 300, 200)
    damaged, absent = tmp_path / "damaged.png", tmp_path / "absent.png"
    damaged.write_bytes(b"no image")
    out = tmp_path / "out.json"
    asked = [*texts(tmp_path, "red\ngreen"), "--json", str(out)]
    assert main(["score", str(absent), str(damaged), dark, good, *asked]) == 3
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and all(any(str(bad) in line for line in said) for bad in (absent, damaged, dark))
    assert json.loads(out.read_text())["images"] == [good]
    out.unlink()
    assert main(["score", dark, *asked]) == 2 and main(["score", str(absent), *asked]) == 2 and not out.exists()
    assert main(["score", dark, str(damaged), *asked]) == 2 and not out.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no text"),
        (" \n\t\n", "holds no text"),
        (b"red\n\xff\xfe\x00", "UTF-8"),
        ("red hair\n\n" + "x" * 2000, "line 3 has 2000 characters"),
        ("😀" * 201, "line 1 has 201 characters"),
    ],
)
def test_texts_that_cannot_be_used_take_one_line(tmp_path, words, content, message, capsys):
    image, out = picture(tmp_path / "a.png", (200, 0, 0)), tmp_path / "out.json"
    assert main(["score", image, *texts(tmp_path, content), "--json", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("mcaclip: ") and message in said[0]
    assert not out.exists() and words.sides == []


def test_missing_texts_and_places_that_cannot_be_written_are_named(tmp_path, words, capsys):
    image, asked = picture(tmp_path / "a.png", (200, 0, 0)), texts(tmp_path, "red")
    for texts_file in (tmp_path / "no.txt", tmp_path):
        assert main(["score", image, "--texts", str(texts_file), "--json", str(tmp_path / "o.json")]) == 2
        assert f"--texts {texts_file} cannot be read" in capsys.readouterr().err
    assert main(["score", image, *asked, "--json", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert main(["score", image, *asked, "--json", str(tmp_path / "a.png" / "o.json")]) == 2
    assert "cannot be used as a folder" in capsys.readouterr().err
    assert main(["score", image, *asked, "--json", str(tmp_path / ("x" * 300))]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "texts.txt"]


def test_an_earlier_result_stays_when_writing_fails(tmp_path, monkeypatch):
    out = tmp_path / "out.json"
    out.write_text("earlier")
    monkeypatch.setattr(score.os, "replace", _full_disk)
    with pytest.raises(StudioError, match="No space left"):
        score.write_json(out, {"a": 1})
    assert out.read_text() == "earlier" and list(tmp_path.iterdir()) == [out]


def _full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_other_scripts_are_scored_unknown_and_told(tmp_path, words, capsys):
    image, out = picture(tmp_path / "a.png", (200, 0, 0)), tmp_path / "out.json"
    lines = ("red hair", "😀", "зелёная помада", "緑の口紅", "\x00\x07", "12345")
    assert main(["score", image, *texts(tmp_path, "\n".join(lines)), "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["known"][0] > 0.5 and found["known"][1:] == [0] * 5 and len(found["similarity"][0]) == 6
    said = capsys.readouterr().err
    assert all((f"line {number} has no words in Latin letters" in said) == (number > 1) for number in range(1, 7))


def test_the_published_clip_knows_every_text_in_latin_letters(tmp_path, words):
    image, out = picture(tmp_path / "a.png", (200, 0, 0)), tmp_path / "out.json"
    asked = texts(tmp_path, "purple spaceship\nzxqv\n緑")
    assert main(["score", image, *asked, "--clip", VIT_B_32, "--json", str(out)]) == 0
    assert json.loads(out.read_text())["known"] == [1.0, 1.0, 0.0]
    assert main(["score", image, *asked, "--clip", "BERT", "--json", str(out)]) == 2


def test_the_shipped_faceclip_scores_whatever_is_typed(tmp_path, capsys):
    Image.fromarray(to_uint8(draw_face(1))).resize((256, 256)).save(tmp_path / "a.png")
    lines = ["green lipstick", "purple spaceship", "💄", "a" * 200, "\x07 bell", "{'images': 1}", "e\u0301" * 90]
    out = tmp_path / "out.json"
    arguments = ["score", str(tmp_path / "a.png"), *texts(tmp_path, "\n".join(lines)), "--json", str(out)]
    assert main(arguments) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["texts"] == [line.strip() for line in lines]
    assert found["known"][0] > 0.9 and max(found["known"][1:]) < 0.5
    assert np.isfinite(found["similarity"]).all()
