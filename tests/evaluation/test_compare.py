"""Comparing methods: rows, figures, sheets, and the command."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.errors import WeightsError
from mcaclip.evaluation.compare import as_markdown, compare
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import Face
from mcaclip.evaluation.sheets_of_methods import HEAD, LABEL, SMALL, TILE, compare_sheet, overview_sheet, small_row
from mcaclip.imaging.visuals import change_map
from mcaclip.methods.base import METHODS
from mcaclip.methods.registry import build_methods, method_context
from mcaclip.weights.store import WeightFolders, write_asset_sums
from tests.helpers.fake_methods import made_row
from tests.helpers.interrupt import Interrupted
from tests.helpers.records import read_record
from tests.helpers.toy_editor import ToyEditor
from tests.helpers.toy_space import ToyParser
from tests.methods.test_methods import NETWORKS, save_fitted

PROMPT = "green lipstick"


@pytest.fixture
def editor(toy_editor) -> ToyEditor:
    return toy_editor


@pytest.fixture
def cf_clip(editor, tmp_path):
    """A file of CF-CLIP's network for the prompt."""
    network = MCANetwork(editor.models.generator.layers, NETWORKS["cf-clip"])
    return save_fitted(tmp_path / "cf.safetensors", network, "cf-clip")


def command(editor, out, *words: str, prompt: str = PROMPT, methods: str = "mca") -> int:
    """Runs the command on the face of seed 0."""
    line = ["compare", "--seed", "0", "--prompt", prompt, "--methods", methods, "--out", str(out), *words]
    return main(line, lambda stack, edits: editor)


def rows_of(editor, names, weights=(), prompt=PROMPT, seed=0, **options):
    tools = method_context(editor, weights, optimisation_steps=2)
    face = Face.of(f"seed_{seed}", editor.sample(seed), EvaluationContext(tools, ToyParser(), tools.device))
    return list(compare(build_methods(tools, names), face, prompt, **options))


def test_there_is_a_row_per_method_in_the_order_of_the_names(editor, cf_clip):
    rows = rows_of(editor, ["cf-clip", "deltaedit", "mca"], [cf_clip])
    assert [row.method for row in rows] == ["cf-clip", "deltaedit", "mca"]
    assert rows[1].edit is None and rows[1].figures is None
    assert "python -m train deltaedit" in rows[1].problem
    for row in (rows[0], rows[2]):
        assert row.problem is None and -1 <= row.figures.identity <= 1
        assert row.figures.hit == (row.figures.moved >= 0.5) and row.figures.leak > 0
    assert rows[0].figures.area is None and 0 < rows[2].figures.area < 1


def test_a_universal_network_is_no_file_of_weights(editor, tmp_path):
    network = MCANetwork(editor.models.generator.layers, NETWORKS["mca"])
    path = save_fitted(tmp_path / "u.safetensors", network, "universal")
    with pytest.raises(WeightsError, match="name it with --edits"):
        method_context(editor, [path])


def test_a_prompt_outside_the_vocabulary_has_no_hit_and_no_leak(editor):
    (row,) = rows_of(editor, ["styleclip-optimisation"], prompt="a zombie")
    assert (row.figures.hit, row.figures.moved, row.figures.leak) == (None, None, None)
    assert row.figures.identity <= 1 and "–" in as_markdown([row])


def test_an_edit_without_effect_has_such_figures(editor):
    (row,) = rows_of(editor, ["mca"], strength=0.0)
    assert (row.figures.hit, row.figures.moved, row.figures.leak) == (False, 0, 0)
    assert row.figures.identity == pytest.approx(1)


def test_progress_may_cancel_between_any_two_steps(editor):
    class EnoughError(Exception):
        pass

    def callback(step):
        raise EnoughError

    with pytest.raises(EnoughError):
        rows_of(editor, ["styleclip-optimisation"], callback=callback)


