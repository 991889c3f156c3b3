"""The words of a prompt: which part of the face, which colour.

One vocabulary serves the captions for FaceCLIP, the losses that need the parser ("green lipstick" acts on the lips
and should turn them green), and the evaluation of a prompt's hit rate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from mcaclip.language.colours import names_by_words, plain
from mcaclip.language.word_tables import Table, read_words

_NOUNS: Mapping[str, Table] = read_words("nouns")

PART_NOUNS = _NOUNS["usual"]
"""Usual nouns, the commonest first. Most parts are regions (`mcaclip.perception.regions`)."""
MORE_NOUNS = _NOUNS["more"]
"""Rarer nouns."""
COLLOQUIAL_NOUNS = _NOUNS["colloquial"]
"""Colloquial, literary and trade nouns, which only the reader of prompts learns."""

BETWEEN = re.compile(
    r"\s*(?:[,;+&]|[.!?]+(?=\s))\s*(?:(?:and|or|with|plus|but|then|also)\s+)*"
    r"|\s+(?:and|or|with|plus|but|then|und|et|y|e)\s+(?:(?:then|also)\s+)?",
    re.IGNORECASE,
)
"""What separates two changes."""
_TOO = re.compile(r"(?<!not )(?<!nothing )\btoo\s+(?:(?:much|many)\b\s*)?(?=\S)|\btoo (?:much|many)$", re.IGNORECASE)
_TOO_LITTLE = re.compile(r"\b(?:too (?:few|little)|not enough|hardly any)\b", re.IGNORECASE)
_OWNED = re.compile(r"^(?:(?:make|paint|dye|colour|color|turn)\s+)?(?:(?:the|my|her|his|their)\s+)?")
"""What may stand before a part that shares the colour of its neighbour."""


@dataclass(frozen=True)
class Meaning:
    """The part and colour that a prompt asks for.

    Attributes:
        part: a key of `PART_NOUNS`.
        colour: a name that `mcaclip.language.colours` knows.
    """

    part: str
    colour: str


@dataclass(frozen=True)
class _Mention:
    start: int
    end: int
    kind: str
    name: str


def understand(prompt: str) -> Meaning | None:
    """The part and colour that a prompt names; None where one of them is missing or outside the vocabulary.

    Of several parts and colours it takes the closest pair, and prefers a colour in front of its noun.
    """
    found = list(_mentions(plain(prompt)))
    pairs = [(c, p) for c in found if c.kind == "colour" for p in found if p.kind == "part"]
    if not pairs:
        return None
    colour, part = min(pairs, key=lambda pair: _distance(*pair))
    return Meaning(part.name, colour.name)


def parts_in(prompt: str) -> frozenset[str]:
    """All parts that a prompt names, with or without a colour: keys of `PART_NOUNS`."""
    return frozenset(mention.name for mention in _mentions(plain(prompt)) if mention.kind == "part")


def wanting_more(text: str) -> str:
    """A text that misses something, in words that ask for it: "not enough freckles"; others as they are."""
    return _TOO_LITTLE.sub("more", text)


def without_complaint(text: str) -> str:
    """A text that complains, without the word that does so: "too old", "too many wrinkles"; others as they are."""
    return " ".join(_TOO.sub("", text).split())


def complains(text: str) -> bool:
    """Whether a text says that something is too much."""
    return _TOO.search(text) is not None


def is_coloured_part(text: str) -> bool:
    """Whether a text is a colour and a part, in either order, and nothing else: "green lipstick"."""
    words = plain(text)
    found = sorted(_mentions(words), key=lambda mention: mention.start)
    whole = len(found) == 2 and found[0].start == 0 and found[1].end == len(words) == len(text.strip())
    return whole and {one.kind for one in found} == {"colour", "part"} and found[0].end + 1 == found[1].start


def begins_with_name(text: str) -> bool:
    """Whether the first words of a text name a part or a colour."""
    return any(mention.start == 0 for mention in _mentions(plain(text)))


def colours_in(text: str) -> tuple[str, ...]:
    """All colours that a text names, in its order."""
    found = [mention for mention in _mentions(plain(text)) if mention.kind == "colour"]
    return tuple(mention.name for mention in sorted(found, key=lambda mention: mention.start))


def without_colour(text: str) -> str:
    """A text without the colours that it names: "full red lips" are full lips."""
    words = plain(text)
    for mention in sorted(_mentions(words), key=lambda one: -one.start):
        if mention.kind == "colour":
            words = words[: mention.start] + words[mention.end :]
    return " ".join(words.split())


def split_changes(
    prompt: str,
    known: Callable[[str], bool] = lambda text: False,
    wished: Callable[[str], bool] = lambda text: False,
    whole: re.Pattern[str] | None = None,
) -> tuple[str, ...]:
    """The changes that a prompt asks for, one text each: "green lips and pink eyebrows" are two.

    It is split only between texts that have a meaning by themselves, so "black and white hair" stays one.

    Args:
        prompt: the words.
        known: whether a text without a part and colour asks for a change by itself ("zombie").
        wished: the same for free words ("no glasses"). It is not asked of texts beside "with", since in "a man with
            glasses" the man is no change.
        whole: finds phrases that are not split.

    Returns:
        At least one text, in the order of the prompt.
    """
    pieces = [
        (between, alone)
        for between, piece in _pieces(prompt, whole)
        for between, alone in _side_by_side(between, piece)
    ]
    changes: list[str] = []
    waiting = joint = ""
    for (between, piece), after in zip(pieces, [*(between for between, _ in pieces[1:]), ""], strict=True):
        so_far = f"{waiting}{between}{piece}" if waiting else piece
        shared = "" if waiting or not changes else _shared_colour(changes[-1], between, piece)
        beside_with = "with" in f"{between} {after}".lower()
        if shared and ("and" in between.lower() or not wished(piece)):
            changes.append(shared)
        elif understand(piece) or known(piece) or (not beside_with and not _only_colour(piece) and wished(piece)):
            if waiting and (shared := _shared_colour(piece, between, waiting)):
                changes.append(shared)
                so_far = piece
            changes.append(so_far)
            waiting = ""
        elif noun := _complained_of(changes[-1:], piece):  # "her hair is too dark, make it blonde"
            changes.append(f"{piece} {noun}")
        elif waiting or not changes or _only_colour(piece):  # a lone colour belongs to what follows
            joint, waiting = joint if waiting else between, so_far
        else:
            changes[-1] += between + piece
    if waiting:  # a colour that nothing follows stays where it is
        changes = [*changes[:-1], f"{changes[-1]}{joint}{waiting}"] if changes else [waiting]
    return tuple(" ".join(change.split()) for change in changes) or (prompt,)


def pieces_of(prompt: str, whole: re.Pattern[str] | None = None) -> tuple[str, ...]:
    """What stands between the separators of a text, but for lone colours: "take it off and smile" has two.

    `whole` finds phrases that are not split.
    """
    found = (piece.strip() for _, piece in _pieces(prompt, whole))
    return tuple(piece for piece in found if piece and not _only_colour(piece))


def _pieces(prompt: str, whole: re.Pattern[str] | None) -> Iterator[tuple[str, str]]:
    """What stands between the separators of changes, each with the separator before it."""
    kept = [match.span() for match in whole.finditer(prompt)] if whole else []
    between, start = "", 0
    for match in BETWEEN.finditer(prompt):
        if any(first < match.end() and match.start() < last for first, last in kept):
            continue
        yield between, prompt[start : match.start()]
        between, start = match.group(), match.end()
    yield between, prompt[start:]


def _side_by_side(between: str, piece: str) -> Iterator[tuple[str, str]]:
    """A piece cut where one coloured part directly follows another: "blue hair green lips"."""
    text, start = piece.lower(), 0
    found = sorted(_mentions(text), key=lambda mention: mention.start) if plain(piece) == text else []
    kinds = [mention.kind for mention in found]
    if len(found) > 2 and len(found) % 2 == 0 and kinds == kinds[:2] * (len(found) // 2) and len(set(kinds)) == 2:
        for before, after in zip(found[1:-1:2], found[2::2], strict=True):
            if text[before.end : after.start].strip():
                yield between, piece
                return
        for mention in found[2::2]:
            yield between, piece[start : mention.start].strip()
            between, start = " ", mention.start
    yield between, piece[start:]


def _shared_colour(coloured: str, between: str, piece: str) -> str:
    """A change's colour for a part that stands bare beside it: "red hair and eyebrows"; empty where none does."""
    meaning, words = understand(coloured), _OWNED.sub("", plain(piece))
    found = [mention for mention in _mentions(words) if mention.kind == "part"]
    bare = len(found) == 1 and words == words[found[0].start : found[0].end]
    joins = re.fullmatch(r"\s*(?:,|&|and|,\s*and)\s*", between, re.IGNORECASE)
    if meaning is None or not bare or not joins or found[0].name == meaning.part:
        return ""
    said = next(mention for mention in _mentions(plain(coloured)) if mention.name == meaning.colour)
    return f"{plain(coloured)[said.start : said.end]} {words}"


