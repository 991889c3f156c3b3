"""From a prompt to a `Wish`: the language model, the network that asks it questions, and colour names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import COLOURS, named_colours, plain
from mcaclip.language.concepts import Concept, bare, concepts, named_wishes
from mcaclip.language.grammar import PART_NOUNS, colours_in
from mcaclip.language.wishes import UNDERSTOOD, Wish, split_percent
from mcaclip.reading.sentence_encoder import SentenceEncoder
from mcaclip.reading.wish_network import AMOUNTS, REMEDY, WishNetwork, wishes_of
from mcaclip.validate import has_latin_letters

NEAREST, ALIKE = 4, 0.45
"""At most so many prompts are named as near to a text, with at least that cosine to it."""
SURE = 20.0
"""CIE76 distance of a colour that was read to a usual one within which it may go by its name."""
_SPELLED_ALIKE, SHORTEST = 0.83, 3
_POLITE = re.compile(r"^(?:please|pls|plz)\s+|[\s,]+(?:please|pls|plz|thanks)$", re.IGNORECASE)
_ENDINGS = ("er", "est", "ish", "s", "ed", "ing", "y")
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
        """What a text of one wish asks for."""
        words, percent = split_percent(self._spelled(_in_names(text, COLOURS)))
        read = self.encoder.encode([words])
        answers = self.network(read.states, read.mask)
        chances = answers.wishes[0].softmax(0)
        best = int(chances[:-1].argmax())
        known = float(chances[best]) if has_latin_letters(words) else 0.0
        wishes = wishes_of(self.network.names)
        name, sign = wishes[best]
        if (phrase := bare(_POLITE.sub("", words))) in named_wishes():
            (name, sign), known = named_wishes()[phrase], 1.0
        elif known < UNDERSTOOD and (named := _named_last(words)) and named[0] == name:
            # sure of the wish and not of its sign: the phrase at the end says it
            sign, known = named[1], float(chances[[wishes.index((name, 1)), wishes.index((name, -1))]].sum())
        concept = concepts()[name]
        colour = ""
        if concept.part:
            exact = self._spelled(_in_names(text, named_colours()))
            colour = _colour_of(exact, (50 * answers.lab[0]).tolist(), float(answers.coloured[0]) > 0)
        amount = AMOUNTS[int(answers.amount[0].argmax())] if percent is None else percent
        wish = Wish(text, known, concept if known >= UNDERSTOOD else None, sign, colour, amount)
        if not wish.problem:
            return wish
        near = self._near(read.sentence)
        # who wishes a colour away does not want it in other words
        return replace(wish, nearest=tuple(one for one in near if sign > 0 or not colour or colour not in one))

    def _spelled(self, text: str) -> str:
        """The text with words that are no words ("purpel") replaced by known ones that are spelled alike."""

        def mended(found: re.Match[str]) -> str:
            word = found[0].lower()
            if len(word) < SHORTEST or word in self._words or not _stems(word).isdisjoint(self._known_words):
                return found[0]
            same_letters = (one for one in self._known_words if one[0] == word[0] and sorted(one) == sorted(word))
            alike = get_close_matches(word, self._known_words, 1, _SPELLED_ALIKE)
            return next(same_letters, None) or next(iter(alike), found[0])

        return re.sub(r"[^\W\d_]+", mended, text)

    @cached_property
    def _words(self) -> frozenset[str]:
        """The language model's whole words, and those of the table."""
        return frozenset(self.encoder.tokenizer.get_vocab()) | frozenset(self._known_words)

    @cached_property
    def _known_words(self) -> tuple[str, ...]:
        """The words of wishes and of usual colours, the commonest first."""
        sides = [side for concept in concepts().values() for _, side in concept.sides]
        nouns = (noun for nouns in PART_NOUNS.values() for noun in nouns)
        phrases = [*COLOURS, *nouns, *(phrase for side in sides for phrase in (side.asks, *side.phrases))]
        return tuple(dict.fromkeys(word for phrase in phrases for word in plain(phrase).split()))

    def _near(self, sentence: Tensor) -> tuple[str, ...]:
        """The prompts nearest to a text's vector `[1, 384]` among those that can be made."""
        prompts, vectors = self._possible
        best = (vectors @ sentence[0]).topk(min(NEAREST, len(prompts)))
        return tuple(
            prompts[number]
            for value, number in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            if value >= ALIKE
        )

    @cached_property
    def _possible(self) -> tuple[list[str], Tensor]:
        """What can be asked for, with its vectors `[N, 384]`."""
        sides = [(concept, side) for concept in concepts().values() for _, side in concept.sides]
        made = (prompt for concept, side in sides if side.possible for prompt in _prompts(concept, side.asks))
        prompts = list(dict.fromkeys(made))
        return prompts, self.encoder.encode(prompts).sentence


def _named_last(text: str) -> tuple[str, int] | None:
    """The wish that the longest phrase of the table at the end of a text names, and its sign; None for none."""
    words = plain(text).split()
    endings = (" ".join(words[first:]) for first in range(len(words)))
    return next((named_wishes()[ending] for ending in endings if ending in named_wishes()), None)


def _stems(word: str) -> frozenset[str]:
    """What a word may be a form of: "redder" of "red", "paler" of "pale", "greenish" of "green"."""
    stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
    stems += [f"{stem[:-1]}y" for stem in stems if stem.endswith("i")]  # "bushier"
    return frozenset(
        form for stem in stems for form in (stem, f"{stem}e", stem[:-1] if stem[-2:-1] == stem[-1:] else "")
    )


def _prompts(concept: Concept, asks: str) -> list[str]:
    return [f"{colour} {asks}" for colour in COLOURS] if concept.part else [asks]


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
