"""The table of wishes."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mcaclip.errors import WeightsError
from mcaclip.evaluation.attributes import ATTRIBUTES
from mcaclip.language import concepts as table
from mcaclip.language.concepts import concepts
from mcaclip.language.grammar import PART_NOUNS

MEASURES = {one.name for one in ATTRIBUTES}


def sides():
    return [(concept.name, side) for concept in concepts().values() for side in (concept.wanted, concept.unwanted)]


def test_every_part_has_a_wish_for_its_colour():
    assert {one.part for one in concepts().values() if one.part} == set(PART_NOUNS)


def test_measures_exist_and_belong_to_what_can_be_asked_for():
    for name, side in sides():
        if side.measure and side.measure not in PART_NOUNS:
            assert side.measure in MEASURES and side.asks, name


def test_every_wish_has_words_and_no_words_mean_two_wishes():
    for concept in concepts().values():
        assert concept.part or concept.wanted.things or concept.wanted.looks, concept.name
    counts = Counter(phrase for _, side in sides() for phrase in {*side.things, *side.looks})
    assert [phrase for phrase, count in counts.items() if count > 1] == []


def test_what_was_measured_belongs_to_a_wish():
    names = {f"{no}{name}" for name in concepts() for no in ("", "no ")}
    measured = json.loads(table.FULFILLED_FILE.read_text(encoding="utf-8"))
    assert set(measured["share"]) <= names and all(0 <= share <= 1 for share in measured["share"].values())


def test_a_damaged_table_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "concepts.toml"
    broken.write_text("[[concept]]\nthings = []")
    monkeypatch.setattr(table, "CONCEPTS_FILE", broken)
    with pytest.raises(WeightsError, match="table of wishes"):
        table.concepts.__wrapped__()
