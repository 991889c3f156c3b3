"""The words of a text and whether they are known, by simple normalisation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property

_STOP_WORDS = (
    "a an the this that these those some any of in on at by for from into onto over under up with and or "
    "but as so to is are was were be been being am has have having had do does did done who whose which "
    "what it its it's he him his she her hers they them their theirs i me my you your we our we're i'm "
    "there here very really quite rather just also too both should would could will can shall may must "
    "make makes made making give gives given turn turns turned get gets got want wants please let like "
    "about against across along among around beside between during near through toward towards upon via while when "
    "where then than each every one own such other another only even still now if because being gets got "
    "wear wears wearing wore worn looking looks look photo photograph picture image portrait shot close "
    "closeup selfie face person people someone somebody anyone man men woman women guy lady"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that ask for a picture of a person or have grammatical function only: they do not distinguish faces."""
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SPELLED_ALIKE = 0.8
_SHORTEST = 3


def content_words(text: str) -> list[str]:
    """The words of a text without stop words, in lower case, each once, in order, of any script.

    A text of stop words alone ("a woman") keeps them.
    """
    words = [word.removesuffix("'s") for word in _WORD.findall(text.lower().replace("’", "'"))]
    return list(dict.fromkeys([word for word in words if word not in STOP_WORDS] or words))


def count_words(texts: Iterable[str]) -> dict[str, int]:
    """How many of the texts hold each content word."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(content_words(text))
    return dict(counts)


def forms(word: str) -> set[str]:
    """The word and its possible base forms: "eyebrow" for "eyebrows", "dye" for "dyed", "red" for "reddish".

    Endings are cut without a dictionary, so some results are not words; they match nothing.
    """
    found = {word, word.replace("our", "or"), word.replace("grey", "gray")}
    for form in tuple(found):
        for ending in ("s", "es", "ed", "ish", "ing", "y"):
            stem = form.removesuffix(ending)
            if stem != form and not form.endswith("ss"):
                found |= {stem, stem + "e"} if ending not in ("s", "es") else {stem}
                found |= {stem[:-1]} if stem[-2:-1] == stem[-1:] else set()
        if form.endswith("ies"):
            found.add(form[:-3] + "y")
    return {form for form in found if len(form) >= _SHORTEST or form == word}


class Vocabulary:
    """Known words by their forms.

    Args:
        counts: word to how often it occurred.
    """

    def __init__(self, counts: Mapping[str, int]):
        self.counts = counts

    @cached_property
    def _by_form(self) -> dict[str, int]:
        table: dict[str, int] = {}
        for word, count in self.counts.items():
            for form in forms(word):
                table[form] = max(count, table.get(form, 0))
        return table

    def count(self, word: str) -> int:
        """How often the word, or another form of it, occurred; 0 for an unknown one."""
        return max(self._by_form.get(form, 0) for form in forms(word))

    def unknown(self, text: str) -> list[str]:
        """The content words of a text that never occurred."""
        return [word for word in content_words(text) if not self.count(word)]

    def meant(self, word: str) -> set[str]:
        """Forms of the word, or of a known word with similar spelling ("lipstik"); empty where there is none."""
        near = [word] if self.count(word) else get_close_matches(word, self.counts, 1, _SPELLED_ALIKE)
        return forms(near[0]) if near else set()
