"""What a prompt asks for, as far as it can be measured: colours of parts, attributes, or several of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import Tensor

from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.evaluation.attributes import Attribute, find_attribute
from mcaclip.evaluation.measures import MARGIN, grow
from mcaclip.imaging.colour import lab_of
from mcaclip.language.colours import COLOURS, names_by_words, plain
from mcaclip.language.grammar import Meaning, split_changes, understand
from mcaclip.language.vocabulary import STOP_WORDS
from mcaclip.language.whole_phrases import whole_phrases
from mcaclip.language.wishes import plain_wish
from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import REGIONS, region
from mcaclip.types import EditSettings, PromptStrength
from mcaclip.validate import split_prompts

_HAIR = frozenset({"blonde", "beige", "ginger", "auburn", "brown", "black", "grey", "silver", "white", "gold"})
_ANY = frozenset(COLOURS)
NATURAL: Mapping[str, frozenset[str]] = {
    "hair": _HAIR, "brows": _HAIR, "goatee": _HAIR, "beard": _HAIR, "moustache": _HAIR,
    "lips": frozenset({"red", "crimson", "maroon", "coral", "peach", "pink", "beige", "brown", "auburn", "magenta"}),
    "eyes": frozenset({"blue", "navy", "green", "olive", "brown", "auburn", "black", "grey", "silver", "teal"}),
    "cheeks": frozenset({"red", "coral", "peach", "pink", "beige", "brown"}),
    "eyelids": _ANY,
    "skin": frozenset({"peach", "beige", "brown", "auburn", "black", "white", "blonde", "pink", "coral"}),
    "ears": frozenset({"peach", "beige", "brown", "auburn", "pink", "coral"}),
    "teeth": frozenset({"white", "beige", "silver", "gold"}),
    "background": _ANY, "clothes": _ANY,
}  # fmt: skip
"""Everyday colours that a part naturally has, or is often painted; a prompt for any other is counterfactual."""
Recipes = Mapping[str, Sequence[tuple[str, float]]]
"""From a recipe's name, in the form of `plain`, to its prompts with a factor on the strength of each."""


@dataclass(frozen=True)
class EvaluationCase:
    """One thing that a prompt asks for: a colour, an attribute, or something that cannot be measured.

    Attributes:
        words: the part of the prompt that asks for it.
        colour: a part and its colour, or None.
        attribute: an attribute that can be measured, or None.
    """

    words: str
    colour: Meaning | None = None
    attribute: Attribute | None = None

    @property
    def measurable(self) -> bool:
        """Whether it can be measured."""
        return self.colour is not None or self.attribute is not None

    @property
    def counterfactual(self) -> bool:
        """Whether it asks for a colour that the part does not have by nature."""
        return self.colour is not None and _everyday(self.colour.colour) not in NATURAL[self.colour.part]

    def allowed(self, parsed: Tensor) -> Tensor:
        """Where a face `[1, 19, 256, 256]` may change: a hard mask `[1, 1, 256, 256]`."""
        if self.colour is not None:
            return grow(region(parsed, self.colour.part), parsed, MARGIN)
        assert self.attribute is not None
        areas = [
            region(parsed, name) if name in REGIONS else parsed[:, [CLASSES.index(name)]]
            for name in self.attribute.regions
        ]
        return grow(torch.stack(areas).sum(0).clamp(max=1), parsed, self.attribute.margin)


@lru_cache(maxsize=1024)
def _everyday(name: str) -> str:
    """The everyday colour nearest to a known one."""
    lab = lab_of(name)
    return min(COLOURS, key=lambda other: float((lab_of(other) - lab).norm()))


def requests_of(prompt: str) -> tuple[EvaluationCase, ...]:
    """Everything that a prompt asks for, in its order: "green lipstick and purple hair" asks for two things.

    What cannot be measured is in the list as well, so that a hit is never counted for part of a prompt.
    """
    pieces = split_changes(prompt.lower(), lambda piece: not _says_nothing(piece), whole=whole_phrases())
    found = [_read(piece) for piece in pieces if not _says_nothing(piece)]
    return tuple(found) if any(case.measurable for case in found) else (_read(prompt),)


