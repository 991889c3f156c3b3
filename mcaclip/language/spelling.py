"""Slips of the finger in a prompt: which known words may be meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import groupby, islice, product

SHORTEST, SHORT = 3, 6
"""Letters from which on a word may have a slip, and two of them."""
RARER = 0.05
"""So much less likely is a rarer word meant."""
MOST_WORDS, MOST_TEXTS = 4, 12
"""At most so many words are tried for another, and so many texts."""
_ENDINGS = ("er", "est", "ish", "s", "ed", "ing", "y")
_WORD = re.compile(r"(?<![#\w])[^\W\d_]+(?!\w)")
"""No part of a colour code."""


def one_slip(word: str) -> float:
    """How alike a word and another are at least where one letter is wrong, missing, too many or a place too far."""
    return 1 - 1 / len(word)


def two_slips(word: str) -> float:
    """The same for two letters of a longer word; words that share too little are never alike."""
    return one_slip(word) if len(word) < SHORT else max(0.75, 1 - 2 / len(word))


def spellings(
    text: str,
    known: Sequence[str],
    rarer: Sequence[str],
    strange: Callable[[str], bool],
    alike: Callable[[str], float] = one_slip,
) -> list[list[str]]:
    """Texts with known words in place of strange ones that are spelled alike.

    Args:
        text: as it was typed.
        known: words, the commonest first.
        rarer: more of them.
        strange: whether a word, in small letters, may be a slip.
        alike: from a word to how alike another has to be, 0 to 1.

    Returns:
        Groups of texts, the most alike first; those of a group are equally alike. The text itself where no word is
        strange or none is known that is spelled alike.
    """
    pieces, words = _WORD.split(text), _WORD.findall(text)
    slips = [len(word) >= SHORTEST and strange(word.lower()) for word in words]
    tried = [
        _alike(word.lower(), known, rarer, alike) if slip else [] for word, slip in zip(words, slips, strict=True)
    ]
    choices = [found or [(word, 1.0)] for found, word in zip(tried, words, strict=True)]
    made = []
    for chosen in islice(product(*choices), MOST_TEXTS):
        mended = "".join(f"{piece}{word}" for piece, (word, _) in zip(pieces, (*chosen, ("", 1.0)), strict=True))
        made.append((sum(likeness for _, likeness in chosen), mended))
    made.sort(key=lambda pair: -pair[0])
    return [[one for _, one in group] for _, group in groupby(made, key=lambda pair: round(pair[0], 6))]


def form_of_known(word: str, known: frozenset[str]) -> bool:
    """Whether it is a known word or a form of one: "redder", "paler", "greenish", "bushier"."""
    return word in known or not _stems(word).isdisjoint(known)


def _alike(
    word: str, known: Sequence[str], rarer: Sequence[str], alike: Callable[[str], float]
) -> list[tuple[str, float]]:
    """Words that are spelled alike, with how alike they are, the most alike and then the commonest first."""
    # a share of letters that comes out as the bound itself counts
    near = get_close_matches(word, [*known, *rarer], MOST_WORDS, alike(word) - 1e-6)
    found = [(one, _likeness(one, word) - (0 if one in known else RARER)) for one in near]
    return sorted(found, key=lambda pair: -pair[1])


def _likeness(word: str, typed: str) -> float:
    """Share of letters that agree; letters that changed places count half."""
    wrong = [at for at, (one, other) in enumerate(zip(word, typed, strict=False)) if one != other]
    if len(word) == len(typed) and wrong[1:] == [wrong[0] + 1] and sorted(word) == sorted(typed):
        return 1 - 0.5 / len(word)
    return SequenceMatcher(None, word, typed).ratio()


def _stems(word: str) -> frozenset[str]:
    stems = [(word.removesuffix(ending), ending) for ending in _ENDINGS if word.endswith(ending)]
    stems += [(f"{stem[:-1]}y", ending) for stem, ending in stems if stem.endswith("i")]
    return frozenset(
        form
        for stem, ending in stems
        for form in (stem, *((f"{stem}e", stem[:-1] if stem[-2:-1] == stem[-1:] else "") if ending != "s" else ()))
    )
