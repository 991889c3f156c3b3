"""The paper's table on a toy stack: rows, tables, resuming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mcaclip.__main__ import main
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.errors import StudioError
from mcaclip.evaluation import difficult_faces, paper_table, result_pictures, run
from mcaclip.evaluation.paper_table import ABLATION, MAIN, PROMPTS, TableRow, TableRun, as_markdown, summarise, tables
from mcaclip.evaluation.sheets_of_methods import HEAD, LABEL, TILE, faces_sheet, table_sheet
from mcaclip.language.grammar import understand
from tests.helpers.interrupt import Interrupted
from tests.helpers.toy_editor import ToyEditor
from tests.methods.test_methods import NETWORKS, save_fitted

ROW = TableRow("mca", "green lipstick", "seed_0", 0.9, 0.99, 0.3, True, 0.8, 1.0, 0.95, 2.0)


NAMES = {"clip": "FaceCLIP", "identity": "dlib"}


def run_of(folder: Path, rows: Sequence[TableRow]) -> TableRun:
    run = TableRun(folder, {})
    for row in rows:
        run.add(row)
    return run


@pytest.fixture
def editor(monkeypatch, toy_editor) -> ToyEditor:
    monkeypatch.setattr(paper_table, "FAST_FACES", 2)
    monkeypatch.setattr(difficult_faces, "DIFFICULT_FACES", difficult_faces.DIFFICULT_FACES[3:5])
    return toy_editor


def test_the_protocol_is_seven_prompts_that_can_be_measured():
    assert len(PROMPTS) == len(set(PROMPTS)) == 7 and all(understand(prompt) for prompt in PROMPTS)
    assert set(MAIN) & set(ABLATION) == {"mca"}


def test_means_are_over_a_methods_rows():
    rows = [ROW, replace(ROW, face="seed_1", leak=3.0, hit=False), replace(ROW, method="cf-clip", leak=9.0)]
    table = summarise(rows, MAIN)
    assert list(table) == ["cf-clip", "mca"]
    assert table["mca"]["leak"] == 2 and table["mca"]["hit"] == 0.5 and table["mca"]["edits"] == 2


def test_a_figure_that_some_edits_lack_is_left_out():
    rows = [replace(ROW, judge=0.5, psnr=30.0), replace(ROW, face="seed_1", psnr=40.0)]
    assert summarise(rows, MAIN)["mca"]["psnr"] == 35 and "judge" not in summarise(rows, MAIN)["mca"]


def test_prompts_and_ablations_have_tables_of_their_own(tmp_path):
    rows = [ROW, replace(ROW, prompt="blonde hair"), replace(ROW, method="mca-without-pre")]
    difficult = TableRun(tmp_path / "difficult", {})
    found = tables(run_of(tmp_path / "all", rows), difficult)
    ablated = "ablation, shared edits, counterfactual prompts"
    assert list(found) == ["counterfactual prompts", ablated, "ordinary prompts"]
    assert found[ablated]["mca"]["edits"] == found[ablated]["mca-without-pre"]["edits"] == 1, "of two, one is in both"
    assert set(found["counterfactual prompts"]) == {"mca"}
    assert list(tables(run_of(tmp_path / "one", rows[:1]), difficult)) == ["counterfactual prompts"]


def test_markdown_names_the_networks_and_what_is_missing(tmp_path):
    run, difficult = run_of(tmp_path / "run", [ROW]), TableRun(tmp_path / "difficult", {})
    text = as_markdown(run, difficult, NAMES, ["- LPIPS: nothing"])
    assert "FaceCLIP score" in text and "| LPIPS |" not in text and "- LPIPS: nothing" in text
    assert "Faces: 1 generated." in text


def test_several_prompts_have_a_table_of_their_own(tmp_path):
    rows = [
        ROW,
        replace(ROW, face="seed_1", hit=False),
        replace(ROW, method="Stable Diffusion", prompt="blonde hair", leak=9.4),
    ]
    difficult = TableRun(tmp_path / "difficult", {})
    text = as_markdown(run_of(tmp_path / "all", rows), difficult, NAMES, [])
    assert "| method | green lipstick | blonde hair |" in text
    assert "| Stable Diffusion |  | 100 %, 9.4 |" in text and "| MCA-CLIP | 50 %, 1 |  |" in text
    assert "by prompt" not in as_markdown(run_of(tmp_path / "few", rows[:2]), difficult, NAMES, [])


def test_the_frechet_distance_needs_the_features_of_every_edit(tmp_path):
    rows = [replace(ROW, face=f"seed_{seed}") for seed in range(3)]
    run, files = run_of(tmp_path, rows), []
    for seed, row in enumerate(rows):
        for key, shift in (((*paper_table.SOURCE, row.face), 0.0), (row.key, 2.0)):
            files.append(run.features("faces", *key))
            np.save(files[-1], np.eye(3, dtype=np.float32)[seed] + shift)
    assert summarise(rows, MAIN, run)["mca"]["faces"] == pytest.approx(12), "three numbers, each moved by two"
    files[-1].unlink()
    assert "faces" not in summarise(rows, MAIN, run)["mca"]


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
    out, limited = tmp_path / "out", Interrupted(run.Measurement, 3)
    monkeypatch.setattr(run, "Measurement", limited)
    with pytest.raises(KeyboardInterrupt):
        _command(editor, out, *words)
    limited.allowed = 1 + 4
    assert _command(editor, out, *words) == 0, "only the fourth was left to measure, and those of the difficult faces"
    assert len((out / "rows.jsonl").read_text().splitlines()) == 4
    report = json.loads((out / "table.json").read_text())
    assert report["tables"]["counterfactual prompts"]["cf-clip"]["edits"] == 2
    figures = report["tables"]["counterfactual prompts"]["mca"]
    assert {"psnr", "faces", "area"} <= set(figures) and "itm" not in figures and report["stack"] == "compact"
    assert "alexnet-owt-7be5be79.pth" in report["not available"]["LPIPS"]
    assert "CF-CLIP" in (out / "table.md").read_text()
    assert Image.open(out / "table.png").size == (LABEL + 2 * TILE, HEAD + 4 * TILE)
    assert not (out / "ablation.png").exists(), "no ablation was asked for"
    assert Image.open(out / "hard_faces.png").size == (LABEL + 2 * TILE, HEAD + 3 * TILE)
    difficult = report["tables"]["profiles, glasses and hats"]
    assert difficult["mca"]["edits"] == difficult["cf-clip"]["edits"] == 2, "and none of them in another table"
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


def test_a_number_of_faces_and_their_size_may_be_chosen(editor, tmp_path):
    line = ["evaluate", "--table", "paper", "--faces", "1", "--methods", "mca", "--prompt", "green lipstick"]
    line += ["--size", "256"]
    assert main([*line, "--out", str(tmp_path)], lambda stack, edits: editor) == 0
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1
    assert json.loads((tmp_path / "table.json").read_text())["size"] == 256


@pytest.fixture
def tiny_photos(monkeypatch):
    """Pictures of the toy generator's size are read; those of real faces have at least 64 px."""
    monkeypatch.setattr(result_pictures, "load_photo", lambda file: np.array(Image.open(file)))


