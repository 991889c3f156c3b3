"""What a prompt asks for, as far as it can be measured: colours of parts, attributes, or several of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
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
    "skin": frozenset({"peach", "beige", "brown", "auburn", "black", "white", "blonde", "pink", "coral"}),
    "ears": frozenset({"peach", "beige", "brown", "auburn", "pink", "coral"}),
    "teeth": frozenset({"white", "beige", "silver", "gold"}),
    "background": _ANY, "clothes": _ANY,
}  # fmt: skip
"""Everyday colours that a part has, or is often painted; a prompt for any other is counterfactual."""
Recipes = Mapping[str, Sequence[tuple[str, float]]]
"""From a recipe's name, as `plain` has it, to its prompts with a factor on the strength of each."""


@dataclass(frozen=True)
class EvaluationCase:
    """One thing that a prompt asks for; of `colour` and `attribute` at most one is there.

    Attributes:
        words: the part of the prompt that says it.
        colour: a part and its colour.
        attribute: an attribute with a witness.
    """

    words: str
    colour: Meaning | None = None
    attribute: Attribute | None = None

    @property
    def measurable(self) -> bool:
        """Whether there is a witness."""
        return self.colour is not None or self.attribute is not None

    @property
    def counterfactual(self) -> bool:
        """Whether it asks for a colour that the part does not have by nature."""
        if self.colour is None:
            return False
        return _everyday(self.colour.colour) not in NATURAL[self.colour.part]

    def allowed(self, parsed: Tensor) -> Tensor:
        """Where a face `[1, 19, 256, 256]` may change: a hard mask `[1, 1, 256, 256]`."""
        if self.colour is not None:
            return grow(region(parsed, self.colour.part), parsed, MARGIN)
        assert self.attribute is not None
        areas = [_area(parsed, name) for name in self.attribute.regions]
        return grow(torch.stack(areas).sum(0).clamp(max=1), parsed, self.attribute.margin)


def _area(parsed: Tensor, name: str) -> Tensor:
    return region(parsed, name) if name in REGIONS else parsed[:, [CLASSES.index(name)]]


@lru_cache(maxsize=1024)
def _everyday(name: str) -> str:
    """The everyday colour nearest to a known one."""
    table = _everyday_labs()
    lab = lab_of(name)
    return min(table, key=lambda other: float((table[other] - lab).norm()))


@cache
def _everyday_labs() -> Mapping[str, Tensor]:
    return {name: lab_of(name) for name in COLOURS}


def requests_of(prompt: str) -> tuple[EvaluationCase, ...]:
    """Everything that a prompt asks for, in its order.

    "a woman with green lipstick and purple hair" asks for two things. What has no witness is in the list as well, so
    that nobody takes a part for the whole.
    """
    pieces = split_changes(prompt.lower(), lambda piece: not _says_nothing(piece))
    found = [_read(piece) for piece in pieces if not _says_nothing(piece)]
    return tuple(found) if any(case.measurable for case in found) else (_read(prompt),)


def _read(text: str) -> EvaluationCase:
    colour = understand(text)
    return EvaluationCase(text, colour) if colour else EvaluationCase(text, attribute=find_attribute(text))


def _says_nothing(piece: str) -> bool:
    """No word beside stop words, or colours alone (the "black" of "black and white hair")."""
    return all(word in STOP_WORDS for word in plain(piece).split()) or plain(piece) in names_by_words()


@dataclass(frozen=True)
class Subject:
    """One line of the figures: an edit by one prompt, or by several at once.

    Attributes:
        settings: the edit, as the editor takes it.
        ingredients: the same edit as single networks take it: recipes and prompts of several changes are taken apart.
        requests: what it asks for.
    """

    settings: EditSettings
    ingredients: tuple[PromptStrength, ...]
    requests: tuple[EvaluationCase, ...]

    @classmethod
    def of(cls, settings: EditSettings, recipes: Recipes = MappingProxyType({})) -> Subject:
        """From an edit's settings, with what the library's recipes are made of."""
        parts = tuple(one for part in settings.parts for one in _taken_apart(part, recipes))
        return cls(settings, parts, tuple(case for part in parts for case in requests_of(part.prompt)))

    @property
    def title(self) -> str:
        """All prompts in one line, with strengths other than 1: "green lipstick + purple hair:0.7"."""
        return " + ".join(
            part.prompt if part.strength == 1 else f"{part.prompt}:{part.strength:g}" for part in self.settings.parts
        )

    @property
    def words(self) -> str:
        """What FaceCLIP is asked: "green lipstick and purple hair"."""
        return " and ".join(part.prompt for part in self.settings.parts)

    @property
    def measurable(self) -> bool:
        """Whether everything that it asks for has a witness."""
        return all(case.measurable for case in self.requests)

    @property
    def counterfactual(self) -> bool:
        """Whether any of it is counterfactual, and all of it has a witness."""
        return self.measurable and any(case.counterfactual for case in self.requests)

    def allowed(self, parsed: Tensor) -> Tensor | None:
        """Where a face `[1, 19, 256, 256]` may change, `[1, 1, 256, 256]`; None where that cannot be told."""
        if not self.measurable:
            return None
        return torch.stack([case.allowed(parsed) for case in self.requests]).amax(0)


def recipes_of(entries: Sequence[LibraryPrompt]) -> Recipes:
    """The recipes among the library's entries."""
    return {plain(entry.prompt): entry.recipe for entry in entries if entry.recipe}


def _taken_apart(part: PromptStrength, recipes: Recipes) -> list[PromptStrength]:
    if recipe := recipes.get(plain(part.prompt)):
        return [PromptStrength(prompt, factor * part.strength) for prompt, factor in recipe]
    cases = requests_of(part.prompt)
    if len(cases) > 1 and all(case.measurable for case in cases):
        return [PromptStrength(case.words, part.strength) for case in cases]
    return [part]


def read_settings(text: str) -> EditSettings:
    """The edit that a command line names: "green lipstick", or "green lipstick + purple hair:0.7".

    Raises:
        PromptError: see `mcaclip.validate.split_prompts`.
        StudioError: a strength is outside its range.
    """
    parts = [PromptStrength(*part) for part in split_prompts(text.split(" + "), 1.0)]
    return EditSettings(parts[0].prompt).with_parts(parts)


def subjects_of(settings: Sequence[EditSettings], recipes: Recipes = MappingProxyType({})) -> tuple[Subject, ...]:
    """Each edit once, in order."""
    return tuple({(subject := Subject.of(one, recipes)).title: subject for one in settings}.values())
