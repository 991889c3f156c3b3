"""What a user may type, and what is refused before any model is loaded."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcaclip import validate
from mcaclip.errors import PromptError, StudioError
from tests.helpers.anything import ANY_TEXT, JSON


def test_prompt_loses_extra_spaces():
    assert validate.clean_prompt("  green \n lipstick ") == "green lipstick"


@pytest.mark.parametrize("text", [None, "", " \t\n"])
def test_empty_prompt_is_refused(text):
    with pytest.raises(PromptError, match="empty"):
        validate.clean_prompt(text)


@pytest.mark.parametrize(
    "text", ["😀", "💄💄 ❤️", "зелёная помада", "緑の口紅", "أحمر شفاه", "123 !?", "\x00\x07", "\u200b"]
)
def test_prompt_without_latin_letters_says_what_to_do(text):
    with pytest.raises(PromptError, match=r"no words in Latin letters.*English"):
        validate.clean_prompt(text)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("green lipstick 😀", "green lipstick"),
        ("green💄lipstick", "green lipstick"),
        ("👩🏽\u200d🦰 red hair ❤️ 1️⃣", "red hair 1"),
        ("green\x00lip\u00adstick\x1b[31m", "green lipstick [31m"),
        ("\u202egreen lipstick\u202c", "green lipstick"),
        ("bad \udcff byte", "bad byte"),
        ("ｇｒｅｅｎ 𝓵𝓲𝓹𝓼", "green lips"),
        ("cafe\u0301 brows", "café brows"),
        ("зелёная lipstick", "зелёная lipstick"),
        ("blue & green (50 %) ~lips^", "blue & green (50 %) ~lips^"),
    ],
)
def test_what_no_model_reads_is_left_out_and_words_stay(text, prompt):
    assert validate.clean_prompt(text) == prompt


def test_two_thousand_characters_are_refused_whatever_they_are():
    with pytest.raises(PromptError, match="2000 characters"):
        validate.clean_prompt("x" * 2000)
    with pytest.raises(PromptError, match="Latin"):
        validate.clean_prompt("😀" * 2000)


def test_prompt_length_limit_is_exact():
    assert len(validate.clean_prompt("x" * 200)) == 200
    with pytest.raises(PromptError, match="201"):
        validate.clean_prompt("x" * 201)


def test_prompts_carry_their_strength_after_a_colon():
    assert validate.split_prompts(["green lips", "purple hair: 0.7"], 1.2) == [
        ("green lips", 1.2),
        ("purple hair", 0.7),
    ]
    assert validate.split_prompts(["a: b"], 1.0) == [("a: b", 1.0)], "a colon without a number belongs to the words"


@pytest.mark.parametrize("prompts", [None, [], [":0.5"], ["a:2.5"], ["a", "A:0.5"], ["a", "b", "c", "d", "e"]])
def test_bad_compositions_are_refused(prompts):
    with pytest.raises(StudioError):
        validate.split_prompts(prompts, 1.0)


RANGES = {"strength": (0.0, 2.0), "threshold": (0.0, 0.95), "feather": (0.0, 16.0)}


@pytest.mark.parametrize("name", RANGES)
def test_a_number_is_in_its_range_limits_included(name):
    check, (low, high) = getattr(validate, f"check_{name}"), RANGES[name]
    assert [check(value) for value in (low, high)] == [low, high]
    for value in (low - 0.01, high + 0.01, math.nan, math.inf):
        with pytest.raises(StudioError, match=name):
            check(value)


def test_efforts_are_known_by_name():
    assert [validate.check_effort(effort) for effort in validate.EFFORTS] == ["instant", "good", "best"]
    with pytest.raises(StudioError, match="instant, good, best"):
        validate.check_effort("fast")


@given(st.lists(ANY_TEXT, max_size=5))
def test_any_words_are_prompts_or_refused(texts):
    with contextlib.suppress(StudioError):
        for prompt, strength in validate.split_prompts(texts, 1.0):
            assert prompt.isprintable() and 0 <= strength <= validate.MAX_STRENGTH


@given(JSON, st.sampled_from(["strength", "threshold", "feather", "likeness", "effort", "mode"]))
def test_any_value_is_taken_or_refused(value, name):
    with contextlib.suppress(StudioError):
        getattr(validate, f"check_{name}")(value)
