"""The Compare tab: rows one after another, problems in words, cancelling."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip.compare import CompareRow, Figures
from mcaclip.editing.methods.base import METHODS, MethodEdit
from mcaclip.errors import PromptError, StudioError
from mcaclip.types import Progress
from mcaclip.ui import text
from mcaclip.ui.compare_tab import CHOSEN_AT_FIRST, CompareHandlers, open_comparison, row_pictures, table
from mcaclip.ui.desk import Desk
from mcaclip.ui.loading import EditorSource
from mcaclip.ui.session import Session
from tests.fakes import FakeEditor
from tests.helpers.toy_editor import ToyEditor
from tests.helpers.toy_space import ToyParser

NAMES = ["mca", "cf-clip", "deltaedit"]
FIGURES = Figures(True, 0.8, 1.25, 0.97, None, 2.0)


def made(name: str, masks: int = 0) -> CompareRow:
    source, edited = torch.zeros(3, 64, 64), torch.full((3, 64, 64), 0.25)
    edit = MethodEdit(edited, source, tuple(torch.ones(1, 8, 8) for _ in range(masks)), None, None, 2.0)
    return CompareRow(name, "face", "green lipstick", edit, FIGURES)


def rows_of(editor):
    """A stand-in for the methods: DeltaEdit has no weights, the others report twice."""

    def make(name, face, prompt, callback):
        callback(Progress("editing", 0.25))
        callback(Progress("editing", 0.75))
        if name == "deltaedit":
            return CompareRow(name, "face", prompt, problem="Fit it with: python -m train deltaedit")
        return made(name, masks=name == "mca")

    return make


@pytest.fixture
def editor() -> FakeEditor:
    return FakeEditor()


@pytest.fixture
def desk(editor, tmp_path) -> Desk:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return Desk(source, tmp_path)


@pytest.fixture
def session(editor) -> Session:
    return Session(inversion=editor.sample(1))


def test_rows_come_one_after_another_in_the_order_of_the_table(desk, session):
    views = list(CompareHandlers(desk, rows_of).run(NAMES, "green lipstick", session))
    tables = [view["methods_table"] for view in views if "methods_table" in view]
    assert [line.count("<tr><td>") for line in tables] == [0, 1, 2, 3]
    ordered = [METHODS[name].title for name in METHODS if name in NAMES]
    places = [tables[-1].index(f"<td>{title}</td>") for title in ordered]
    assert places == sorted(places)
    pictures = [view["methods_pictures"]["value"] for view in views if "methods_pictures" in view]
    assert [len(shown) for shown in pictures] == [0, 3, 3, 6], "a method without an edit has no pictures"
    assert views[0]["methods_stop"]["visible"] and not views[0]["methods_start"]["interactive"]
    assert not views[-1]["methods_stop"]["visible"] and views[-1]["methods_start"]["interactive"]


def test_a_method_that_is_not_fitted_says_how(desk, session):
    *_, last = [v for v in CompareHandlers(desk, rows_of).run(["deltaedit"], "x", session) if "methods_table" in v]
    assert "python -m train deltaedit" in last["methods_table"] and "<td>–</td>" in last["methods_table"]


def test_stopping_ends_the_method_and_keeps_the_rows(desk, session):
    views = CompareHandlers(desk, rows_of).run(NAMES, "green lipstick", session)
    shown: list[dict] = []
    for view in views:
        shown.append(view)
        if view.get("methods_table", "").count("<tr><td>") == 1:
            desk.abandon(shown[0]["session"])
    tables = [view["methods_table"] for view in shown if "methods_table" in view]
    assert tables[-1].count("<tr><td>") == 1
    assert text.METHODS_CANCELLED in shown[-1]["methods_bar"] and shown[-1]["methods_start"]["interactive"]


def test_a_failure_frees_the_button_and_is_told(desk, session):
    def broken(editor):
        def make(*_):
            raise StudioError("the weights are damaged")

        return make

    views, seen = CompareHandlers(desk, broken).run(["mca"], "green lipstick", session), []
    with pytest.raises(StudioError, match="damaged"):
        for view in views:
            seen.append(view)
    assert seen[-1]["methods_start"]["interactive"]


def test_what_is_missing_is_asked_for(desk, session, tmp_path):
    handlers = CompareHandlers(desk, rows_of)
    with pytest.raises(StudioError, match="no face yet"):
        next(handlers.run(NAMES, "green lipstick", Session()))
    with pytest.raises(PromptError, match="empty"):
        next(handlers.run(NAMES, " ", session))
    with pytest.raises(StudioError, match="at least one method"):
        next(handlers.run([], "green lipstick", session))


def test_each_row_has_edit_change_and_mask():
    with_mask, without = row_pictures(made("mca", 1)), row_pictures(made("cf-clip"))
    assert [caption for _, caption in with_mask] == ["MCA-CLIP", text.METHODS_CHANGE, text.METHODS_MASK]
    assert without[2][1] == text.METHODS_NO_MASK
    assert all(picture.ndim == 3 and picture.shape[2] == 3 for picture, _ in [*with_mask, *without])


def test_what_a_visitor_typed_is_no_markup():
    row = replace(made("mca"), edit=None, figures=None, problem="<script>alert(1)</script>")
    assert "<script>" not in table([row])


def test_the_real_methods_answer_for_a_face(monkeypatch, tmp_path):
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path))
    monkeypatch.setattr("mcaclip.ui.compare_tab.load_parser", lambda slots, device: ToyParser())
    toy = ToyEditor()
    make, reported = open_comparison(toy), []
    done = make("mca", toy.sample(0), "green lipstick", reported.append)
    assert done.figures is not None and reported
    assert "cf-clip" in make("cf-clip", toy.sample(0), "green lipstick", lambda step: None).problem


def test_the_slow_method_is_not_chosen_at_first():
    assert set(METHODS) - set(CHOSEN_AT_FIRST) == {"styleclip-optimisation"}
