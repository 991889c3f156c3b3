"""Phrases of the tables in a prompt: what stays whole ("salt and pepper hair"), and several side by side."""

from __future__ import annotations

import re
from functools import cache

from mcaclip.language.colours import names_by_words, plain
from mcaclip.language.concepts import bare, named_wishes, things
from mcaclip.language.grammar import BETWEEN, COLLOQUIAL_NOUNS, MORE_NOUNS, PART_NOUNS, is_coloured_part
from mcaclip.language.word_tables import read_wishes

_WITHOUT = re.compile(r"^(?:no|without|remove)\s+")


@cache
def whole_phrases() -> re.Pattern[str]:
    """Finds them in a prompt, the longest first, however their words are joined ("salt & pepper")."""
    tables = (PART_NOUNS, MORE_NOUNS, COLLOQUIAL_NOUNS)
    nouns = [noun for table in tables for names in table.values() for noun in names]
    alone = [phrase for phrases in read_wishes()["alone"].values() for phrase in phrases]
    phrases = {plain(phrase) for phrase in (*nouns, *alone, *names_by_words(), *named_wishes())}
    whole = sorted((phrase for phrase in phrases if BETWEEN.search(phrase)), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(_joined, whole))})\b", re.IGNORECASE)


def in_a_row(text: str) -> tuple[str, ...]:
    """The things and coloured parts that a text consists of, where they are several: "no glasses no beard".

    A removal goes on: "remove beard glasses" removes both.
    """
    found: list[str] = []
    for phrase in _row(text.split()) or ():
        goes_on = found and _WITHOUT.match(found[-1]) and bare(phrase) in things()
        found.append(f"no {phrase}" if goes_on else phrase)
    return tuple(found) if len(found) > 1 else (text,)


def _row(words: list[str]) -> tuple[str, ...] | None:
    """The named phrases that words consist of, the longest first; None where they do not."""
    if not words:
        return ()
    for end in range(len(words), 0, -1):
        phrase = " ".join(words[:end])
        if _is_named(phrase) and (after := _row(words[end:])) is not None:
            return (phrase, *after)
    return None


def _is_named(text: str) -> bool:
    """Whether a text names a thing to have or to be without, or a coloured part."""
    wanted = bare(text)
    return bare(_WITHOUT.sub("", wanted)) in things() or is_coloured_part(wanted)


def _joined(phrase: str) -> str:
    """The pattern of a phrase."""
    return r"[\s,-]+".join(r"(?:and|&)" if word == "and" else re.escape(word) for word in phrase.split())
