"""From a prompt to a `Wish`: the language model, the network that asks it questions, and colour names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from mcaclip.errors import WeightsError
from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import COLOURS, named_colours, names_by_words, plain
from mcaclip.language.concepts import bare, concepts, named_wishes
from mcaclip.language.grammar import PART_NOUNS, colours_in, complains, wanting_more, without_complaint
from mcaclip.language.spelling import SHORTEST, form_of_known, spellings, two_slips
from mcaclip.language.wishes import UNDERSTOOD, Wish, split_percent
from mcaclip.language.word_tables import wish_sentences
from mcaclip.reading.sentence_encoder import SentenceEncoder
from mcaclip.reading.suggestions import Suggestions
from mcaclip.reading.wish_network import AMOUNTS, REMEDY, WishNetwork, wishes_of
from mcaclip.validate import has_latin_letters

MOST_MEANT = 3
"""At most so many prompts are named that a misspelled text may mean."""
LESS_SURE = 0.1
"""By how much less probable than another a reading of a misspelled text may be to count beside it."""
COLOURED = 3.0
"""Logit from which on a colour counts as said."""
SURE = 20.0
"""CIE76 distance of a colour that was read to a usual one within which it may go by its name."""
_POLITE = re.compile(r"^(?:please|pls|plz)\s+|[\s,]+(?:please|pls|plz|thanks)$", re.IGNORECASE)
_HEX = re.compile(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})\b", re.IGNORECASE)
_RGB = re.compile(r"\brgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)", re.IGNORECASE)


class WishReader:
    """Reads prompts.

    Args:
        encoder: the language model.
        network: answers questions about its token states.
    """

    def __init__(self, encoder: SentenceEncoder, network: WishNetwork):
        self.encoder, self.network = encoder, network
        if strange := sorted(set(network.names) - set(concepts())):
            raise WeightsError(f"the reader of prompts knows wishes that the table has not: {strange}; {REMEDY}")

    @classmethod
    def load(cls, language_model: Path, network: Path) -> WishReader:
        """The reader of two files. Raises WeightsError."""
        return cls(SentenceEncoder.load(language_model), WishNetwork.load(network))

    @torch.no_grad()
    def read(self, text: str) -> Wish:
        """What a text of one wish asks for.

        A slip of the finger is mended where that gives one wish; where it gives several, or the one word that prompts
        are not made of may be meant for another, the wish is not understood and says what may be meant.
        """
        first: Wish | None = None
        for group in spellings(text, *self._known_words, self._strange):
            found = [wish for wish in (self._read(text, words) for words in group) if wish.concept is not None]
            found = [wish for wish in found if wish.known > max(other.known for other in found) - LESS_SURE]
            if len({(wish.concept, wish.sign, wish.colour) for wish in found}) > 1:
                return Wish(text, 0.0, meant=_asked_for(found))
            if found and not found[0].problem:
                return found[0]
            first = first or next(iter(found), None)
        return self._with_nearest(replace(first or self._read(text, text), meant=self._may_mean(text)))

    def _may_mean(self, text: str) -> tuple[str, ...]:
        """What can be made of a text whose one word that prompts are not made of is meant for another."""
        if len({word for word in plain(text).split() if self._unusual(word)}) != 1:
            return ()
        others = spellings(text, *self._known_words, self._unusual, two_slips)
        return _asked_for([self._read(text, one) for group in others for one in group if one != text])

    def _read(self, text: str, words: str) -> Wish:
        """What a text asks for whose words are meant to be these."""
        words = wanting_more(words)
        said = _POLITE.sub("", words)
        if not complains(said):
            return self._read_plainly(text, words)
        bare_words = without_complaint(said)
        wish = self._read_plainly(text, bare_words if bare(bare_words) in named_wishes() else words, named=True)
        if wish.concept is None:
            wish = self._read_plainly(text, bare_words, named=True)
        return replace(wish, sign=-wish.sign, amount=1.0)

    def _read_plainly(self, text: str, words: str, named: bool = False) -> Wish:
        """The same, where "too" says nothing; `named`: what the words name, whether it is wished for or away."""
        said, percent = split_percent(_in_names(words, COLOURS))
        read = self.encoder.encode([said])
        answers = self.network(read.states, read.mask)
        chances = (answers.said if named else answers.wishes)[0].softmax(0)
        best = int(chances[:-1].argmax())
        known = float(chances[best]) if has_latin_letters(said) else 0.0
        wishes = wishes_of(self.network.names)
        name, sign = wishes[best]
        if (phrase := bare(_POLITE.sub("", said))) in named_wishes():
            (name, sign), known = named_wishes()[phrase], 1.0
        elif known < UNDERSTOOD and (last := _named_last(said)) and last[0] == name:
            # sure of the wish and not of its sign: the phrase at the end says it
            sign, known = last[1], float(chances[[wishes.index((name, 1)), wishes.index((name, -1))]].sum())
        concept = concepts()[name]
        colour = ""
        if concept.part:
            exact = _in_names(words, named_colours())
            colour = _colour_of(exact, (50 * answers.lab[0]).tolist(), float(answers.coloured[0]) > COLOURED)
        amount = AMOUNTS[int(answers.amount[0].argmax())] if percent is None else percent
        return Wish(text, known, concept if known >= UNDERSTOOD else None, sign, colour, amount)

    def _with_nearest(self, wish: Wish) -> Wish:
        """The wish, with what can be made instead where it cannot."""
        return replace(wish, nearest=self._suggestions.near(wish)) if wish.problem and not wish.meant else wish

    def _strange(self, word: str) -> bool:
        """Whether a word is none that the language model or the tables know."""
        return word not in self._language and not form_of_known(word, self._tables)

    def _unusual(self, word: str) -> bool:
        """Whether a word is none that prompts are made of."""
        return len(word) > SHORTEST and not form_of_known(word, self._tables)

    @cached_property
    def _language(self) -> frozenset[str]:
        """The language model's whole words."""
        return frozenset(self.encoder.tokenizer.get_vocab())

    @cached_property
    def _tables(self) -> frozenset[str]:
        """The words of the tables."""
        return frozenset(word for words in self._known_words for word in words)

    @cached_property
    def _known_words(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words of wishes, usual colours and sentences around them; and those of rarer colours."""
        sides = [side for concept in concepts().values() for _, side in concept.sides]
        nouns = (noun for nouns in PART_NOUNS.values() for noun in nouns)
        phrases = [*COLOURS, *nouns, *(phrase for side in sides for phrase in (side.asks, *side.phrases))]
        usual = _words_of([*phrases, *wish_sentences()])
        return usual, tuple(word for word in _words_of(names_by_words()) if word not in usual)

    @cached_property
    def _suggestions(self) -> Suggestions:
        return Suggestions(self.encoder)


def _words_of(phrases: Iterable[str]) -> tuple[str, ...]:
    """The words of some phrases, each once."""
    return tuple(dict.fromkeys(word for phrase in phrases for word in plain(phrase).split()))


def _asked_for(wishes: Sequence[Wish]) -> tuple[str, ...]:
    """What can be made of some wishes, each once."""
    return tuple(dict.fromkeys(wish.words for wish in wishes if wish.concept and wish.words))[:MOST_MEANT]


def _named_last(text: str) -> tuple[str, int] | None:
    """The wish that the longest phrase of the table at the end of a text names, and its sign; None for none."""
    words = plain(text).split()
    endings = (" ".join(words[first:]) for first in range(len(words)))
    return next((named_wishes()[ending] for ending in endings if ending in named_wishes()), None)


def _colour_of(text: str, lab: list[float], said: bool) -> str:
    """The colour name in a text nearest to the Lab value that was read; else, if one was said, a usual name."""
    names = colours_in(text)
    if not names and said:
        names = tuple(name for name in COLOURS if math.dist(lab_values(name), lab) < SURE)
    return min(names, key=lambda name: math.dist(lab_values(name), lab), default="")


def _in_names(text: str, colours: Mapping[str, tuple[int, int, int]]) -> str:
    """The text with the nearest of some colour names (sRGB) in place of codes: "#33aaff", "rgb(51, 170, 255)"."""

    def nearest(rgb: tuple[int, ...]) -> str:
        return min(colours, key=lambda one: math.dist(colours[one], rgb))

    def name(found: re.Match[str]) -> str:
        code = found[0][1:] if len(found[0]) == 7 else "".join(2 * digit for digit in found[0][1:])
        return nearest(tuple(int(code[start : start + 2], 16) for start in (0, 2, 4)))

    text = _RGB.sub(lambda found: nearest(tuple(int(number) for number in found.groups())), text)
    return _HEX.sub(name, text)
