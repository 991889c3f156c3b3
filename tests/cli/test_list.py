"""Tables of photos, and many photos by one command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.cli import invert
from mcaclip.cli.edit import Options
from mcaclip.cli.many.table import read_list
from mcaclip.errors import StudioError
from tests.fakes import FakeEditor, load_fake, write_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "Zoë.png"):
        write_photo(folder / name)
    return folder


def _read(path: Path, text: str, kind: type = Options, **options: object):
    path.write_text(text, encoding="utf-8")
    return read_list(kind(list=path, out=path.parent / "out", **options))


def _summary(out: Path) -> list[dict[str, str]]:
    with open(out / "summary.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_both_kinds_of_tables_say_the_same(tmp_path, photos):
    text = "photo;prompts;strengths;face;mark\nphotos/a.png;purple hair + green lipstick;0.5 + 1;all;yes\n"
    rows = [
        {"photo": "photos/a.png", "prompts": ["purple hair", "green lipstick"], "strengths": [0.5, 1], "mark": True,
         "face": "all"}
    ]  # fmt: skip
    ((one, line),) = _read(tmp_path / "l.csv", "\ufeff" + text)
    ((other, _),) = _read(tmp_path / "l.jsonl", "\n".join(map(json.dumps, rows)))
    assert line == 2 and one.prompt == other.prompt == ("purple hair:0.5", "green lipstick:1")
    assert one.photos == other.photos == (photos / "a.png",) and one.face is other.face is None and one.mark


def test_what_a_row_leaves_out_is_that_of_the_command_line(tmp_path, photos):
    text = "photo,prompt,seed\nphotos/a.png,,\nphotos/a.png,blue goatee,5\n"
    (first, _), (second, line) = _read(tmp_path / "l.csv", text, prompt=("purple hair",), strength=0.3)
    assert (first.prompt, first.seed, first.strength) == (("purple hair",), 0, 0.3)
    assert (second.prompt, second.seed, second.strength, line) == (("blue goatee",), 5, 0.3, 3)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("photos/no.png,purple hair,1,0", "does not exist"),
        ("photos,purple hair,1,0", "is a folder"),
        (",purple hair,1,0", "no photo"),
        ("photos/a.png,purple hair,2.5,0", "strength is 2.5"),
        ("photos/a.png,purple hair,much,0", "strength"),
        ("photos/a.png,purple hair,1 + 1,0", "2 strengths for 1 prompts"),
        ("photos/a.png,,1,0", "Say what to change"),
        ("photos/a.png,purple hair,1,-1", "column face"),
        ("photos/a.png,purple hair,1,0,5", "5 cells"),
    ],
)
def test_a_wrong_row_is_named_before_anything_is_loaded(tmp_path, photos, capsys, row, words):
    (tmp_path / "l.csv").write_text(f"photo,prompts,strengths,face\nphotos/a.png,blue goatee,1,0\n{row}\n")
    assert main(["edit", "--list", str(tmp_path / "l.csv"), "--out", str(tmp_path / "out")], _refuse) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "line 3" in line and words in line and not (tmp_path / "out").exists()


def _refuse(*_: object) -> FakeEditor:
    raise AssertionError("nothing may be loaded")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("l.csv", "photo,look\nphotos/a.png,x\n", "no column 'look'"),
        ("l.csv", "photo,photo\n", "twice"),
        ("l.csv", "", "no rows"),
        ("l.csv", 'photo\n"photos', "line"),
        ("l.jsonl", "[1]", "no JSON object"),
        ("l.jsonl", "{", "no proper JSON"),
        ("l.txt", "photo", ".jsonl"),
    ],
)
def test_a_wrong_table_is_told(tmp_path, photos, name, text, words):
    with pytest.raises(StudioError, match=words):
        _read(tmp_path / name, text)


def test_an_inversion_has_no_prompts(tmp_path, photos):
    with pytest.raises(StudioError, match="prompts"):
        _read(tmp_path / "l.csv", "photo,prompts\nphotos/a.png,purple hair\n", invert.Options)


def test_an_edit_that_the_networks_refuse_is_named_with_its_line(tmp_path, photos, capsys):
    (tmp_path / "l.csv").write_text("photo,prompts\nphotos/a.png,purple hair\nphotos/a.png,violin\n")
    assert main(["edit", "--list", str(tmp_path / "l.csv"), "--out", str(tmp_path / "out")], load_fake) == 2
    assert "line 3" in capsys.readouterr().err and list((tmp_path / "out").glob("*/result.json")) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_folder_is_edited_whole_and_not_again(tmp_path, photos, capsys, monkeypatch, jobs):
    monkeypatch.setattr("mcaclip.cli.photos.usable_cores", lambda: 2)
    monkeypatch.setattr(FakeEditor, "weight_hashes", lambda _: {})
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    (photos / "broken.jpg").write_bytes(b"no picture")
    write_photo(photos / "none.png", faces=0)
    out = photos / "out"
    command = ["edit", str(photos), "--prompt", "purple hair", "--out", str(out), "--jobs", str(jobs)]
    assert main(command, load_fake) == 3
    found = {Path(row["photo"]).name: row["status"] for row in _summary(out)}
    assert found == {"a.png": "done", "Zoë.png": "done", "broken.jpg": "failed", "none.png": "failed"}
    for name in ("broken.jpg", "none.png"):
        (photos / name).unlink()
    again = main(command, _refuse if jobs == 1 else load_fake)
    assert again == 0 and [row["status"] for row in _summary(out)] == ["already there"] * 2
    assert "already there" in capsys.readouterr().out


def test_all_faces_of_a_photo_and_the_photo_with_all_of_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(FakeEditor, "weight_hashes", lambda _: {})
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    photo, out = write_photo(tmp_path / "two.png", faces=2), tmp_path / "out"
    command = ["edit", photo, "--prompt", "purple hair", "--face", "all", "--out", str(out)]
    assert main(command, load_fake) == 0
    assert sorted(path.name for path in out.iterdir()) == ["two", "two_face1"]
    joined, *single = (
        np.asarray(Image.open(out / name)) for name in ("two/all_faces.png", "two/pasted.png", "two_face1/pasted.png")
    )
    original = np.asarray(Image.open(photo))
    for one in single:
        changed = (one != original).any(2)
        assert changed.any() and np.array_equal(joined[changed], one[changed])
    assert main(command, _refuse) == 0 and capsys.readouterr().out.count("already there") == 2


def test_rows_that_are_there_twice_are_done_once(tmp_path, photos):
    (tmp_path / "l.csv").write_text("photo,prompts\n" + "photos/a.png,purple hair\n" * 3)
    out = tmp_path / "out"
    assert main(["edit", "--list", str(tmp_path / "l.csv"), "--out", str(out)], load_fake) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a", "summary.csv"]
    assert [row["status"] for row in _summary(out)] == ["done", "already there", "already there"]


def test_overwriting_keeps_apart_what_is_named_alike(tmp_path, photos):
    (tmp_path / "more").mkdir()
    write_photo(tmp_path / "more" / "a.png", seed=2)
    command = ["invert", str(photos / "a.png"), str(tmp_path / "more" / "a.png"), "--out", str(tmp_path / "out")]
    for _ in range(2):
        assert main([*command, "--overwrite"], load_fake) == 0
        assert sorted(path.parent.name for path in (tmp_path / "out").glob("*/result.json")) == ["a", "a_2"]


def test_photos_and_results_may_be_at_urls(tmp_path, photos):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/in/a.png", (photos / "a.png").read_bytes())
    command = ["edit", "memory://in/a.png", "--prompt", "purple hair", "--out", "memory://out"]
    assert main(command, load_fake) == main(command, load_fake) == 0
    (folder,) = memory.ls("/out", detail=False)
    assert folder.startswith("/out/a-") and memory.exists(f"{folder}/pasted.png")
    assert main([*command, "--jobs", "2"], load_fake) == 2
    assert main(["edit", "memory://in/no.png", *command[2:]], load_fake) == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--jobs", "0"], "--jobs"),
        (["--jobs", "1000"], "cores"),
        (["--address", "auto"], "--engine ray"),
        (["--list", "l.csv"], "either"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, photos, capsys, words, problem):
    command = ["edit", str(photos), "--prompt", "purple hair", "--out", str(tmp_path / "out"), *words]
    assert main(command, _refuse) == 2 and problem in capsys.readouterr().err
