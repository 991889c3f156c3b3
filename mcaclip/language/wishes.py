"""A wish: what a prompt was understood as, and what can be done about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcaclip.language.colours import COLOURS
from mcaclip.language.concepts import PROMISED, SOMETIMES, Concept, Side, concepts
from mcaclip.language.grammar import begins_with_name, parts_in, understand
from mcaclip.validate import has_latin_letters

UNDERSTOOD = 0.68
"""Probability from which on a text counts as understood: 3 % of the blind wordings reach it and are misread."""
SMALLEST, LARGEST = 0.1, 1.5
"""Least and greatest amount that a text can ask for."""
_ONE_SIDE = re.compile(r"\b(left|right)\b", re.IGNORECASE)
_ONE = re.compile(r"\bone\s+(?:of\s+)?(?:(?:the|her|his|my|their)\s+)?", re.IGNORECASE)
_PERCENT = re.compile(r"\b(\d{1,3})\s*(?:%|per ?cent\b)", re.IGNORECASE)
_HALF = re.compile(r"\b(?:at )?half(?:[- ]strength| as (?:strong|much|intense)| strong)\b", re.IGNORECASE)
_TURNED = "turned head"


@dataclass(frozen=True)
class Wish:
    """What a text asks for.

    Attributes:
        text: as it was typed.
        known: probability that it asks for this wish, 0..1.
        concept: the wish; None where the text was not understood, or where there is no table for the models in use.
        sign: 1, or -1 where the thing is wished away.
        colour: the name of a colour, or empty.
        amount: factor on the strength.
        nearest: prompts near to it that can be made.
        meant: prompts that it may be a misspelling of.
    """

    text: str
    known: float
    concept: Concept | None = None
    sign: int = 1
    colour: str = ""
    amount: float = 1.0
    nearest: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()

    @property
    def side(self) -> Side:
        """The concept in the direction of the sign."""
        return self.concept.side(self.sign) if self.concept else Side(self.text)

    @property
    def words(self) -> str:
        """What the edit network is asked for; empty where nothing can be done."""
        return "" if self.problem else _asked(self.side, self.colour)

    @property
    def outside(self) -> bool:
        """Whether nothing can be done about it."""
        return bool(self.problem)

    @property
    def doubtful(self) -> bool:
        """Whether to warn."""
        return bool(self.warning)

    @property
    def warning(self) -> str:
        """One or two sentences for the user; empty where the wish is likely to be fulfilled."""
        said = self.problem or self._doubt
        if not (self.problem and self.nearest) or self.meant:
            return said
        return f"{said} Nearest that works: {', '.join(self.nearest)}."

    @property
    def problem(self) -> str:
        """Why nothing can be done, in a sentence; empty where something can."""
        concept, side = self.concept, self.side
        if self.meant:
            return f"I do not know these words. Did you mean {_quoted(self.meant)}?"
        if self.known < UNDERSTOOD:
            return "I do not understand these words as a change of a face. Please use other words, in English."
        if concept is None:
            return ""
        if on_one_side(self.text) and concept.name != _TURNED:
            return "I cannot change one side alone, only both together."
        if concept.part and not self.colour:
            return f"I need a colour as well, such as “{_example(concept.wanted)}”."
        if concept.part and self.sign < 0:
            other = _example(concept.wanted, self.colour)
            return f"To take a colour away, name the one that you want instead, such as “{other}”."
        if not side.possible:
            name = concept.name if self.sign > 0 else f"the opposite of “{concept.name}”"
            return f"I understand this as {name}, which I cannot do reliably yet."
        return ""

    @property
    def _doubt(self) -> str:
        share = self.side.fulfilled
        if self.concept is None or share is None or not SOMETIMES <= share < PROMISED:
            return ""
        return f"This works on about {round(10 * share)} of 10 photos."


def _example(side: Side, but: str = "") -> str:
    """A prompt for a colour of a part, other than one."""
    return f"{next(colour for colour in COLOURS if colour not in but.split())} {side.asks}"


def on_one_side(text: str) -> bool:
    """Whether a text is about one of two: "the left eye", "one blue eye"; not "blue hair instead of a red one"."""
    ones = (text[found.end() :] for found in _ONE.finditer(text))
    return bool(_ONE_SIDE.search(text) or any(begins_with_name(rest) and parts_in(rest) for rest in ones))


def _quoted(prompts: tuple[str, ...]) -> str:
    return " or ".join(f"“{prompt}”" for prompt in prompts)


def split_percent(text: str) -> tuple[str, float | None]:
    """A text without the share that it names, and that as a factor in `SMALLEST` to `LARGEST`; None for none."""
    found = _PERCENT.search(text)
    share = int(found[1]) / 100 if found else 0.5
    found = found or _HALF.search(text)
    if found is None:
        return text, None
    left = " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())
    return left.strip(" ,;:-"), min(max(share, SMALLEST), LARGEST)


def plain_wish(text: str) -> Wish | None:
    """The wish of a text that is what a network is asked for, such as "green lipstick"; None for any other text.

    A wish of the table comes before a colour: "pale skin" is not skin in the colour "pale".
    """
    words = " ".join(text.lower().split())
    meaning = understand(words)
    for concept in sorted(concepts().values(), key=lambda one: bool(one.part)):
        for sign, side in concept.sides:
            colour = meaning.colour if meaning and meaning.part == concept.part else ""
            if side.asks and bool(colour) == bool(concept.part) and words == _asked(side, colour):
                return Wish(text, 1.0, concept, sign, colour)
    return None


def _asked(side: Side, colour: str) -> str:
    return f"{colour} {side.asks}" if colour else side.asks


def free_wish(text: str) -> Wish:
    """The wish of a text that is taken as it is, for models without a table of wishes; Latin letters are enough."""
    return Wish(text, float(has_latin_letters(text)))
