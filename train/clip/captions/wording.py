"""The words of captions, and phrases that no face edit could follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mcaclip.language.grammar import MORE_NOUNS, PART_NOUNS
from mcaclip.language.word_tables import Phrases, Table, read_words

StateTable = Mapping[tuple[str, int], Phrases]


@dataclass(frozen=True)
class Wording:
    """Phrases to choose from for everything that a caption can say.

    Attributes:
        nouns: by part.
        states: what a face has, by state and sign.
        subjects: nouns for a person, by the sign of the state "male" or 0.
        adjectives: of a person, by state and sign.
        patterns: by pattern, in the pattern's own colour.
        coloured_patterns: by pattern, with a place for a colour.
        characters: by character.
        finishes: by finish.
        sentences: by kind, see `sentences.json`.
    """

    nouns: Table
    states: StateTable
    subjects: Mapping[int, Phrases]
    adjectives: StateTable
    patterns: Table
    coloured_patterns: Table
    characters: Table
    finishes: Table
    sentences: Table

    def tables(self) -> dict[str, Mapping[Any, Phrases]]:
        """All tables by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _read_wording(vocabulary: str, nouns: Table) -> Wording:
    """One of the vocabularies "usual", "more" and "held_out"."""
    states, people, patterns, characters, finishes, sentences = (
        read_words(subject)[vocabulary]
        for subject in ("states", "people", "patterns", "characters", "finishes", "sentences")
    )
    return Wording(
        nouns=nouns,
        states=_by_sign(states),
        subjects={sign: people["subjects"][name] for sign, name in ((0, "person"), (1, "man"), (-1, "woman"))},
        adjectives=_by_sign(people["adjectives"]),
        patterns=patterns["plain"],
        coloured_patterns=patterns["coloured"],
        characters=characters,
        finishes=finishes,
        sentences=sentences,
    )


def _by_sign(table: Table) -> StateTable:
    """A table whose keys are states, or "not" and a state."""
    return {(key.removeprefix("not "), -1 if key.startswith("not ") else 1): words for key, words in table.items()}


def _joined(one: Mapping[Any, Phrases], other: Mapping[Any, Phrases]) -> dict[Any, Phrases]:
    return {key: (*one.get(key, ()), *other.get(key, ())) for key in dict.fromkeys((*one, *other))}


_NOUNS = read_words("caption_nouns")
HELD_OUT_NOUNS: Table = _NOUNS["held_out"]
"""Nouns of `PART_NOUNS` that training never says."""
SINGULAR = frozenset(_NOUNS["singular"])
"""Nouns that take an article."""
PLURAL = frozenset(_NOUNS["plural"])
PARTICIPLES: Table = _NOUNS["participles"]
"""How a part gets its colour: dyed, painted and so on."""
COLOURED: Phrases = ("coloured",)
"""The same for a part that has no words of its own."""
USUAL = _read_wording(
    "usual",
    {part: tuple(n for n in nouns if n not in HELD_OUT_NOUNS.get(part, ())) for part, nouns in PART_NOUNS.items()},
)
MORE = _read_wording("more", MORE_NOUNS)
"""Synonyms, none of which is held out or stands in the wordings of the report."""
WIDER = Wording(**{name: _joined(table, MORE.tables()[name]) for name, table in USUAL.tables().items()})
HELD_OUT = _read_wording("held_out", HELD_OUT_NOUNS)
VIVID: Phrases = read_words("finishes")["vivid"]
"""Adjectives of vivid colours."""
OUTSIDE_PHRASES: Phrases = tuple(p for phrases in read_words("familiarity")["unknown"].values() for p in phrases)
"""Phrases that ask for nothing a face edit could do."""
