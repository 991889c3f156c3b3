"""The Compare tab: rows one after another, problems in words, cancelling."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from mcaclip.editing.universal import UniversalEdit
from mcaclip.errors import PromptError, StudioError
from mcaclip.methods.base import METHODS
from mcaclip.ui.display import text
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.lab.compare import CompareHandlers, row_pictures, table
from mcaclip.ui.lab.method_set import SHOWN, EditorMethods
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import Session
from tests.fakes import FakeEditor
from tests.helpers.fake_methods import FakeMethods, made_row
from tests.helpers.toy_editor import ToyEditor
from tests.helpers.toy_space import ToyParser

NAMES = ["deltaedit", "mca", "cf-clip"]
WORDS = "purple hair"


@pytest.fixture
def editor() -> FakeEditor:
    return FakeEditor()


@pytest.fixture
def studio(editor, tmp_path) -> HandlerBase:
    source = EditorSource(lambda report: editor)
    assert source.wait(10) is editor
    return HandlerBase(source, tmp_path)


@pytest.fixture
def session(editor) -> Session:
    return Session(inversion=editor.sample(1))


def test_rows_come_one_after_another_in_the_order_of_the_table(studio, session):
    views = list(CompareHandlers(studio, FakeMethods).run(NAMES, WORDS, session))
    tables = [view["methods_table"] for view in views if "methods_table" in view]
    assert [line.count("<tr><td>") for line in tables] == [0, 1, 2, 3]
    ordered = [METHODS[name].title for name in ("mca", "cf-clip", "deltaedit")]
    places = [tables[-1].index(f"<td>{title}</td>") for title in ordered]
    assert places == sorted(places)
    pictures = [view["methods_pictures"]["value"] for view in views if "methods_pictures" in view]
    assert [len(shown) for shown in pictures] == [0, 3, 6, 6], "a method without an edit has no pictures"
    assert views[0]["methods_stop"]["visible"] and not views[0]["methods_start"]["interactive"]
    assert not views[-1]["methods_stop"]["visible"] and views[-1]["methods_start"]["interactive"]


def test_a_method_that_is_not_fitted_says_how(studio, session):
    *_, last = [
        v for v in CompareHandlers(studio, FakeMethods).run(["deltaedit"], "x", session) if "methods_table" in v
    ]
    assert "python -m train deltaedit" in last["methods_table"] and "<td>–</td>" in last["methods_table"]


def test_stopping_ends_the_method_and_keeps_the_rows(studio, session):
    views = CompareHandlers(studio, FakeMethods).run(NAMES, WORDS, session)
    shown: list[dict] = []
    for view in views:
        shown.append(view)
        if view.get("methods_table", "").count("<tr><td>") == 1:
            studio.abandon(shown[0]["session"])
    tables = [view["methods_table"] for view in shown if "methods_table" in view]
    assert tables[-1].count("<tr><td>") == 1
    assert text.METHODS_CANCELLED in shown[-1]["methods_bar"] and shown[-1]["methods_start"]["interactive"]


def test_a_failure_is_raised_and_enables_the_button_again(studio, session):
    class Broken(FakeMethods):
        def row(self, *_):
            raise StudioError("the weights are damaged")

    views, seen = CompareHandlers(studio, Broken).run(["mca"], WORDS, session), []
    with pytest.raises(StudioError, match="damaged"):
        for view in views:
            seen.append(view)
    assert seen[-1]["methods_start"]["interactive"]


def test_what_is_missing_is_asked_for(studio, session, tmp_path):
    handlers = CompareHandlers(studio, FakeMethods)
    with pytest.raises(StudioError, match="no face yet"):
        next(handlers.run(NAMES, "green lipstick", Session()))
    with pytest.raises(PromptError, match="empty"):
        next(handlers.run(NAMES, " ", session))
    with pytest.raises(StudioError, match="at least one method"):
        next(handlers.run([], WORDS, session))


def test_each_row_has_edit_change_and_mask():
    with_mask, without = row_pictures(made_row("mca", WORDS, 1)), row_pictures(made_row("cf-clip", WORDS))
    assert [caption for _, caption in with_mask] == ["MCA-CLIP", text.METHODS_CHANGE, text.METHODS_MASK]
    assert without[2][1] == text.METHODS_NO_MASK
    assert all(picture.ndim == 3 and picture.shape[2] == 3 for picture, _ in [*with_mask, *without])


def test_what_a_visitor_typed_is_no_markup():
    row = replace(made_row("mca", WORDS), edit=None, figures=None, problem="<script>alert(1)</script>")
    assert "<script>" not in table([row])


def test_the_real_methods_answer_for_a_face(monkeypatch, tmp_path):
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path))
    monkeypatch.setattr("mcaclip.ui.lab.method_set.load_parser", lambda slots, device: ToyParser())
    toy = ToyEditor()
    methods, reported = EditorMethods(toy), []
    done = methods.row("mca", toy.sample(0), "green lipstick", reported.append)
    assert done.figures is not None and reported
    assert "cf-clip" in methods.row("cf-clip", toy.sample(0), "green lipstick", lambda step: None).problem
    assert methods.ready("green lipstick") == methods.known() == ("mca", "styleclip-optimisation")
    assert methods.ready("blue hair") == ("styleclip-optimisation",)
    toy.models.universal = UniversalEdit(lambda: None)
    assert EditorMethods(toy).ready("blue hair") == ("mca-universal", "styleclip-optimisation")


def arrival(studio, prompt, first_prompt, session, chosen=()) -> dict:
    """All updates of the tab when it is opened."""
    views = CompareHandlers(studio, FakeMethods).arrive(prompt, first_prompt, chosen, session)
    return {name: value for view in views for name, value in view.items()}


def test_every_method_is_offered_and_those_with_weights_are_chosen(studio, session):
    assert set(SHOWN) == set(METHODS)
    assert arrival(studio, "", "", session)["methods_chosen"] == ["mca-universal", "mca", "cf-clip"]
    assert "methods_chosen" not in arrival(studio, "", "", session, ["deltaedit"]), "a choice stays"


def test_a_tab_that_is_opened_early_waits_for_the_models(editor, session, tmp_path):
    gate = threading.Event()

    def load(report):
        gate.wait(10)
        return editor

    views = CompareHandlers(HandlerBase(EditorSource(load), tmp_path), FakeMethods).arrive("", WORDS, [], session)
    assert next(views)["methods_prompt"] == WORDS
    assert "progress" in next(views)["methods_bar"]
    gate.set()
    *_, last = views
    assert last["methods_chosen"] and last["methods_bar"] == "" and WORDS in last["methods_ready"]


def test_the_hint_lists_ready_and_missing_methods_while_a_prompt_is_typed(studio):
    handlers = CompareHandlers(studio, FakeMethods)
    hint = handlers.hint("a <zombie>")["methods_ready"]
    assert "Ready for “a &lt;zombie&gt;”: MCA-CLIP universal, StyleCLIP optimisation." in hint
    assert "Without weights for it: MCA-CLIP, StyleCLIP mapper" in hint
    assert (
        handlers.hint(" ")["methods_ready"] == "" and "the limit is 200" in handlers.hint("x" * 500)["methods_ready"]
    )


def test_the_tab_shows_the_face_and_takes_the_words_of_the_first_tab(studio, session):
    lacking = arrival(studio, "", "", Session())
    assert "no face yet" in lacking["methods_needs"] and lacking["methods_face"] is None
    view = arrival(studio, "", WORDS, session)
    assert view["methods_prompt"] == WORDS and view["methods_needs"] == "" and view["methods_face"].ndim == 3
    own = arrival(studio, "red lips", WORDS, session)
    assert "methods_prompt" not in own and "red lips" in own["methods_ready"]
