"""Nouns that a dictionary names in one breath: the English sides of Ding, a German-English dictionary.

One line of it holds a German word and its English equivalents, "moustache [Br.]; tache [Br.] [coll.]; mustache", so
colloquial words stand beside the usual ones. Source: F. Richter's dictionary of dict.tu-chemnitz.de (GPL 2 or later),
which Debian's package trans-de-en carries; a training reads it, and nothing of it is shipped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcaclip.errors import TrainingError

ADVICE = "take the file `usr/share/trans/de-en` out of Debian's package trans-de-en"
BOTH_SIDES, VARIANTS, EQUIVALENTS = " :: ", " | ", ";"
ANNOTATIONS = re.compile(r"\[[^]]*\]|\([^)]*\)|<[^>]*>|\{[^}]*\}|\bs(?:b|th)\.(?:’s)?")
RARE = 2
"""Groups that a word may stand in: one of more groups means several things."""


@dataclass(frozen=True)
class Synonyms:
    """Groups of terms that mean the same in one of their senses, lower case."""

    groups: tuple[tuple[str, ...], ...]

    def of(self, nouns: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Words beside nouns of captions.

        Args:
            nouns: a noun, singular or plural, and its part.

        Returns:
            A word of few meanings and the nouns of one part beside it; a noun alone must have few meanings, too.
        """
        meanings = Counter(term for group in self.groups for term in group)
        found = {}
        for group in self.groups:
            beside = tuple(term for term in group if term in nouns)
            alone = len(beside) == 1 and meanings[beside[0]] > RARE
            if beside and not alone and len({nouns[term] for term in beside}) == 1:
                found.update({term: beside for term in group if term not in nouns and meanings[term] <= RARE})
        return found


def read_synonyms(path: Path) -> Synonyms:
    """The English groups of Ding's file.

    Raises:
        TrainingError: it is not that file; says where it comes from.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"there is no German-English dictionary at {path} ({error}): {ADVICE}") from error
    groups = tuple(group for line in lines if not line.startswith("#") for group in _groups(line))
    if not groups:
        raise TrainingError(f"there are no equivalents in {path}: {ADVICE}")
    return Synonyms(groups)


def _groups(line: str) -> Iterator[tuple[str, ...]]:
    """The English variants of a line that have several equivalents."""
    _, _, english = line.partition(BOTH_SIDES)
    for variant in english.split(VARIANTS):
        terms = _terms(variant.split(EQUIVALENTS))
        if len(terms) > 1:
            yield terms


def _terms(texts: Sequence[str]) -> tuple[str, ...]:
    cleaned = (" ".join(ANNOTATIONS.sub(" ", text).split()).lower() for text in texts)
    return tuple(dict.fromkeys(text for text in cleaned if text))
