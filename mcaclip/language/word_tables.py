"""Reads the word lists and phrase tables of `assets/words/`; random draws depend on the order of their entries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcaclip.config import ASSETS

Phrases = tuple[str, ...]
Table = Mapping[str, Phrases]


def read_words(subject: str) -> dict[str, Any]:
    """The tables of `assets/words/{subject}.json`, with tuples for its lists; "about" says what they hold."""
    text = (ASSETS / "words" / f"{subject}.json").read_text(encoding="utf-8")
    return json.loads(text, object_hook=_with_tuples)


def _with_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
