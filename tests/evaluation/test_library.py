from __future__ import annotations

import json

import pytest

from mcaclip.errors import WeightsError
from mcaclip.evaluation.library import Entry, read_library, recipes_of


def test_entries_are_read_with_their_strengths_and_recipes(tmp_path):
    rows = [
        {"prompt": "green lipstick", "category": "Lips", "strength": [0.5, 1.4], "best": 0.9},
        {"prompt": "Joker", "category": "Characters", "recipe": [["green hair", 1.0]], "strength": [0, 1], "best": 1},
    ]
    file = tmp_path / "prompts.json"
    file.write_text(json.dumps(rows))
    entries = read_library(file)
    assert entries == (Entry("green lipstick", 0.9), Entry("Joker", 1.0, (("green hair", 1.0),)))
    assert recipes_of(entries) == {"joker": (("green hair", 1.0),)}


def test_without_a_file_there_is_no_library(tmp_path):
    assert read_library(tmp_path / "prompts.json") == ()


@pytest.mark.parametrize("text", ["{", '["green lipstick"]', '[{"prompt": "x"}]', "3"])
def test_a_damaged_file_is_refused(tmp_path, text):
    file = tmp_path / "prompts.json"
    file.write_text(text)
    with pytest.raises(WeightsError, match="restore the file from git"):
        read_library(file)
