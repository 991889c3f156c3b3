"""The prompt library's file."""

from __future__ import annotations

import json

import pytest

from mcaclip.editing.prompts import find_meaning, find_prompt, load_prompts
from mcaclip.errors import WeightsError
from mcaclip.language.wishes import plain_wish

GOOD = {"prompt": "green skin", "category": "Skin", "strength": [0.5, 1.2], "best": 0.9}


def write(tmp_path, *entries):
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(list(entries)))
    return path


def test_what_stands_in_the_file_comes_back(tmp_path):
    recipe = [["green skin", 0.8], ["red eyes", 1.2]]
    zombie = {**GOOD, "prompt": "zombie", "recipe": recipe, "mode": "fitted"}
    skin, made = load_prompts(write(tmp_path, GOOD, zombie))
    assert (skin.prompt, skin.category, skin.strength, skin.best, skin.mode) == (
        "green skin", "Skin", (0.5, 1.2), 0.9, None,
    )  # fmt: skip
    assert made.recipe == (("green skin", 0.8), ("red eyes", 1.2)) and made.mode == "fitted"
    assert made.meaning is None and skin.meaning is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"best": 1.3}, "best is 1.3"),
        ({"best": True}, "best is no number"),
        ({"strength": [1.2, 0.5]}, "highest strength is 0.5"),
        ({"strength": 1}, "lowest, highest"),
        ({"strength": [0, 3]}, "outside"),
        ({"mode": "magic"}, "mode is 'magic'"),
        ({"prompt": " "}, "prompt is empty"),
        ({"prompt": 7}, "prompt is no text"),
        ({"category": ""}, "category"),
        ({"colour": "green"}, "unknown field colour"),
        ({"recipe": [["red eyes"]]}, "prompt, factor"),
        ({"recipe": [["red eyes", 0]]}, "factor of 'red eyes'"),
        ({"recipe": [["red eyes", 1], ["Red  eyes", 1]]}, "twice"),
        ({"recipe": [[f"{c} eyes", 1] for c in ("red", "blue", "pink", "grey", "green")]}, "at most 4"),
    ],
)
def test_a_bad_entry_is_named_with_what_is_wrong(tmp_path, change, words):
    with pytest.raises(WeightsError, match="entry 2") as error:
        load_prompts(write(tmp_path, {**GOOD, "prompt": "red eyes"}, {**GOOD, **change}))
    assert words in str(error.value)


def test_a_missing_field_a_repeated_prompt_and_a_recipe_of_a_recipe_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="no best, strength"):
        load_prompts(write(tmp_path, {"prompt": "a hat", "category": "Other"}))
    with pytest.raises(WeightsError, match="there already"):
        load_prompts(write(tmp_path, GOOD, {**GOOD, "prompt": "a Green skin"}))
    one = {**GOOD, "prompt": "zombie", "recipe": [["green skin", 1]]}
    two = {**GOOD, "prompt": "party", "recipe": [["zombie", 1]]}
    with pytest.raises(WeightsError, match="is a recipe itself"):
        load_prompts(write(tmp_path, one, two))


@pytest.mark.parametrize("content", ["{", "{}", '"a"', "[3]"])
def test_what_is_no_library_is_refused(tmp_path, content):
    (tmp_path / "prompts.json").write_text(content)
    with pytest.raises(WeightsError, match="git checkout"):
        load_prompts(tmp_path / "prompts.json")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_prompts(tmp_path / "absent.json")


def test_an_entry_is_found_by_its_words_or_by_part_and_colour(tmp_path):
    entries = load_prompts(write(tmp_path, GOOD, {**GOOD, "prompt": "an old face"}))
    assert find_prompt(entries, "a photo of an old woman").prompt == "an old face"
    assert find_prompt(entries, "green complexion") is None
    assert find_meaning(entries, "green complexion").prompt == "green skin"
    assert find_meaning(entries, "old") is None


def test_the_shipped_library_is_usable_and_of_known_words():
    entries = load_prompts()
    assert len(entries) >= 24 and len({entry.category for entry in entries}) >= 4
    for entry in entries:
        for words in [name for name, _ in entry.recipe] or [entry.prompt]:
            wish = plain_wish(words)
            assert wish is not None, "its words are what the network is asked for"
            assert not wish.problem, "a card is offered only for what works"