def _result_files(folder: Path, faces: Path) -> None:
    (folder / "green lipstick").mkdir(parents=True)
    for face in faces.iterdir():
        shutil.copy(face, folder / "green lipstick" / face.name)


def test_pictures_of_a_system_that_does_not_run_here_are_measured(editor, tiny_photos, tmp_path, capsys):
    out, folder = tmp_path / "out", tmp_path / "sd"
    folder.mkdir()
    words = ("--methods", "mca", "--prompt", "green lipstick", "--results", f"Stable Diffusion={folder}")
    assert _command(editor, out, *words) == 2
    assert "no prompt has a folder" in capsys.readouterr().err and not (out / "rows.jsonl").exists()
    _result_files(folder, out / "faces")
    assert _command(editor, out, *words) == 0
    leaks = [row.leak for row in TableRun(out, {}).rows if row.method == "Stable Diffusion"]
    assert max(leaks) < 1, "the faces themselves, rounded to 8 bits"
    table = json.loads((out / "table.json").read_text())["tables"]["counterfactual prompts"]
    assert table["Stable Diffusion"]["edits"] == 2 and "seconds" not in table["Stable Diffusion"]
    assert Image.open(out / "table.png").height == HEAD + 4 * TILE
    Image.new("RGB", (64, 64)).save(folder / "green lipstick" / "seed_0.png")
    assert _command(editor, out, *words) == 2
    assert "Stable Diffusion: green lipstick/seed_0.png" in capsys.readouterr().err, "a picture was changed"


def test_pictures_that_are_missing_or_of_another_size_are_named(editor, tiny_photos, tmp_path, capsys):
    out, folder = tmp_path / "out", tmp_path / "sd"
    folder.mkdir()
    words = ("--methods", "mca", "--prompt", "green lipstick", "--results", f"SD={folder}")
    _command(editor, out, *words)
    _result_files(folder, out / "faces")
    Image.new("RGB", (70, 90)).save(folder / "green lipstick" / "seed_0.png")
    assert _command(editor, out, *words) == 2
    assert "has 70 x 90 pixels" in capsys.readouterr().err
    (folder / "green lipstick" / "seed_1.png").unlink()
    assert _command(editor, tmp_path / "new", *words) == 2
    assert "1 pictures are missing, first green lipstick/seed_1.png" in capsys.readouterr().err


WRONG = (
    "--table paper --column full", "--table paper --seeds 3", "--results SD=.", "--table paper --results SD=nowhere",
    "--table paper --results mca=.", "--table paper --results .", "--fast",
    "--faces 3", "--methods mca", "--table paper --faces 0",
    "--table paper --faces 3 --fast",
)  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_options_that_do_not_go_together_are_refused(words, tmp_path, capsys):
    def never(stack, edits):
        raise AssertionError("loaded")

    assert main(["evaluate", "--out", str(tmp_path), *words.split()], never) == 2
    assert "--" in capsys.readouterr().err
