"""The room Vote: a comparison without names, a vote, and what it adds up to."""

from __future__ import annotations

import base64
import re

import pytest

from mcaclip.errors import StudioError
from mcaclip.evaluation.vote import CRITERIA
from mcaclip.methods.base import METHODS
from mcaclip.ui.lab.compare import CompareHandlers
from mcaclip.ui.lab.vote import CHOICES, asked, cast
from mcaclip.ui.state.session import Session
from tests.helpers.fake_methods import FakeMethods, made_row

WORDS = "purple hair"
NAMES = ["mca", "cf-clip", "mca-universal"]
ROWS = [made_row(name, WORDS) for name in NAMES]
LETTERS = ["A", "B", "C"] * 3


def test_a_comparison_is_shown_without_names_when_it_is_done(studio, editor):
    session = Session(inversion=editor.sample(1))
    *earlier, last = CompareHandlers(studio, FakeMethods).run(NAMES, WORDS, session)
    assert not any("vote_question" in view for view in earlier)
    shown = last["vote_pictures"]
    assert shown.count("<img") == 4 and WORDS in last["vote_line"]
    assert not any(METHODS[name].title in shown or name in shown for name in NAMES)
    assert sorted(last["vote_question"].methods) == sorted(NAMES)
    assert [last[name]["choices"] for name in CHOICES] == [["A", "B", "C"]] * 9
    assert last["vote_panel"]["visible"] and last["vote_cast"]["interactive"]


def test_two_pictures_have_two_places_and_one_has_no_vote():
    shown = [asked(WORDS, ROWS[:2])[name]["visible"] for name in CHOICES]
    assert shown == [True, True, False] * 3
    assert asked(WORDS, ROWS[:1]) == {}
    view = asked(WORDS, ROWS[:2])
    assert cast(view["vote_question"], (), *["A", "B", None] * 3)["vote_ballots"]


def test_a_vote_line_the_methods_and_adds_to_the_table():
    question = asked(WORDS, ROWS)["vote_question"]
    view = cast(question, (), *LETTERS)
    assert f"A is {METHODS[question.methods[0]].title}" in view["vote_line"]
    assert view["vote_question"] is None and not view["vote_cast"]["interactive"]
    assert view["vote_table"].index(METHODS[question.methods[0]].title) < view["vote_table"].index("2.00")
    later = cast(asked(WORDS, ROWS)["vote_question"], view["vote_ballots"], *LETTERS)
    assert len(later["vote_ballots"]) == 2 and "[" in later["vote_table"] and "[" not in view["vote_table"]
    data = base64.b64decode(re.search(r"base64,([^\"]+)", later["vote_table"])[1]).decode()
    assert len(data.splitlines()) == 1 + 2 * len(CRITERIA) * len(NAMES)


def test_what_is_no_vote_is_refused_and_nothing_is_counted():
    question = asked(WORDS, ROWS)["vote_question"]
    for letters in ([None] * 9, ["A", "A", "B"] * 3, [*LETTERS[:8], "Z"], [["A"], 1, {}] * 3, []):
        with pytest.raises(StudioError, match="picture"):
            cast(question, (), *letters)
    with pytest.raises(StudioError, match="nothing to vote on"):
        cast(None, (), *LETTERS)


def test_what_a_visitor_typed_is_no_markup():
    assert "<script>" not in asked("<script>", ROWS)["vote_line"]
