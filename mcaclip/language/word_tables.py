"""Reads the word lists and phrase tables of `assets/words/`; random draws depend on the order of their entries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tomllib

from mcaclip.config import ASSETS

Phrases = tuple[str, ...]
Table = Mapping[str, Phrases]


def read_words(subject: str) -> dict[str, Any]:
    """The tables of `assets/words/{subject}.json`, with tuples for its lists; "about" says what they hold."""
    text = (ASSETS / "words" / f"{subject}.json").read_text(encoding="utf-8")
    return json.loads(text, object_hook=_with_tuples)


def read_wishes() -> dict[str, Any]:
    """The tables of `assets/words/wishes.toml`: sentences around a wish, and words for a part and its colour."""
    return tomllib.loads((ASSETS / "words" / "wishes.toml").read_text(encoding="utf-8"))


SENTENCES = (
    *("with_thing", "without_thing", "being", "not_being", "coloured", "not_coloured", "little", "strong", "keeping"),
    *("comparative", "years", "years_less", "years_more"),
)
"""The shapes of `wishes.toml` that say a wish."""


def wish_sentences() -> tuple[str, ...]:
    """The English sentences around a wish; not what people say beside it."""
    wishes = read_wishes()
    return tuple(sentence for shape in SENTENCES for sentence in wishes[shape])


def _with_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
