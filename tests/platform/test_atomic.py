"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcaclip.platform import atomic


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_its_end_and_keeps_its_ending(tmp_path):
    (tmp_path / "a.json").write_text("earlier")
    with atomic.written_whole(tmp_path / "a.json") as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".json" and (tmp_path / "a.json").read_text() == "earlier"
    assert (tmp_path / "a.json").read_text() == "new" and _names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_what_fails_leaves_the_earlier_file(tmp_path, error):
    (tmp_path / "a.json").write_text("earlier")
    with pytest.raises(error), atomic.written_whole(tmp_path / "a.json") as temporary:
        temporary.write_text("half")
        raise error
    assert (tmp_path / "a.json").read_text() == "earlier" and _names(tmp_path) == ["a.json"]


def test_files_are_for_everyone_that_the_system_lets_read(tmp_path):
    atomic.write_text(tmp_path / "a.txt", "x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_new_folder_is_moved_and_one_that_is_there_is_filled(tmp_path):
    place = tmp_path / "out"
    for content in ("first", "second"):
        with atomic.folder_written_whole(tmp_path, lambda: place, ["*.txt", "deep/*.txt"]) as folder:
            (folder / "deep").mkdir()
            (folder / f"{content}.txt").write_text(content)
            (folder / "deep" / f"{content}.txt").write_text(content)
    assert _names(place) == ["deep", "second.txt"] and _names(place / "deep") == ["second.txt"]
    assert _names(tmp_path) == ["out"]


def test_a_folder_that_cannot_be_filled_is_put_back(tmp_path, monkeypatch):
    place = tmp_path / "out"
    place.mkdir()
    for name in ("a.txt", "b.txt"):
        (place / name).write_text("earlier")
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(source)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError), atomic.folder_written_whole(tmp_path, lambda: place, ["*.txt"]) as folder:
        for name in ("a.txt", "b.txt"):
            (folder / name).write_text("new")
    assert [(place / name).read_text() for name in ("a.txt", "b.txt")] == ["earlier"] * 2
    assert _names(tmp_path) == ["out"] and _names(place) == ["a.txt", "b.txt"]


def test_another_process_that_is_faster_is_stepped_aside_for(tmp_path, monkeypatch):
    places = iter([tmp_path / "a", tmp_path / "b"])
    real = os.rename

    def late(source, target):
        if target == tmp_path / "a":
            target.mkdir()
            (target / "theirs").write_text("x")
        real(source, target)

    monkeypatch.setattr(os, "rename", late)
    with atomic.folder_written_whole(tmp_path, lambda: next(places)) as folder:
        (folder / "ours").write_text("x")
    assert _names(tmp_path / "a") == ["theirs"] and _names(tmp_path / "b") == ["ours"]


def test_only_leftovers_of_runs_that_have_ended_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = atomic._temporary(tmp_path, ".png").name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    (tmp_path / left).write_text("half")
    (tmp_path / left.removesuffix(".png")).mkdir()
    (tmp_path / left.removesuffix(".png") / "aligned.png").write_text("half")
    kept = [atomic._temporary(tmp_path).name, ".unfinished-symphony", "photo.jpg"]
    for name in kept:
        (tmp_path / name).write_text("x")
    atomic.remove_leftovers(tmp_path)
    assert _names(tmp_path) == sorted(kept)
    atomic.remove_leftovers(tmp_path / "nowhere")


def test_text_is_valid_utf_8_whatever_it_holds(tmp_path):
    atomic.write_text(tmp_path / "a.txt", "портрет 😀 \udce9 \ud83d\n")
    assert (tmp_path / "a.txt").read_bytes().decode() == "портрет 😀 \ufffd \ufffd\n"
