"""Which pictures a command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcaclip.cli.batch import pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "c.webp", "notes.txt", ".hidden.jpg", "[a].jpg", "x*.jpg"):
        (tmp_path / "photos" / "deeper").mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"x")
    (tmp_path / "photos" / "deeper" / "d.jpg").write_bytes(b"x")
    (tmp_path / "photos" / "folder.jpg").mkdir()
    return tmp_path / "photos"


def _names(found) -> list[str]:
    return [path.name for path in found.files]


def test_a_folder_stands_for_its_pictures_by_name(folder):
    found = pictures([folder])
    assert _names(found) == ["[a].jpg", "a.PNG", "b.jpg", "c.webp", "x*.jpg"] and found.failures == {}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.jpg", ["[a].jpg", "b.jpg", "x*.jpg"]),
        ("*", ["[a].jpg", "a.PNG", "b.jpg", "c.webp", "x*.jpg"]),
        ("[bc].*", ["b.jpg", "c.webp"]),
        ("?.webp", ["c.webp"]),
        ("[a].jpg", ["[a].jpg"]),
        ("x*.jpg", ["x*.jpg"]),
    ],
)
def test_a_pattern_stands_for_the_pictures_that_match_unless_a_file_has_that_name(folder, pattern, names):
    (folder / "xy.jpg").unlink(missing_ok=True)
    assert _names(pictures([folder / pattern])) == names


def test_files_folders_and_patterns_go_together_in_their_order(folder):
    found = pictures([folder / "b.jpg", folder / "deeper", folder / "*.webp"])
    assert _names(found) == ["b.jpg", "d.jpg", "c.webp"]


def test_what_is_not_there_is_named(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    names = [tmp_path / "empty", folder / "*.gif", folder / "no.jpg", Path("a\0b"), Path("x" * 300)]
    found = pictures(names)
    assert found.files == () and list(found.failures) == names and found.asked == 5
    words = ("without pictures", "matches no picture", "does not exist", "does not exist", "does not exist")
    assert all(word in problem for word, problem in zip(words, found.failures.values(), strict=True))