def test_markdown_has_a_line_per_row_and_names_what_is_missing(editor):
    rows = rows_of(editor, ["mca", "styleclip-global"])
    lines = as_markdown(rows).splitlines()
    assert lines[0].startswith("| method | hit ") and len(lines) == 6
    assert lines[3].startswith("| StyleCLIP global direction | – | –")
    assert "python -m train global-directions" in lines[5]


def test_sheets_have_a_line_per_method(editor):
    rows = [row for seed in (0, 1) for row in rows_of(editor, ["mca", "deltaedit"], seed=seed)]
    assert compare_sheet(rows[:2]).size == (LABEL + 4 * TILE, HEAD + TILE + SMALL)
    assert overview_sheet(rows).size == (LABEL + 2 * TILE, HEAD + TILE + (TILE + SMALL) + SMALL)


def test_the_overview_shows_edit_change_and_mask_of_every_face():
    row = made_row("mca", PROMPT, 1)
    drawn = np.asarray(overview_sheet([row, replace(row, face="other")])).astype(int)
    edit, below = HEAD + TILE, HEAD + 2 * TILE
    for left in (LABEL, LABEL + TILE):
        bright, grey = drawn[edit + 9, left + 9], drawn[edit + 9, left + TILE - 9]
        assert bright.min() > grey.max(), "the edit"
        change = drawn[below : below + SMALL, left : left + SMALL].sum(2)
        assert change[:, :50].min() > 200 and change[:, 70:].max() < 30, "what changed"
        mask = drawn[below : below + SMALL, left + SMALL : left + TILE].sum(2)
        assert mask[:, :60].min() > 700 and mask[:, 70:].max() < 100, "the mask"


def test_small_rows_draw_the_same_overview():
    row = made_row("mca", PROMPT, 3)
    big = replace(row.edit, image=F.interpolate(row.edit.image[None], 1024)[0],
                  source=F.interpolate(row.edit.source[None], 1024)[0],
                  masks=(row.edit.masks[0], F.interpolate(row.edit.masks[1][None], 1024)[0]))  # fmt: skip
    rows = [replace(row, edit=big), replace(row, edit=None, figures=None, method="cf-clip", problem="not fitted")]
    small = [small_row(each) for each in rows]
    assert small[0].edit.image.shape == (3, TILE, TILE) and [m.shape for m in small[0].edit.masks] == [
        (1, TILE, TILE)
    ]
    first, second = (np.asarray(overview_sheet(each)).astype(int) for each in (rows, small))
    assert np.abs(first - second).mean() < 0.5 and small[1] == rows[1]


def test_change_is_dark_where_nothing_changed_and_has_one_scale():
    source = torch.zeros(3, 64, 64)
    edited = source.clone()
    edited[:, :32] = 0.5
    drawn = change_map(source, edited, 32).astype(int).sum(2)
    assert drawn.shape == (32, 32)
    assert drawn[20:].max() < 20 and drawn[:14].min() == drawn.max() > 500
    assert change_map(source, edited / 2, 32).astype(int).sum(2).max() < drawn.max()


