"""The room Inspect: pictures beside figures of the edit on the stage."""

from __future__ import annotations

import json

import pytest

from mcaclip.types import EditSettings
from mcaclip.ui.display import inspect, text
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.lab.inspect import inspect_view
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import Session
from tests.fakes import MASK_SIDES


@pytest.fixture
def edited(editor) -> Session:
    face = editor.sample(1)
    return Session(inversion=face, result=editor.edit(face, EditSettings("green lipstick")))


def opened(editor, session, folder) -> dict:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return inspect_view(HandlerBase(source, folder), session)


def test_before_an_edit_the_room_leads_to_the_studio(editor, tmp_path):
    view = opened(editor, Session(inversion=editor.sample(1)), tmp_path)
    assert text.TO_STUDIO in view["inspect"] and view["inspect_shifts"] == ""


def test_every_layer_has_a_picture_and_two_figures(editor, edited, tmp_path):
    shown = opened(editor, edited, tmp_path)["inspect"]
    assert shown.count("<li>") == shown.count("data:image/png") == len(edited.result.masks) == len(MASK_SIDES)
    for name, share, moved in zip(
        edited.result.mask_names, edited.result.masks, edited.result.feature_change, strict=True
    ):
        row = shown[shown.index(f"{text.INSPECT_MASK}: {name}") :].partition("</li>")[0]
        assert f"<b>{100 * float(share.mean()):.1f} %</b>" in row and f"<b>{100 * moved:.1f} %</b>" in row
    assert [line in shown for line in text.INSPECT_PICTURES] == [True] * 3


def test_the_shift_has_a_bar_a_row_and_what_was_learned_has_curves(editor, edited, tmp_path, monkeypatch):
    metrics = tmp_path / "green.jsonl"
    metrics.write_text("".join(json.dumps({"step": step, "loss": 2 - step / 4}) + "\n" for step in range(1, 4)))
    monkeypatch.setattr(editor, "metrics_file", lambda prompt: metrics, raising=False)
    shown = opened(editor, edited, tmp_path)["inspect_shifts"]
    assert shown.count("class='column") == 18
    assert text.TERM_LABELS["loss"] in shown and "polyline" in shown
    universal = inspect.shifts(edited.result, {})
    assert text.NO_TERMS in universal and "polyline" not in universal


def test_words_of_a_visitor_are_no_markup(editor, edited):
    from dataclasses import replace

    settings = EditSettings("<script>alert(1)</script>")
    assert "<script>" not in inspect.shifts(replace(edited.result, settings=settings), {})
