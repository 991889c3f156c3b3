"""The room Compare: rows one after another, problems in words, cancelling."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from mcaclip.editing.universal import UniversalEdit
from mcaclip.errors import PromptError, StudioError
from mcaclip.methods.base import METHODS
from mcaclip.ui.display import text
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.lab.compare import CompareHandlers, row_html
from mcaclip.ui.lab.method_set import SHOWN, SLOW, EditorMethods
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import Session
from tests.helpers.fake_methods import FakeMethods, made_row
from tests.helpers.toy_editor import ToyEditor
from tests.helpers.toy_space import ToyParser

NAMES = ["deltaedit", "mca", "cf-clip"]
WORDS = "purple hair"


@pytest.fixture
def session(editor) -> Session:
    return Session(inversion=editor.sample(1))


def done(html: str) -> int:
    """Rows of methods that have worked."""
    return html.count('<article class="method-row">')


def waiting(html: str) -> int:
    """Places of methods that have not."""
    return html.count('<article class="method-row waiting">')


def test_rows_come_one_after_another_in_the_order_of_the_table(studio, session):
    views = list(CompareHandlers(studio, FakeMethods).run(NAMES, WORDS, session))
    shown = [view["methods_rows"] for view in views if "methods_rows" in view]
    assert [(done(html), waiting(html)) for html in shown] == [(0, 2), (1, 1), (2, 0)], "a place before a row"
    titles = [f"<h3>{METHODS[name].title}</h3>" for name in ("mca", "cf-clip")]
    assert all(html.index(titles[0]) < html.index(titles[1]) for html in shown)
    assert METHODS["deltaedit"].title not in shown[0], "it has no weights for these words"
    assert views[0]["methods_stop"]["visible"] and not views[0]["methods_start"]["interactive"]
    assert not views[-1]["methods_stop"]["visible"] and views[-1]["methods_start"]["interactive"]


def test_methods_that_cannot_edit_with_the_words_are_not_run(studio, session):
    handlers = CompareHandlers(studio, FakeMethods)
    with pytest.raises(StudioError, match="None of the chosen methods"):
        next(handlers.run(["deltaedit", "mca"], "a zombie", session))


def test_stopping_ends_the_method_and_keeps_the_rows(studio, session):
    views = CompareHandlers(studio, FakeMethods).run(NAMES, WORDS, session)
    shown: list[dict] = []
    for view in views:
        shown.append(view)
        if done(view.get("methods_rows", "")) == 1:
            studio.abandon(shown[0]["session"])
    assert done(shown[-1]["methods_rows"]) == 1 and waiting(shown[-1]["methods_rows"]) == 0
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


def test_each_row_has_edit_change_and_mask_and_figures_below():
    with_mask, without = row_html(made_row("mca", WORDS, 1)), row_html(made_row("cf-clip", WORDS))
    assert with_mask.count("<img") == 4, "three pictures, and the face under the edit"
    assert without.count("<img") == 3 and text.METHODS_NO_MASK in without
    for label in text.METHODS_COLUMNS.values():
        assert f"<dt>{label}</dt>" in with_mask
    assert "<dd>80.0 %</dd>" in with_mask and "<dd>50.0 %</dd>" in with_mask
    assert "<dd>0.97</dd>" in with_mask and "<dd>–</dd>" in without, "no mask, no area"


def test_what_a_visitor_typed_is_no_markup():
    row = replace(made_row("mca", WORDS), edit=None, figures=None, problem="<script>alert(1)</script>")
    assert "<script>" not in row_html(row)


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


def arrival(studio, prompt, first_prompt, session, unwanted=(SLOW,)) -> dict:
    """All updates of the room when it is opened."""
    views = CompareHandlers(studio, FakeMethods).arrive(prompt, first_prompt, unwanted, session)
    return {name: value for view in views for name, value in view.items()}


def offered(view) -> list[str]:
    return [name for _, name in view["methods_chosen"]["choices"]]


def test_only_methods_that_can_run_are_offered_and_the_slow_one_is_not_chosen(studio, session):
    assert set(SHOWN) == set(METHODS)
    view = arrival(studio, "", "", session)
    assert offered(view) == list(FakeMethods(None).known())
    assert view["methods_chosen"]["value"] == ["mca-universal", "mca", "cf-clip"]
    other = arrival(studio, "blue lipstick", "", session)
    assert offered(other) == ["mca-universal", SLOW] and other["methods_chosen"]["value"] == ["mca-universal"]


def test_what_is_not_wanted_stays_so_for_other_words(studio, session):
    handlers = CompareHandlers(studio, FakeMethods)
    unwanted = handlers.choose(["mca", SLOW], WORDS, [SLOW])["methods_unwanted"]
    assert unwanted == ["cf-clip", "mca-universal"]
    assert arrival(studio, "blue lipstick", "", session, unwanted)["methods_chosen"]["value"] == [SLOW]
    assert handlers.choose(["mca-universal"], "blue lipstick", unwanted)["methods_unwanted"] == ["cf-clip", SLOW]


def test_a_page_without_a_face_asks_for_nothing_after_it_was_loaded(studio, session):
    handlers = CompareHandlers(studio, FakeMethods)
    assert list(handlers.came_back("", "", [SLOW], Session())) == [{}]
    assert "<img" in next(handlers.came_back("", WORDS, [SLOW], session))["methods_face"]


def test_a_room_that_is_opened_early_waits_for_the_models(editor, session, tmp_path):
    gate = threading.Event()

    def load(report):
        gate.wait(10)
        return editor

    views = CompareHandlers(HandlerBase(EditorSource(load), tmp_path), FakeMethods).arrive("", WORDS, [SLOW], session)
    assert next(views)["methods_prompt"] == WORDS
    assert "progress" in next(views)["methods_bar"]
    gate.set()
    *_, last = views
    assert last["methods_chosen"]["value"] and last["methods_bar"] == "" and "Not offered" in last["methods_ready"]


def test_why_methods_are_not_offered_is_said_in_words_without_a_command(studio):
    handlers = CompareHandlers(studio, FakeMethods)
    said = handlers.offered("blue lipstick", [])["methods_ready"]
    assert "MCA-CLIP, StyleCLIP mapper, CF-CLIP" in said and "would have to learn these words first" in said
    assert "StyleCLIP global direction and DeltaEdit would have to be trained here first" in said
    assert "python" not in said and "Whoever runs this page can train them" in said
    assert "the limit is 200" in handlers.offered("x" * 500, [])["methods_ready"]


def test_the_network_for_any_words_needs_words_that_are_known(studio):
    view = CompareHandlers(studio, FakeMethods).offered("a zombie", [])
    assert offered(view) == [SLOW]
    assert "MCA-CLIP universal does not know these words" in view["methods_ready"]


def test_the_room_shows_the_face_and_takes_the_words_of_the_studio(studio, session):
    lacking = arrival(studio, "", "", Session())["methods_face"]
    assert "no face yet" in lacking and text.TO_STUDIO in lacking
    view = arrival(studio, "", WORDS, session)
    assert view["methods_prompt"] == WORDS and "<img" in view["methods_face"]
    assert "methods_prompt" not in arrival(studio, "red lips", WORDS, session)