def _complained_of(before: Sequence[str], piece: str) -> str:
    """The part that the change before complains of, where a piece names nothing but its colour; else empty."""
    if not before or not complains(before[0]) or not _only_colour(piece):
        return ""
    said = plain(before[0])
    return next((said[one.start : one.end] for one in _mentions(said) if one.kind == "part"), "")


def _only_colour(piece: str) -> bool:
    """Whether a text names a colour and no part, and is no complaint, which is a change by itself."""
    return [mention.kind for mention in _mentions(plain(piece))] == ["colour"] and not complains(piece)


def _distance(colour: _Mention, part: _Mention) -> tuple[int, int]:
    """Characters between the two, with a penalty where the noun comes first; then the position in the prompt."""
    gap = part.start - colour.end if part.start >= colour.end else colour.start - part.end + 3
    return gap, colour.start


def _mentions(text: str) -> Iterator[_Mention]:
    """Parts and colours named in a `plain` text; longer phrases take precedence, and no two overlap."""
    table, longest = _phrases()
    words = [(match.start(), match.end()) for match in re.finditer(r"[a-z]+", text)]
    taken = [False] * len(words)
    for length in range(min(longest, len(words)), 0, -1):
        for first in range(len(words) - length + 1):
            span = range(first, first + length)
            start, end = words[first][0], words[first + length - 1][1]
            entry = table.get(text[start:end])
            if entry and not any(taken[i] for i in span):
                for i in span:
                    taken[i] = True
                yield _Mention(start, end, *entry)


@cache
def _phrases() -> tuple[Mapping[str, tuple[str, str]], int]:
    """Every phrase with its kind and name, and the number of words of the longest. Nouns take precedence."""
    table = {words: ("colour", name) for words, name in names_by_words().items()}
    for nouns_of in (PART_NOUNS, MORE_NOUNS):
        table |= {plain(noun): ("part", part) for part, nouns in nouns_of.items() for noun in nouns}
    return MappingProxyType(table), max(len(phrase.split()) for phrase in table)
