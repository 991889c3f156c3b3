"""Values of the controls, paint from the browser, suggestions."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mcaclip.errors import StudioError
from mcaclip.types import EditSettings, PromptStrength
from mcaclip.ui.display.painting import CANVAS, EXCLUDE_COLOUR, INCLUDE_COLOUR, paint_of, strokes_of
from mcaclip.ui.state.controls import Controls, mode_of, suggestions
from tests.helpers.anything import ANY_TEXT, JSON
from tests.helpers.painted import data_url


def test_values_come_in_the_order_of_the_page():
    found = Controls.of(["a and b", 1.0, 0.5, None, 2.0, 0.3, 4, 0.8, True, "universal"])
    assert found == Controls("a and b", (1.0, 0.5, 0.0, 2.0), 0.3, 4.0, 0.8, True, "universal")
    assert (mode_of("automatic"), mode_of(None), mode_of("fitted")) == (None, None, "fitted")
    settings = found.settings("b", None)
    assert settings.parts == (PromptStrength("b", 1.0),), "the strength of the words is theirs, not a slider's"
    assert (settings.mask_threshold, settings.mask_feather, settings.mask_invert) == (0.3, 4.0, True)
    assert settings.mode == "universal" and settings.likeness == 0.8


@pytest.mark.parametrize(
    "changed",
    [
        {0: 5},
        {1: 2.5},
        {1: "much"},
        {1: float("nan")},
        {5: 0.99},
        {6: 99},
        {7: 1.1},
        {9: "magic"},
    ],
)
def test_bad_values_are_refused(changed):
    values = ["a", 1.0, 1.0, 1.0, 1.0, 0.0, 0, 0.5, False, "automatic"]
    assert Controls.of(values).prompt == "a"
    with pytest.raises(StudioError):
        Controls.of([changed.get(place, value) for place, value in enumerate(values)])


@given(st.lists(ANY_TEXT | JSON, min_size=10, max_size=10), ANY_TEXT)
def test_any_values_are_settings_or_refused(values, words):
    with contextlib.suppress(StudioError):
        Controls.of(values).settings(words, None)


@pytest.mark.parametrize("words", ["", " ", "x" * 201])
def test_words_that_are_no_prompt_are_refused(words):
    with pytest.raises(StudioError):
        Controls().settings(words, None)


def test_sliders_change_strengths_but_never_what_is_asked_for():
    shown = EditSettings("green lipstick", 1.0, more=(PromptStrength("purple hair", 1.0),))
    moved = Controls("a new wish", (0.3,), feather=2.0, mode="fitted").changed(shown)
    assert moved.parts == (PromptStrength("green lipstick", 0.3), PromptStrength("purple hair", 1.0))
    assert moved.mask_feather == 2.0 and moved.mode is None
    assert moved == Controls("", (0.3, 1.0, 0.7, 0.7), feather=2.0).changed(moved), "all else stays"


def test_suggestions_name_the_same_part_first():
    fitted = ("green lipstick", "blue goatee", "purple hair")
    assert suggestions("red lips", fitted)[0] == "green lipstick"
    assert suggestions("blue hair", fitted)[0] == "purple hair"
    assert suggestions("xyzzy", fitted) == []


@settings(deadline=None, max_examples=20)
@given(st.integers(40, 900), st.integers(40, 900))
def test_paint_of_any_size_fits_the_face(height, width):
    layer = np.zeros((height, width, 4), np.uint8)
    layer[: height // 2] = (*INCLUDE_COLOUR, 255)
    layer[height // 2 :, : width // 2] = (*EXCLUDE_COLOUR, 255)
    paint = paint_of(data_url(layer))
    assert paint.include.shape == paint.allow.shape == (1, CANVAS, CANVAS)
    assert abs(float(paint.include.mean()) - 0.5) < 0.03
    assert abs(float(1 - paint.allow.mean()) - 0.25) < 0.03


def test_faint_or_no_strokes_are_no_paint():
    faint = np.zeros((64, 64, 4), np.uint8)
    faint[..., :3], faint[..., 3] = INCLUDE_COLOUR, 60
    assert paint_of(None) is None and paint_of("") is None
    assert paint_of(data_url(faint)) is None


def test_painting_is_drawn_again_as_it_was():
    layer = np.zeros((CANVAS, CANVAS, 4), np.uint8)
    layer[100:200, 50:300] = (*INCLUDE_COLOUR, 255)
    layer[150:400, 200:260] = (*EXCLUDE_COLOUR, 255)
    paint = paint_of(data_url(layer))
    again = paint_of(strokes_of(paint))
    assert torch.equal(again.include, paint.include) and torch.equal(again.allow, paint.allow)


@pytest.mark.parametrize(
    "strokes", ["x", "data:image/png;base64,%%", "data:image/png;base64,AAAA", "data:image/gif;base64,"]
)
def test_a_bad_painting_is_refused(strokes):
    with pytest.raises(StudioError, match="paint again"):
        paint_of(strokes)


def test_huge_painting_is_refused_before_it_is_unpacked():
    with pytest.raises(StudioError, match="paint again"):
        paint_of(data_url(np.zeros((1, 5000, 4), np.uint8)))
