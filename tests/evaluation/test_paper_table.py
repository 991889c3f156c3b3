"""The paper's table on a toy stack: rows, tables, resuming."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.errors import StudioError
from mcaclip.evaluation import difficult_faces, paper_table
from mcaclip.evaluation.paper_table import ABLATION, MAIN, PROMPTS, TableRow, TableRun, as_markdown, summarise, tables
from mcaclip.evaluation.sheets_of_methods import HEAD, LABEL, TILE, faces_sheet, table_sheet
from mcaclip.language.grammar import understand
from tests.helpers.interrupt import Interrupted
from tests.helpers.toy_editor import ToyEditor
from tests.helpers.toy_space import ToyParser
from tests.methods.test_methods import NETWORKS, save_fitted

ROW = TableRow("mca", "green lipstick", "seed_0", 0.9, 0.99, 0.3, True, 0.8, 1.0, 0.95, 2.0)


@pytest.fixture
def editor(monkeypatch, tmp_path) -> ToyEditor:
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mcaclip.loading.load_parser", lambda slots, device: ToyParser())
    monkeypatch.setattr(paper_table, "FAST_FACES", 2)
    monkeypatch.setattr(difficult_faces, "DIFFICULT_FACES", difficult_faces.DIFFICULT_FACES[3:5])
    return ToyEditor()


def test_the_protocol_is_seven_prompts_that_can_be_measured():
    assert len(PROMPTS) == len(set(PROMPTS)) == 7 and all(understand(prompt) for prompt in PROMPTS)
    assert set(MAIN) & set(ABLATION) == {"mca"}


def test_means_are_over_a_methods_rows():
    rows = [ROW, replace(ROW, face="seed_1", leak=3.0, hit=False), replace(ROW, method="cf-clip", leak=9.0)]
    table = summarise(rows, MAIN)
    assert list(table) == ["cf-clip", "mca"]
    assert table["mca"]["leak"] == 2 and table["mca"]["hit"] == 0.5 and table["mca"]["edits"] == 2


def test_prompts_and_ablations_have_tables_of_their_own():
    rows = [ROW, replace(ROW, prompt="blonde hair"), replace(ROW, method="mca-without-pre")]
    assert list(tables(rows)) == ["counterfactual prompts", "ordinary prompts", "ablation, shared edits"]
    ablation = tables(rows)["ablation, shared edits"]
    assert ablation["mca"]["edits"] == ablation["mca-without-pre"]["edits"] == 1, "of two, one is in both"
    assert set(tables(rows)["counterfactual prompts"]) == {"mca"}
    assert list(tables(rows[:1])) == ["counterfactual prompts"]


def test_markdown_names_the_score_after_its_space_and_lpips_as_missing():
    text = as_markdown([ROW], "FaceCLIP", ["- CF-CLIP: nothing"])
    assert "FaceCLIP score" in text and "LPIPS and BLIP ITM: not available" in text and "- CF-CLIP: nothing" in text


def test_several_prompts_have_a_table_of_their_own():
    rows = [
        ROW,
        replace(ROW, face="seed_1", hit=False),
        replace(ROW, method="cf-clip", prompt="blonde hair", leak=9.4),
    ]
    text = as_markdown(rows, "FaceCLIP", [])
    assert "| method | green lipstick | blonde hair |" in text
    assert "| CF-CLIP |  | 100 %, 9.4 |" in text and "| MCA-CLIP | 50 %, 1 |  |" in text
    assert "by prompt" not in as_markdown(rows[:2], "FaceCLIP", [])


def test_a_row_that_is_incomplete_after_a_crash_is_replaced(tmp_path):
    run = TableRun(tmp_path, {"stack": "toy"})
    run.add(ROW)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"method": "mca", "pro')
    again = TableRun(tmp_path, {"stack": "toy"})
    again.add(replace(ROW, face="seed_1"))
    assert [row.face for row in TableRun(tmp_path, {"stack": "toy"}).rows] == ["seed_0", "seed_1"]
    with pytest.raises(StudioError, match="other weights"):
        TableRun(tmp_path, {"stack": "other"})


def _command(editor, out, *words: str) -> int:
    line = ["evaluate", "--table", "paper", "--fast", "--out", str(out), *words]
    return main(line, lambda stack, edits: editor)


def _fitted(editor, path: Path, prompt: str, method: str = "cf-clip") -> Path:
    network = MCANetwork(editor.models.generator.layers, NETWORKS[method])
    return save_fitted(path, network, method, prompt)


def test_the_command_measures_once_and_resumes(editor, tmp_path, monkeypatch, capsys):
    weights = _fitted(editor, tmp_path / "cf.safetensors", "green lipstick")
    words = ("--methods", "mca,cf-clip", "--weights", str(weights), "--prompt", "green lipstick")
    out, limited = tmp_path / "out", Interrupted(paper_table.measure_row, 3)
    monkeypatch.setattr(paper_table, "measure_row", limited)
    with pytest.raises(KeyboardInterrupt):
        _command(editor, out, *words)
    limited.allowed = 1 + 4
    assert _command(editor, out, *words) == 0, "only the fourth was left to measure, and those of the hard faces"
    assert len((out / "rows.jsonl").read_text().splitlines()) == 4
    report = json.loads((out / "table.json").read_text())
    assert report["tables"]["counterfactual prompts"]["cf-clip"]["edits"] == 2
    assert report["lpips"] == "not available" and report["stack"] == "compact"
    assert "CF-CLIP" in (out / "table.md").read_text()
    assert Image.open(out / "table.png").size == (LABEL + 2 * TILE, HEAD + 4 * TILE)
    assert not (out / "ablation.png").exists(), "no ablation was asked for"
    assert Image.open(out / "hard_faces.png").size == (LABEL + 2 * TILE, HEAD + 3 * TILE)
    hard = report["tables"]["profiles, glasses and hats"]
    assert hard["mca"]["edits"] == hard["cf-clip"]["edits"] == 2, "and none of them in another table"
    assert "## profiles, glasses and hats" in (out / "table.md").read_text()


def test_weights_may_be_added_to_a_run_and_not_changed(editor, tmp_path, capsys):
    (tmp_path / "more").mkdir()
    mapper = "styleclip-mapper"
    first, out = _fitted(editor, tmp_path / "edit.safetensors", "green lipstick", mapper), tmp_path / "out"
    more = _fitted(editor, tmp_path / "more" / "edit.safetensors", "purple hair", mapper)
    asked = ("--methods", mapper, "--weights", str(first))
    assert _command(editor, out, *asked, "--prompt", "green lipstick") == 0
    both = (*asked, "--weights", str(more), "--prompt", "green lipstick", "--prompt", "purple hair")
    assert _command(editor, out, *both) == 0, "a file of the same name in another folder is another file"
    assert {row.prompt for row in TableRun(out, {}).rows} == {"green lipstick", "purple hair"}
    _fitted(editor, more, "purple hair", mapper)
    assert _command(editor, out, *both) == 2
    assert f"{mapper}: purple hair" in capsys.readouterr().err


def test_ablations_have_a_sheet_of_their_own(tmp_path):
    run = TableRun(tmp_path, {"stack": "toy"})
    for method in ("mca", "mca-without-pre", "cf-clip"):
        run.add(replace(ROW, method=method))
        Image.new("RGB", (TILE, TILE)).save(run.tile(method, ROW.prompt, ROW.face))
    main_sheet, ablation = (table_sheet(run, [ROW.prompt, "purple hair"], names) for names in (MAIN, ABLATION))
    assert main_sheet.height == ablation.height == HEAD + 2 * TILE
    assert main_sheet.width == LABEL + 3 * TILE, "what is not fitted has its place"
    assert table_sheet(run, [ROW.prompt], ["deltaedit"]) is faces_sheet(run, [ROW.prompt], ["deltaedit"]) is None


def test_methods_without_weights_are_named_with_their_command(editor, tmp_path, capsys):
    assert _command(editor, tmp_path / "out", "--methods", "mca,deltaedit", "--prompt", "green lipstick") == 0
    printed = capsys.readouterr().out
    assert '- DeltaEdit, "green lipstick": `python -m train deltaedit`' in printed
    assert "| DeltaEdit |" not in printed


def test_prompts_that_cannot_be_measured_are_refused(editor, tmp_path, capsys):
    assert _command(editor, tmp_path / "out", "--methods", "mca", "--prompt", "a zombie") == 2
    assert "not a zombie" in capsys.readouterr().err


def test_a_number_of_faces_may_be_chosen(editor, tmp_path):
    line = ["evaluate", "--table", "paper", "--faces", "1", "--methods", "mca", "--prompt", "green lipstick"]
    assert main([*line, "--out", str(tmp_path)], lambda stack, edits: editor) == 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1


WRONG = (
    "--table paper --photos .", "--fast", "--faces 3", "--methods mca", "--table paper --faces 0",
    "--table paper --faces 3 --fast",
)  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_options_that_do_not_go_together_are_refused(words, tmp_path, capsys):
    def never(stack, edits):
        raise AssertionError("loaded")

    assert main(["evaluate", "--out", str(tmp_path), *words.split()], never) == 2
    assert "--" in capsys.readouterr().err
