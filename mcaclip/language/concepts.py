"""The table of wishes: what people ask a face editor for, which of it can be done, and how often that works.

The wishes are in `assets/words/concepts.toml`; colours of parts, which need no entry there, are added from the nouns
of parts. How often each is fulfilled was measured and is in `assets/words/fulfilled.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import tomllib

from mcaclip.config import ASSETS
from mcaclip.errors import WeightsError
from mcaclip.language.grammar import PART_NOUNS
from mcaclip.language.word_tables import Phrases, read_words

CONCEPTS_FILE = ASSETS / "words" / "concepts.toml"
FULFILLED_FILE = ASSETS / "words" / "fulfilled.json"
PROMISED = 0.8
"""Share of photos from which on a wish is promised."""
SOMETIMES = 0.4
"""Share of photos from which on a wish is tried, with a warning."""
_PHRASES = ("things", "looks", "without", "unlike")


@dataclass(frozen=True)
class Side:
    """A wish in one direction: to have something, or to be without it.

    Attributes:
        asks: what the edit network is asked for; empty where nothing does it.
        measure: the measure of `mcaclip.evaluation.attributes` that tells whether it happened, or the part whose
            colour does; empty where nothing does.
        things: phrases for it as something that a face has.
        looks: phrases for it as what a person is.
        fulfilled: share of photos on which it happened, 0..1; None where it was not measured.
        strength: to begin with.
    """

    asks: str = ""
    measure: str = ""
    things: Phrases = ()
    looks: Phrases = ()
    fulfilled: float | None = None
    strength: float = 1.0

    @property
    def phrases(self) -> Phrases:
        """All that asks for it."""
        return (*self.things, *self.looks)

    @property
    def possible(self) -> bool:
        """Whether it can be tried."""
        return bool(self.asks) and (self.fulfilled is None or self.fulfilled >= SOMETIMES)


@dataclass(frozen=True)
class Concept:
    """One wish.

    Attributes:
        name: how it is called.
        part: for a colour, the key of `PART_NOUNS`; else empty.
        wanted: its direction as named.
        unwanted: the opposite.
    """

    name: str
    part: str = ""
    wanted: Side = field(default_factory=Side)
    unwanted: Side = field(default_factory=Side)

    @property
    def sides(self) -> tuple[tuple[int, Side], ...]:
        """Both directions, each behind its sign."""
        return (1, self.wanted), (-1, self.unwanted)

    def side(self, sign: int) -> Side:
        """The direction of a sign, 1 or -1."""
        return self.wanted if sign > 0 else self.unwanted


@cache
def concepts() -> Mapping[str, Concept]:
    """Every wish by name, the colours of parts first.

    Raises:
        WeightsError: a file of the table is missing or damaged.
    """
    try:
        table = tomllib.loads(CONCEPTS_FILE.read_text(encoding="utf-8"))
        raw, strengths = table["concept"], table["colour_strength"]
        fulfilled = json.loads(FULFILLED_FILE.read_text(encoding="utf-8"))["share"]
        own = frozenset(phrase for row in raw for kind in _PHRASES for phrase in row.get(kind, ()))
        rows = [_colour(part, strengths.get(part, 1.0), fulfilled) for part in PART_NOUNS]
        rows += [_concept(row, fulfilled, own) for row in raw]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"the table of wishes cannot be read ({error}): restore assets/words from git") from error
    return MappingProxyType({concept.name: concept for concept in rows})


@cache
def named_wishes() -> Mapping[str, tuple[str, int]]:
    """From each phrase of the table, without an article, to the wish that it names and its sign; colours have none.

    What stands for several wishes names the first of them; phrases come before what the edit network is asked for.
    """
    sides = [(concept, sign, side) for concept in concepts().values() for sign, side in concept.sides]
    named = [(phrase, concept.name, sign) for concept, sign, side in sides for phrase in side.phrases]
    named += [(side.asks, concept.name, sign) for concept, sign, side in sides if side.asks and not concept.part]
    return MappingProxyType({bare(phrase): (name, sign) for phrase, name, sign in reversed(named)})


@cache
def things() -> frozenset[str]:
    """Phrases, without an article, for things that a face may have; not for what a person is or does ("smile")."""
    sides = [side for concept in concepts().values() for _, side in concept.sides]
    looks = {bare(phrase) for side in sides for phrase in side.looks}
    return frozenset(bare(phrase) for concept in concepts().values() for phrase in concept.wanted.things) - looks


def bare(text: str) -> str:
    """A text in small letters, without an article or possessive before it."""
    return re.sub(r"^(?:a|an|the|his|her|their|my|some)\s+", "", " ".join(text.lower().split()))


def _colour(part: str, strength: float, fulfilled: Mapping[str, float]) -> Concept:
    name = f"colour of {part}"
    return Concept(name, part, Side(PART_NOUNS[part][0], part, (), (), fulfilled.get(name), strength))


def _concept(row: dict[str, Any], fulfilled: Mapping[str, float], own: frozenset[str]) -> Concept:
    """One entry of the file; `own`: the file's phrases, which no table of states gives to another entry."""
    name, state, character = row["name"], row.get("state"), row.get("character")
    characters = read_words("characters")["usual"][character] if character else ()

    def side(asks: str, measure: str, kinds: tuple[str, str], key: str, share: str, strength: float) -> Side:
        things, looks = (
            (*row.get(kind, ()), *(phrase for phrase in _of_state(table, key) if phrase not in own))
            for kind, table in zip(kinds, ("states", "people"), strict=True)
        )
        return Side(row.get(asks, ""), row.get(measure, ""), things, looks, fulfilled.get(share), strength)

    strength = row.get("strength", 1.0)
    wanted = side("asks", "measure", _PHRASES[:2], state or "", name, strength)
    undo_strength = row.get("undo_strength", strength)
    unwanted = side("undoes", "undone", _PHRASES[2:], f"not {state}", f"no {name}", undo_strength)
    return Concept(name, "", replace(wanted, things=(*wanted.things, *characters)), unwanted)


@cache
def _of_state(table: str, state: str) -> Phrases:
    """The usual and the rarer phrases for a state of captions; none for a name that is no state."""
    tables = [read_words(table)[words] for words in ("usual", "more")]
    found = [one["adjectives"] if table == "people" else one for one in tables]
    return tuple(phrase for one in found for phrase in one.get(state, ()))
