"""Draws wishes in words, with what they mean: the lessons of the reader of prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from mcaclip.language.colours import COLOURS, named_colours, unseen_colours
from mcaclip.language.concepts import Concept, concepts, named_wishes
from mcaclip.language.grammar import COLLOQUIAL_NOUNS, MORE_NOUNS, PART_NOUNS
from mcaclip.language.word_tables import read_wishes
from train.clip.captions.wording import OUTSIDE_PHRASES
from train.clip.captions.write import say
from train.clip.scenes.types import Claim, PartColour

LITTLE, USUAL, STRONG = range(3)
AGES = (
    ("childhood", 1, 3, 13, "years"),
    ("old age", -1, 15, 31, "years"),
    ("old age", 1, 45, 96, "years"),
    ("old age", 1, 18, 96, "years_ahead"),
)
"""Which wish an age in years is: its name and sign, the first year, the one behind the last, and how it is said."""
DETERMINERS = ("the", "the", "my", "his", "her", "that", "those", "all the")
_DENIED = re.compile(r"(?:no|not|without|never|free of)\b", re.IGNORECASE)
T = TypeVar("T")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Lesson:
    """A text and what it wishes for.

    Attributes:
        text: as somebody would type it.
        concept: the name of the wish; empty for a text that wishes for nothing in the table.
        sign: 1, or -1 where the thing is wished away.
        away: whether that is said by taking away what is named: "not young" is old, "no glasses" is without them.
        colour: a name that `mcaclip.language.colours` knows; None where none is named.
        amount: `LITTLE`, `USUAL` or `STRONG`.
    """

    text: str
    concept: str
    sign: int = 1
    colour: str | None = None
    amount: int = USUAL
    away: bool = False


class LessonWriter:
    """Writes lessons.

    Args:
        words: English words, for texts that wish for nothing.
        pieces: parts of words.
        rng: draws everything.
    """

    def __init__(self, words: Sequence[str], pieces: Sequence[str], rng: np.random.Generator):
        self.words, self.pieces, self.rng = words, pieces, rng
        self.shapes = read_wishes()
        self.table = concepts()
        self.parts = {c.part: c for c in self.table.values() if c.part}
        self.others = [c for c in self.table.values() if not c.part]
        self.phrases = [phrase for phrase in nothing_phrases() if phrase not in nothing_phrases(held_out=True)]

    @cached_property
    def colours(self) -> list[str]:
        """The survey's names that are not held out."""
        return sorted(set(named_colours()) - unseen_colours())

    @cached_property
    def alone(self) -> dict[str, list[str]]:
        """By part the usual nouns that ask for its colour where they stand alone: "a beard" asks for a beard."""
        said = {thing.removeprefix("a ") for concept in self.others for thing in concept.wanted.things}
        return {part: [noun for noun in PART_NOUNS[part] if noun not in said] for part in self.parts}

    @cached_property
    def shadeless(self) -> frozenset[str]:
        """Parts of which no wish says that they become lighter or darker, so that a shade needs a colour."""
        known = {*named_wishes(), *(phrase for phrases in self.shapes["alone"].values() for phrase in phrases)}
        return frozenset(
            part
            for part in self.parts
            if known.isdisjoint(f"{shade} {PART_NOUNS[part][0]}" for shade in ("brighter", "darker", "lighter"))
        )

    def write(self) -> Lesson:
        """One lesson."""
        kind = self.rng.random()
        if kind < 0.4:
            lesson = self._coloured()
        elif kind < 0.44:
            return self._typed(self._foreign())
        elif kind < 0.83:
            lesson = self._concept()
        else:
            return self._typed(self._surrounded(self._outside()))
        if self.rng.random() < 0.2:
            amount = STRONG if self.rng.random() < 0.4 else LITTLE
            shape = self._pick(self.shapes["strong" if amount == STRONG else "little"])
            lesson = replace(lesson, text=shape.format(lesson.text), amount=amount)
        return self._typed(self._surrounded(lesson))

    def _pick(self, options: Sequence[T]) -> T:
        return options[int(self.rng.integers(len(options)))]

    def _colour(self) -> str:
        return self._pick(list(COLOURS) if self.rng.random() < 0.5 else self.colours)

    def _noun(self, part: str) -> str:
        tables = (PART_NOUNS, MORE_NOUNS, COLLOQUIAL_NOUNS)
        return self._pick(tables[int(self.rng.integers(len(tables)))][part])

    def _coloured(self) -> Lesson:
        part, colour = self._pick(list(self.parts)), self._colour()
        name, noun = self.parts[part].name, self._noun(part)
        kind = self.rng.random()
        if kind < 0.06:
            alone = self._pick(list(self.shapes["alone"]))
            phrase = self._pick(self.shapes["alone"][alone])
            return Lesson(self._pick(self.shapes["being"]).format(phrase), "colour of hair", 1, alone)
        if kind < 0.1 and self.alone[part]:
            return Lesson(self._pick(self.shapes["with_thing"]).format(self._pick(self.alone[part])), name)
        if kind < 0.12:
            shapes = self.shapes["uncoloured"] + (self.shapes["shade"] if part in self.shadeless else [])
            return Lesson(self._pick(shapes).format(n=noun), name)
        if kind < 0.15:
            colour = self._pick(list(self.shapes["comparatives"]))
            shape = self._pick(self.shapes["comparative"])
            return Lesson(shape.format(c=self.shapes["comparatives"][colour], n=noun), name, 1, colour)
        if kind < 0.165:
            words = self._pick(self.shapes["two_coloured"]).format(c=colour, o=self._colour(), n=self._noun("hair"))
            return Lesson(words, "two-tone hair")
        if kind < 0.3:
            text = say((Claim(paint=PartColour(part, colour)),), self.rng, wider=bool(self.rng.random() < 0.5))
            return Lesson(text, name, 1, colour)
        sign = -1 if kind > 0.85 and part != "skin" else 1  # "less red skin" is a wish of the table
        shapes = self.shapes["coloured" if sign > 0 else "not_coloured"]
        shape = self._pick(shapes)
        if "{a}" in shape and part not in self.shapes["adjectives"]:
            shape = shapes[0]
        adjective = self._pick(self.shapes["adjectives"].get(part, [""]))
        return Lesson(
            shape.format(c=colour, o=self._colour(), n=noun, a=adjective), name, sign, colour, away=sign < 0
        )

    def _concept(self) -> Lesson:
        chance = self.rng.random()
        if chance < 0.04:
            return self._years()
        if chance < 0.09:
            return self._answered()
        concept = self._pick(self.others)
        sign = -1 if self._has_opposite(concept) and self.rng.random() < 0.48 else 1
        said = concept.side(sign)
        away = self.rng.random() < (0.5 if sign < 0 else 0.15)  # in words of the other side: "not young" is old
        if away and concept.side(-sign).things + concept.side(-sign).looks:
            said = concept.side(-sign)
        elif not said.things + said.looks:
            said, sign, away = concept.wanted, 1, False
        else:
            away = False
        thing = self.rng.random() < len(said.things) / (len(said.things) + len(said.looks))
        phrase = self._pick(said.things if thing else said.looks)
        kind = {(True, False): "with_thing", (True, True): "without_thing", (False, False): "being"}.get(
            (bool(thing), away), "not_being"
        )
        flaw = (f"no {concept.name}" if sign > 0 else concept.name) in self.shapes["flaws"]
        if away and flaw and self.rng.random() < 0.4:
            kind = "flaw" if thing else "flawed"
        shape = self._pick(self.shapes[kind])
        if self.rng.random() < (0.7 if away else 0.2):
            phrase = phrase.removeprefix("a ").removeprefix("an ")
            if away and thing and shape.count(" ") < 4 and self.rng.random() < 0.4:
                phrase = f"{self._pick(DETERMINERS)} {phrase}"
        if thing and said is concept.wanted and concept.name in self.shapes["places"] and self.rng.random() < 0.25:
            phrase = f"{phrase} {self._pick(self.shapes['places'][concept.name])}"
        # "no glasses" takes away what it names, whatever side of the table it stands on
        denied = not away and sign < 0 and _DENIED.match(phrase) is not None
        return Lesson(shape.format(phrase), concept.name, sign, away=away or denied)

    def _foreign(self) -> Lesson:
        """A colour of a part in one of the commonest other languages."""
        language = self.shapes["languages"][self._pick(list(self.shapes["languages"]))]
        part, colour = self._pick(list(language["nouns"])), self._pick(list(language["colours"]))
        noun, said = self._pick(language["nouns"][part]), self._pick(language["colours"][colour])
        text = self._pick(language["shapes"]).format(n=noun, c=said)
        return Lesson(text, self.parts[part].name, 1, colour)

    def _answered(self) -> Lesson:
        """What is wrong and what is wanted instead, in one breath: "too pale make it tanned"."""
        concept = self._pick([one for one in self.others if one.wanted.looks and one.unwanted.looks])
        sign = 1 if self.rng.random() < 0.5 else -1
        looks, opposite = (self._pick(concept.side(one).looks) for one in (sign, -sign))
        return Lesson(self._pick(self.shapes["answered"]).format(l=looks, o=opposite), concept.name, sign)

    def _years(self) -> Lesson:
        """An age in years, or years more or less."""
        if self.rng.random() < 0.5:
            sign = 1 if self.rng.random() < 0.5 else -1
            shape = self._pick(self.shapes["years_more" if sign > 0 else "years_less"])
            return Lesson(shape.format(y=int(self.rng.integers(3, 51))), "old age", sign)
        name, sign, first, last, said = AGES[int(self.rng.integers(len(AGES)))]
        years = int(self.rng.integers(first, last))
        # nobody is in their zeros
        shapes = [shape for shape in self.shapes[said] if years >= 20 or "{d}" not in shape]
        return Lesson(self._pick(shapes).format(y=years, d=years // 10 * 10), name, sign)

    @staticmethod
    def _has_opposite(concept: Concept) -> bool:
        return bool(concept.wanted.things or concept.wanted.looks)

    def _outside(self) -> Lesson:
        kind = self.rng.random()
        if kind < 0.22:
            return Lesson(self._pick(self.phrases), "")
        if kind < 0.28:
            return Lesson(self._pick(self.shapes["bare"]), "")
        if kind < 0.45:
            return Lesson(self._remark(), "")
        if kind < 0.54:
            shapes = self.shapes["keeping" if self.rng.random() < 0.6 else "remark"]
            return Lesson(self._pick(shapes).format(self._mentioned()), "")
        if kind < 0.64:  # words of other languages fall into such pieces
            foreign = " ".join(self._strange() for _ in range(int(self.rng.integers(1, 4))))
            return Lesson(self._pick(("{}", "{}", "la {}", "{} de {}", "{} {}", "der {}")).replace("{}", foreign), "")
        shape = self._pick(self.shapes["outside"])
        return Lesson(shape.format(w=self._pick(self.words), v=self._pick(self.words), c=self._colour()), "")

    def _remark(self) -> str:
        """What people say about themselves, their families and their years, which is no wish."""
        shape = self._pick(
            self.shapes[
                self._pick(("remark_people", "remark_people", "remark_years", "remark_other", "remark_other"))
            ]
        )
        who = self._pick(self.shapes["people"] if self.rng.random() < 0.7 else self.words)
        return shape.format(p=who, y=int(self.rng.integers(3, 90)))

    def _mentioned(self) -> str:
        """A thing of the table, or a coloured part."""
        if self.rng.random() < 0.4:
            return f"{self._colour()} {self._noun(self._pick(list(self.parts)))}"
        return self._pick([thing for concept in self.others for thing in concept.wanted.things]).removeprefix("a ")

    def _surrounded(self, lesson: Lesson) -> Lesson:
        """With what people say around a wish: "hi, could you", "for my profile picture", or nonsense."""
        text, chance = lesson.text, self.rng.random()
        if chance < 0.14 or chance >= 0.92:
            text = self._pick(self.shapes["head"]).format(text)
        if 0.08 < chance < 0.3:
            text = self._pick(self.shapes["tail"]).format(text)
        elif 0.3 <= chance < 0.33:
            text = f"{text}, {self._strange()}"
        return replace(lesson, text=text)

    def _strange(self) -> str:
        """A word that does not exist, of two or three pieces of words."""
        return "".join(self._pick(self.pieces) for _ in range(int(self.rng.integers(2, 4))))

    def _typed(self, lesson: Lesson) -> Lesson:
        """As people type: a capital, a full stop, a slip of a finger."""
        text, chance = lesson.text, self.rng.random()
        if chance < 0.06:
            text = text[:1].upper() + text[1:]
        elif chance < 0.1:
            text += "."
        elif chance < 0.2 and len(text) > 4:
            text = self._slip(text)
        return replace(lesson, text=text)

    def _slip(self, text: str) -> str:
        """A letter left out, doubled, exchanged with its neighbour, or another one."""
        at, kind = int(self.rng.integers(1, len(text) - 1)), int(self.rng.integers(4))
        letter = _LETTERS[int(self.rng.integers(len(_LETTERS)))]
        middle = ("", text[at] * 2, text[at + 1] + text[at], letter)[kind]
        return text[:at] + middle + text[at + (2 if kind == 2 else 1) :]


def nothing_phrases(held_out: bool = False) -> list[str]:
    """Phrases that wish for nothing in the table; `held_out`: every third of them, which no lesson has."""
    return list(OUTSIDE_PHRASES[::3] if held_out else OUTSIDE_PHRASES)
