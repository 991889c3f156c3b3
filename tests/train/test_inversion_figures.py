from __future__ import annotations

import json

import pytest
import torch.nn.functional as F

from tests.fakes import FakeEditor
from train import inversion_figures
from train.inversion_figures import FigureSettings, run, summarise


class FakeJudge:
    """Scores by mean colour."""

    def similarity(self, a, b):
        return F.cosine_similarity(a.mean((2, 3)) + 2, b.mean((2, 3)) + 2)


def row(face: str, judge: float, **more) -> dict:
    return {
        "kind": "photo",
        "face": face,
        "effort": "good",
        "judge": judge,
        "dlib": 1,
        "psnr": 20,
        "seconds": 2,
        **more,
    }


def test_the_summary_has_means_the_lowest_and_shares_of_hits():
    edits = [{"a": [True, False], "b": [True, True]}, {"a": [True, True], "b": [False, True]}]
    rows = [row("x", 0.4, edits=edits[0]), row("y", 0.8, edits=edits[1])]
    found = summarise(rows)["photo good"]
    assert found["judge"] == pytest.approx(0.6) and found["judge_lowest"] == 0.4 and found["faces"] == 2
    assert (found["edits"], found["hits_native"], found["hits_inverted"]) == (4, 0.75, 0.75)


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(inversion_figures.ParsingHead, "load", lambda *_: None)
    editor = FakeEditor()
    editor.device = "cpu"
    run(editor, FakeJudge(), FigureSettings(faces=1, efforts=("good",)), tmp_path)
    summary = run(editor, FakeJudge(), FigureSettings(faces=2, efforts=("good",)), tmp_path)
    assert sum(call.startswith("invert") for call in editor.calls) == 2
    assert summary["generated good"]["faces"] == 2
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2
    assert json.loads((tmp_path / "figures.json").read_text()) == summary
    assert (tmp_path / "generated.jpg").is_file()
