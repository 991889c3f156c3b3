"""What a user may type, and what is refused before any model is loaded."""

from __future__ import annotations

import math

import pytest

from mcaclip import validate
from mcaclip.errors import PromptError, StudioError


def test_prompt_loses_extra_spaces():
    assert validate.clean_prompt("  green \n lipstick ") == "green lipstick"


@pytest.mark.parametrize("text", [None, "", " \t\n"])
def test_empty_prompt_is_refused(text):
    with pytest.raises(PromptError, match="empty"):
        validate.clean_prompt(text)


def test_prompt_length_limit_is_exact():
    assert len(validate.clean_prompt("x" * 200)) == 200
    with pytest.raises(PromptError, match="201"):
        validate.clean_prompt("x" * 201)


def test_several_prompts_are_refused_because_edits_cannot_be_combined():
    assert validate.single_prompt(["blue goatee"]) == "blue goatee"
    with pytest.raises(PromptError, match="combined"):
        validate.single_prompt(["blue goatee", "purple hair"])


@pytest.mark.parametrize("strength", [-0.01, 2.01, math.nan, math.inf])
def test_strength_outside_its_range_is_refused(strength):
    with pytest.raises(StudioError, match="strength"):
        validate.check_strength(strength)


@pytest.mark.parametrize("threshold", [-0.1, 0.96, 1.0, math.nan])
def test_threshold_outside_its_range_is_refused(threshold):
    with pytest.raises(StudioError, match="threshold"):
        validate.check_threshold(threshold)


def test_limits_themselves_are_accepted():
    assert [validate.check_strength(value) for value in (0.0, 2.0)] == [0.0, 2.0]
    assert [validate.check_threshold(value) for value in (0.0, 0.95)] == [0.0, 0.95]


def test_efforts_are_known_by_name():
    assert [validate.check_effort(effort) for effort in validate.EFFORTS] == ["instant", "good", "best"]
    with pytest.raises(StudioError, match="instant, good, best"):
        validate.check_effort("fast")