def _read(text: str) -> EvaluationCase:
    wish = plain_wish(text)
    colour = None if wish is not None and wish.concept and not wish.concept.part else understand(text)
    return EvaluationCase(text, colour) if colour else EvaluationCase(text, attribute=find_attribute(text))


def _says_nothing(piece: str) -> bool:
    """Whether it is nothing but stop words or a colour (the "black" of "black and white hair")."""
    return all(word in STOP_WORDS for word in plain(piece).split()) or plain(piece) in names_by_words()


@dataclass(frozen=True)
class Subject:
    """One line of the figures: an edit by one prompt, or by several at once.

    Attributes:
        settings: the edit, for the editor.
        ingredients: the same edit for single networks: recipes and prompts of several changes are split up.
        requests: what it asks for.
    """

    settings: EditSettings
    ingredients: tuple[PromptStrength, ...]
    requests: tuple[EvaluationCase, ...]

    @classmethod
    def of(cls, settings: EditSettings, recipes: Recipes = MappingProxyType({})) -> Subject:
        """The line of an edit's settings, with the library's recipes."""
        parts = tuple(one for part in settings.parts for one in _split(part, recipes))
        return cls(settings, parts, tuple(case for part in parts for case in requests_of(part.prompt)))

    @classmethod
    def of_one_part(cls, prompt: str) -> Subject:
        """The line of a prompt that is read as one part and its colour, or as nothing that can be measured."""
        return cls(EditSettings(prompt), (PromptStrength(prompt),), (EvaluationCase(prompt, understand(prompt)),))

    @property
    def title(self) -> str:
        """All prompts in one line, with strengths other than 1: "green lipstick + purple hair:0.7"."""
        return " + ".join(
            part.prompt if part.strength == 1 else f"{part.prompt}:{part.strength:g}" for part in self.settings.parts
        )

    @property
    def words(self) -> str:
        """The text for the CLIP score: "green lipstick and purple hair"."""
        return " and ".join(part.prompt for part in self.settings.parts)

    @property
    def measurable(self) -> bool:
        """Whether everything that it asks for can be measured."""
        return all(case.measurable for case in self.requests)

    @property
    def counterfactual(self) -> bool:
        """Whether any of it is counterfactual, and all of it can be measured."""
        return self.measurable and any(case.counterfactual for case in self.requests)

    def allowed(self, parsed: Tensor) -> Tensor | None:
        """Where a face `[1, 19, 256, 256]` may change, `[1, 1, 256, 256]`; None where that is unknown."""
        if not self.measurable:
            return None
        return torch.stack([case.allowed(parsed) for case in self.requests]).amax(0)


def recipes_of(entries: Sequence[LibraryPrompt]) -> Recipes:
    """The recipes among the library's entries."""
    return {plain(entry.prompt): entry.recipe for entry in entries if entry.recipe}


def _split(part: PromptStrength, recipes: Recipes) -> list[PromptStrength]:
    if recipe := recipes.get(plain(part.prompt)):
        return [PromptStrength(prompt, factor * part.strength) for prompt, factor in recipe]
    cases = requests_of(part.prompt)
    if len(cases) > 1 and all(case.measurable for case in cases):
        return [PromptStrength(case.words, part.strength) for case in cases]
    return [part]


def read_settings(text: str) -> EditSettings:
    """The edit that a text of the command line names: "green lipstick", or "green lipstick + purple hair:0.7".

    Raises:
        PromptError: see `mcaclip.validate.split_prompts`.
        StudioError: a strength is outside its range.
    """
    parts = [PromptStrength(*part) for part in split_prompts(text.split(" + "), 1.0)]
    return EditSettings(parts[0].prompt).with_parts(parts)


def subjects_of(settings: Sequence[EditSettings], recipes: Recipes = MappingProxyType({})) -> tuple[Subject, ...]:
    """Each edit once, in order."""
    return tuple({(subject := Subject.of(one, recipes)).title: subject for one in settings}.values())
