from __future__ import annotations

import json

import pytest
import torch.nn.functional as F

from tests.fakes import FakeEditor
from train.encoder import figures as inversion_figures
from train.encoder.figures import FigureSettings, run, summarise, warning_agreement


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
        "pixel": 0.05,
        "perceptual": 0.05,
        "seconds": 2,
        **more,
    }


def test_the_summary_has_means_the_lowest_and_shares_of_hits():
    edits = [{"a": [True, False], "b": [True, True]}, {"a": [True, True], "b": [False, True]}]
    rows = [row("x", 0.4, edits=edits[0]), row("y", 0.8, edits=edits[1])]
    found = summarise(rows)["photo good"]
    assert found["judge"] == pytest.approx(0.6) and found["judge_lowest"] == 0.4 and found["faces"] == 2
    assert (found["edits"], found["hits_native"], found["hits_inverted"]) == (4, 0.75, 0.75)


def test_the_warning_is_compared_with_the_judge():
    poor = {"perceptual": 0.5}
    rows = [row("a", 0.3, **poor), row("b", 0.4), row("c", 0.5, **poor), row("d", 0.7, **poor), row("e", 0.9)]
    found = warning_agreement(rows)
    assert (found["poor"], found["fine"], found["warned"]) == (2, 2, 3)
    assert (found["recall"], found["false_alarm"], found["precision"]) == (0.5, 0.5, pytest.approx(2 / 3, abs=1e-3))
    assert "recall" not in warning_agreement([row("e", 0.9)])


def test_edits_are_written_down_for_the_first_generated_faces(tmp_path, monkeypatch):
    class FakeEditability:
        def __init__(self, *_):
            self.count = 0

        def hits(self, face):
            self.count += 1
            return {"green lipstick": self.count > 1}

        def movements(self, face):
            return {"nada_smile": 0.1 * self.count}

    monkeypatch.setattr(inversion_figures, "Editability", FakeEditability)
    monkeypatch.setattr(inversion_figures, "load_parser", lambda *_: None)
    editor = FakeEditor()
    editor.device, editor.slots = "cpu", None
    summary = run(editor, FakeJudge(), FigureSettings(faces=2, efforts=("instant", "good"), edits=1), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row.get("edits") for row in rows[:2]] == [{"green lipstick": [False, True]}] * 2
    assert [row["directions"]["nada_smile"][0] for row in rows[:2]] == [0.1, 0.1]  # the native face: measured once
    assert "edits" not in rows[2]
    assert summary["generated good"]["hits_inverted"] == 1 and summary["generated good"]["shifts"] == 1


def test_a_second_run_goes_on_where_the_first_stopped(tmp_path):
    editor = FakeEditor()
    editor.device = "cpu"
    run(editor, FakeJudge(), FigureSettings(faces=1, efforts=("good",)), tmp_path)
    summary = run(editor, FakeJudge(), FigureSettings(faces=2, efforts=("good",)), tmp_path)
    assert sum(call.startswith("invert") for call in editor.calls) == 2
    assert summary["generated good"]["faces"] == 2
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2
    assert json.loads((tmp_path / "figures.json").read_text()) == summary
    assert (tmp_path / "generated.jpg").is_file()
