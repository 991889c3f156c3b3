"""Phrases of the tables that hold a word which separates changes elsewhere: "salt and pepper hair"."""

from __future__ import annotations

import re
from functools import cache

from mcaclip.language.colours import names_by_words, plain
from mcaclip.language.concepts import named_wishes
from mcaclip.language.grammar import BETWEEN, COLLOQUIAL_NOUNS, MORE_NOUNS, PART_NOUNS
from mcaclip.language.word_tables import read_wishes


@cache
def whole_phrases() -> re.Pattern[str]:
    """Finds them in a prompt, the longest first, however their words are joined ("salt & pepper")."""
    tables = (PART_NOUNS, MORE_NOUNS, COLLOQUIAL_NOUNS)
    nouns = [noun for table in tables for names in table.values() for noun in names]
    alone = [phrase for phrases in read_wishes()["alone"].values() for phrase in phrases]
    phrases = {plain(phrase) for phrase in (*nouns, *alone, *names_by_words(), *named_wishes())}
    whole = sorted((phrase for phrase in phrases if BETWEEN.search(phrase)), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(_joined, whole))})\b", re.IGNORECASE)


def _joined(phrase: str) -> str:
    """The pattern of a phrase."""
    return r"[\s,-]+".join(r"(?:and|&)" if word == "and" else re.escape(word) for word in phrase.split())
