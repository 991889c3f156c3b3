"""The command on a toy stack: it resumes, reports each edit, and measures the variants."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.evaluation import run
from mcaclip.evaluation.sheets import TILE_SIZE, Tiles, file_name, sheet
from tests.helpers.interrupt import Interrupted

LIPS, HAIR = ("--prompt", "green lipstick"), ("--prompt", "purple hair")
VARIANTS = ("--column", "full", "--column", "without-pre")


def command(editor, out, *words: str, seeds: int = 2) -> int:
    return main(["evaluate", "--out", str(out), "--seeds", str(seeds), *words], lambda stack, edits: editor)


def rows(out) -> list[dict]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def test_the_columns_have_different_figures(editor, tmp_path, capsys):
    assert command(editor, tmp_path, *LIPS, *VARIANTS) == 0
    report = json.loads((tmp_path / "figures.json").read_text())
    found = report["totals"]["counterfactual prompts"]["columns"]
    for name in ("leak", "area", "identity", "ssim_background"):
        assert found["full"][name] != found["without-pre"][name], name
    assert found["without-pre"]["area"] == 1 > found["full"]["area"]
    assert found["without-pre"]["leak"] > found["full"]["leak"] > 0
    assert len(report["rows"]) == 4 and report["stack"] == "compact" and report["size"] == 1024
    printed = capsys.readouterr()
    assert printed.out == (tmp_path / "figures.md").read_text() and "w/o PRE" in printed.out
    assert printed.err.count("green lipstick (full)") == 2 and "face 2 of 2, seed_1" in printed.err


def test_an_interrupted_run_resumes_after_its_last_row(editor, tmp_path, monkeypatch):
    limited = Interrupted(run.Measurement, 3)
    monkeypatch.setattr(run, "Measurement", limited)
    with pytest.raises(KeyboardInterrupt):
        command(editor, tmp_path, *LIPS, *HAIR)
    assert len(rows(tmp_path)) == 3 and (tmp_path / "figures.md").exists() and (tmp_path / "overview.jpg").exists()
    limited.allowed, editor.calls = 1, []
    assert command(editor, tmp_path, *LIPS, *HAIR) == 0, "only the fourth was left to measure"
    assert editor.calls == ["edit purple hair"]
    assert {(row["face"], row["prompt"]) for row in rows(tmp_path)} == {
        (f"seed_{seed}", prompt) for seed in (0, 1) for prompt in ("green lipstick", "purple hair")
    }


def test_the_same_call_again_measures_nothing_and_prints_the_same(editor, tmp_path, capsys):
    command(editor, tmp_path, *LIPS)
    first, editor.calls = capsys.readouterr().out, []
    command(editor, tmp_path, *LIPS)
    assert editor.calls == [] and capsys.readouterr().out == first


def test_faces_prompts_and_columns_may_be_added_but_not_another_size(editor, tmp_path, capsys):
    command(editor, tmp_path, *LIPS, seeds=1)
    command(editor, tmp_path, *HAIR, *VARIANTS)
    assert len(rows(tmp_path)) == 1 + 2 * 2
    report = json.loads((tmp_path / "figures.json").read_text())
    assert {row["prompt"] for row in report["rows"]} == {"purple hair"}, "a report is of what was asked for"
    assert command(editor, tmp_path, *LIPS, "--size", "256") == 2
    assert "(size): choose another --out" in capsys.readouterr().err


def test_previews_are_asked_for_at_256_px(editor, tmp_path, capsys):
    command(editor, tmp_path, *LIPS, "--size", "256", seeds=1)
    assert editor.calls == ["preview green lipstick"]
    assert "256 px, through the preview" in capsys.readouterr().out


def test_photos_are_inverted_once_and_those_without_a_face_are_named(editor, tmp_path, capsys):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    Image.new("RGB", (80, 80)).save(folder / "black.png")
    Image.new("RGB", (80, 80), (200, 160, 140)).save(folder / "anna.png")
    words = (*LIPS, "--photos", str(folder), "--inversion", "instant")
    command(editor, out, *words, seeds=1)
    assert "black: left out: There is no face in the photo" in capsys.readouterr().err
    assert [(row["face"], row["kind"]) for row in rows(out)] == [("seed_0", "generated"), ("anna", "photo")]
    editor.calls = []
    command(editor, out, *words, *HAIR, seeds=1)
    assert "invert instant" not in editor.calls and len(rows(out)) == 4


def test_an_edit_of_several_prompts_has_a_row_of_its_own(editor, tmp_path):
    command(editor, tmp_path, "--prompt", "green lipstick + purple hair:0.5", seeds=1)
    (row,) = rows(tmp_path)
    assert row["prompt"] == "green lipstick + purple hair:0.5"
    assert set(row["moved"]) == {"green lipstick", "purple hair"}
    assert (tmp_path / "green_lipstick_purple_hair_0_5.jpg").exists()


def test_the_library_at_its_best_strengths_is_the_default(editor, tmp_path, monkeypatch, capsys):
    entries = (LibraryPrompt("purple hair", best=0.8), LibraryPrompt("joker"), LibraryPrompt("smiling"))
    monkeypatch.setattr("mcaclip.editing.prompts.load_prompts", lambda: entries)
    command(editor, tmp_path / "some", seeds=1)
    assert "joker is left out: no edit is fitted for joker" in capsys.readouterr().err
    assert [row["prompt"] for row in rows(tmp_path / "some")] == ["purple hair:0.8", "smiling"]
    monkeypatch.setattr("mcaclip.editing.prompts.load_prompts", lambda: ())
    command(editor, tmp_path / "all", seeds=1)
    assert {row["prompt"] for row in rows(tmp_path / "all")} == set(editor.prompts())


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--column", "full", "--column", "full"), "given twice"),
        (("--column", "without-ff"), "without-ff=FILE"),
        (("--prompt", "green tusks"), "no edit is fitted"),
        (("--photos", "no/such/folder"), "there is no folder"),
        (("--inversion", "perfect"), "effort"),
        (("--table", "paper", "--column", "full"), "leave --column"),
        (("--seeds", "0"), "needs faces"),
    ],
)
def test_wrong_options_are_refused(editor, tmp_path, capsys, words, problem):
    assert command(editor, tmp_path / "out", *words) == 2
    assert problem in capsys.readouterr().err and not (tmp_path / "out" / "rows.jsonl").exists()


def test_sheets_set_each_edit_below_its_source(editor, tmp_path):
    command(editor, tmp_path, *LIPS, *VARIANTS, seeds=3)
    tiles, picture = Tiles(tmp_path), np.asarray(Image.open(tmp_path / "green_lipstick.jpg")).astype(int)
    assert picture.shape == (3 * TILE_SIZE, 6 * TILE_SIZE, 3)
    columns = [tiles.read("seed_2"), tiles.read("seed_2", "green lipstick", "full")]
    for line, tile in enumerate(columns):
        shown = picture[line * TILE_SIZE : (line + 1) * TILE_SIZE, 2 * TILE_SIZE : 3 * TILE_SIZE]
        assert np.abs(shown - tile).mean() < 8, "as far as JPEG goes"
    assert (picture[:, 3 * TILE_SIZE + 8 :] > 250).all(), "empty places are white"


def test_sheets_break_into_lines():
    tile = np.zeros((4, 2, 3), np.uint8)
    assert np.asarray(sheet([tile] * 3, 2)).shape == (8, 4, 3)


def test_names_of_files_are_plain_short_and_apart():
    assert file_name("Green lipstick + purple hair:0.7") == "green_lipstick_purple_hair_0_7"
    long = [file_name("x " * 100 + end) for end in ("a", "b")]
    assert len(set(long)) == 2 and max(map(len, long)) < 80