def test_the_command_writes_sheets_json_and_markdown(editor, cf_clip, tmp_path, capsys):
    out = tmp_path / "out"
    words = ("--seed", "1", "--weights", str(cf_clip))
    assert command(editor, out, *words, methods="mca,cf-clip,deltaedit") == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 6 and printed[0].startswith("seed_0  MCA-CLIP: hit")
    report = json.loads((out / "compare.json").read_text())
    assert [(row["face"], row["method"]) for row in report["rows"]][:3] == [
        ("seed_0", "mca"), ("seed_0", "cf-clip"), ("seed_0", "deltaedit")
    ]  # fmt: skip
    assert report["rows"][2]["figures"] is None and "train deltaedit" in report["rows"][2]["problem"]
    assert {path.name for path in out.iterdir()} == {
        "compare.json", "compare.md", "overview.png", "seed_0.png", "seed_1.png",
        "seed_0_mca.png", "seed_0_cf-clip.png", "seed_1_mca.png", "seed_1_cf-clip.png",
        "seed_0_source.png", "seed_1_source.png",
    }  # fmt: skip
    assert np.asarray(Image.open(out / "seed_0_mca.png")).shape == (8, 8, 3)
    for name in ("seed_0.png", "seed_0_mca.png"):
        assert read_record(out / name)["prompt"] == PROMPT


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--methods", "mca"], "needs a face"),
        (["--seed", "0", "--methods", "magic"], "no method 'magic'"),
        (["nobody.png", "--methods", "mca"], "no file nobody.png"),
        (["--seed", "-1", "--methods", "mca"], "a seed is"),
        (["--seed", "0", "--weights", "no.safetensors"], "no file no.safetensors"),
        (["--seed", "0", "--prompt", "red lips"], "takes one --prompt"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_loaded(words, problem, capsys, tmp_path):
    def never(stack, edits):
        raise AssertionError("loaded")

    assert main(["compare", *words, "--prompt", PROMPT, "--out", str(tmp_path)], never) == 2
    assert problem in capsys.readouterr().err


def test_no_row_at_all_is_a_failure(editor, tmp_path):
    assert command(editor, tmp_path / "o", prompt="blue hat") == 2


def test_weights_in_the_cache_are_found_and_those_of_other_stacks_left_out(editor, cf_clip, tmp_path):
    folder = tmp_path / "cache" / "methods"
    folder.mkdir(parents=True)
    (folder / "cf.safetensors").write_bytes(cf_clip.read_bytes())
    (folder / "junk.safetensors").write_bytes(b"junk")
    network = MCANetwork(editor.models.generator.layers, NETWORKS["styleclip-mapper"])
    save_fitted(folder / "x.safetensors", network, "styleclip-mapper", generator="stylegan2")
    ready = {method.name for method in build_methods(method_context(editor), list(METHODS)) if method.ready(PROMPT)}
    assert ready == {"styleclip-optimisation", "cf-clip", "mca"}


def test_shipped_weights_are_found_and_a_changed_file_is_left_out(editor, cf_clip, tmp_path, monkeypatch, caplog):
    assets = tmp_path / "assets"
    (assets / "methods").mkdir(parents=True)
    shipped = assets / "methods" / "cf.safetensors"
    shipped.write_bytes(cf_clip.read_bytes())
    write_asset_sums(assets)
    folders = WeightFolders(None, tmp_path / "cache", assets)
    monkeypatch.setattr(WeightFolders, "from_environment", lambda: folders)
    assert PROMPT in method_context(editor).libraries["cf-clip"]

    other = MCANetwork(editor.models.generator.layers, NETWORKS["cf-clip"])
    save_fitted(shipped, other, "cf-clip")
    assert not method_context(editor).libraries["cf-clip"] and "git checkout" in caplog.text


def test_another_comparison_goes_into_a_folder_of_its_own(editor, tmp_path, capsys):
    out = tmp_path / "o"
    for options in ([], ["--strength", "0.5"]):
        assert command(editor, out, *options) == 0
    strengths = [json.loads((f / "compare.json").read_text())["strength"] for f in (out, out / "compare_2")]
    assert strengths == [1.0, 0.5] and str(out / "compare_2") in capsys.readouterr().out
    (out / "notes.txt").write_text("mine")
    assert command(editor, out, "--strength", "0.2", "--overwrite") == 0
    assert json.loads((out / "compare.json").read_text())["strength"] == 0.2 and (out / "notes.txt").exists()


def test_a_comparison_that_is_cut_short_leaves_nothing(editor, tmp_path, monkeypatch):
    monkeypatch.setattr("mcaclip.evaluation.compare.write_rows", Interrupted(None, 0))
    with pytest.raises(KeyboardInterrupt):
        command(editor, tmp_path / "o")
    assert list((tmp_path / "o").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"junk", b"\0" * 7 + b"\x10{}"])
def test_weights_that_cannot_be_read_are_named_in_one_line(editor, tmp_path, capsys, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    assert command(editor, tmp_path / "o", "--weights", str(tmp_path / "w.safetensors"), methods="all") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "w.safetensors" in line
