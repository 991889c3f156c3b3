"""What a prompt asks the networks for: which of them, with which words, and how strongly."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from mcaclip.config import Stack
from mcaclip.editing.library import FittedEdit, find_fitted
from mcaclip.editing.prompts import IMPORTED, LibraryPrompt, find_entry, find_prompt
from mcaclip.editing.retouch import RETOUCHES
from mcaclip.errors import PromptError
from mcaclip.language.concepts import bare, named_wishes, things
from mcaclip.language.grammar import (
    PART_NOUNS,
    complains,
    parts_in,
    pieces_of,
    split_changes,
    understand,
    without_colour,
)
from mcaclip.language.whole_phrases import in_a_row, whole_phrases
from mcaclip.language.wishes import Wish
from mcaclip.types import EditSettings, PromptStrength
from mcaclip.validate import FITTED, MAX_PROMPTS, MAX_STRENGTH, UNIVERSAL, check_mode, clean_prompt

RETOUCH, DIRECTION = "retouch", "direction"
"""How a wish is made that is done to the picture itself; it is no mode that anybody asks for."""
Strength = TypeVar("Strength", float, float | None)
"""Of a change; None is what is best for it."""


@dataclass(frozen=True)
class Ingredient:
    """One shift of an edit.

    Attributes:
        words: what the network is asked for; for a fitted one its prompt.
        factor: on the strength of the prompt that it is part of.
        mode: `UNIVERSAL`, `FITTED`, `DIRECTION` (of W), or `RETOUCH`; the last two need no network.
    """

    words: str
    factor: float
    mode: str


@dataclass(frozen=True)
class Reading:
    """One prompt, understood.

    Attributes:
        prompt: the wording for people and records.
        ingredients: what it is made of: itself, or the parts of a recipe.
        entry: its entry in the prompt library, if it has one.
        note: what to know of it, in plain words; mostly empty.
        amount: factor on the strength that the words ask for: 0.5 for "half".
        strength: what is best for its wish, where no entry says it.
    """

    prompt: str
    ingredients: tuple[Ingredient, ...]
    entry: LibraryPrompt | None = None
    note: str = ""
    amount: float = 1.0
    strength: float = 1.0

    @property
    def best(self) -> float:
        """The strength to begin with."""
        return min(MAX_STRENGTH, self.amount * (self.entry.best if self.entry else self.strength))


@dataclass(frozen=True)
class Answer:
    """What a text asks for.

    Attributes:
        readings: the changes that can be made, at least one, in the order of the text.
        refused: the words of other changes, and why they cannot.
    """

    readings: tuple[Reading, ...]
    refused: Mapping[str, PromptError] = field(default_factory=dict)


@dataclass(frozen=True)
class PromptReader:
    """Understands prompts for one editor.

    Attributes:
        fitted: the edits that were fitted to a prompt.
        entries: the prompt library.
        no_universal: why there is no universal network, in plain words; empty where there is one.
        wish: what free words ask for.
        stack: what the editor runs on, for the command that fits a prompt.
        own_edits: the place where the user's own fitted edits are found.
        directions: the words of edits along a direction of W.
    """

    fitted: Mapping[str, FittedEdit]
    entries: Sequence[LibraryPrompt]
    no_universal: str
    wish: Callable[[str], Wish]
    stack: Stack
    own_edits: Path
    directions: Collection[str] = ()

    def read(self, text: str, mode: str | None = None) -> Reading:
        """One prompt.

        Without a mode, a prompt that the user fitted is made by its own network, one of the library as the library
        says, any other by the universal network where there is one, else by a fitted one. An imported mapper makes
        what its card is called, letter by letter, in any mode.

        Raises:
            PromptError: empty, too long, clearly outside of what is known, or there is no network for it.
            StudioError: no such mode.
        """
        asked, mode = clean_prompt(text), check_mode(mode)
        if own := self._imported(asked):
            return Reading(own, (Ingredient(own, 1.0, FITTED),))
        wish = self._understood(asked)
        words = wish.words or wish.text
        entry, fit = find_entry(self.entries, words), find_fitted(self._fitted, words)
        if wish.problem:
            entry = fit = None
        made = self._made(words, wish, entry, fit, mode)
        return replace(made, amount=wish.amount, strength=wish.side.strength)

    def _made(
        self, words: str, wish: Wish, entry: LibraryPrompt | None, fit: str | None, mode: str | None
    ) -> Reading:
        """How a wish is made."""
        if mode != UNIVERSAL and fit and not self.fitted[fit].shipped:
            return Reading(fit, (Ingredient(fit, 1.0, FITTED),), entry)
        if entry and entry.recipe and not (mode == FITTED and fit):
            return self._recipe(entry, mode)
        if (without_network := self._without_network(wish.words)) and mode != FITTED:
            return Reading(words, (Ingredient(words, 1.0, without_network),), entry, wish.warning)
        wanted = mode or (entry.mode if entry else None) or UNIVERSAL
        if mode is None and wanted == FITTED and fit is None and not self.no_universal:
            wanted = UNIVERSAL
        if wanted == UNIVERSAL and not self.no_universal:
            if wish.problem:
                said = f'"{wish.text}": '
                raise PromptError(said + wish.warning, said + wish.problem, wish.nearest)
            prompt = entry.prompt if entry and find_prompt([entry], words) else words
            return Reading(prompt, (Ingredient(prompt, 1.0, UNIVERSAL),), entry, wish.warning)
        if mode == UNIVERSAL:
            raise PromptError(self.no_universal)
        if fit is None:
            raise PromptError(self._not_fitted(wish))
        return Reading(fit, (Ingredient(fit, 1.0, FITTED),), entry)

    def _understood(self, words: str) -> Wish:
        """What words ask for. Names of recipes and of fitted prompts are taken as they are."""
        entry = find_prompt(self.entries, words)
        if entry and not entry.recipe:
            wish = self.wish(words)  # which may say more: "very red lipstick"
            return wish if find_entry(self.entries, wish.words) is entry else self.wish(entry.prompt)
        return Wish(words, 1.0) if self._known(words) else self.wish(words)

    def read_all(self, text: str, mode: str | None = None) -> Answer:
        """Every change that a text asks for: "green lipstick and purple hair" are two.

        What is said twice is one change. A complaint ("her hair is too dark, make it blonde") that cannot be made by
        itself is answered by the other changes, unless it is about another part than theirs.

        Raises:
            PromptError: none of them can be made; or see `split`.
            StudioError: no such mode.
        """
        readings: list[Reading] = []
        refused: dict[str, PromptError] = {}
        for change in self.split(text):
            try:
                readings.append(self.read(change, mode))
            except PromptError as error:
                refused[change] = error
        readings, conflicts = self._without_conflicts(_once_each(readings))
        made = frozenset(part for one in readings for part in parts_in(one.prompt))
        if not readings:
            raise _together([*conflicts.values(), *refused.values()])
        errors = {change: error for change, error in refused.items() if not _answered(change, made)}
        return Answer(tuple(readings), {**conflicts, **errors})

    def split(self, text: str) -> tuple[str, ...]:
        """The changes that a text asks for, one text each. Raises PromptError for a text that is no prompt."""
        words = clean_prompt(text)
        if self._known(words):
            return (words,)
        changes = [
            piece
            for change in split_changes(words, self._known, self._wished, whole_phrases())
            for one in in_a_row(change)
            for piece in self._readable(one)
            for piece in self._with_its_colour(piece)
        ]
        return self._carried(changes, words)

    def _readable(self, change: str) -> tuple[str, ...]:
        """A change; its pieces where it is read as what none of them says, and some of them say something."""
        pieces = pieces_of(change, whole_phrases())
        if len(pieces) < 2 or self._known(change):
            return (change,)
        whole, read = self._understood(change), [self._understood(piece) for piece in pieces]
        said = [(wish.concept, wish.sign) for wish in read if wish.concept is not None]
        return (change,) if not said or (whole.concept, whole.sign) in said else pieces

    def _with_its_colour(self, change: str) -> tuple[str, ...]:
        """A change, and the colour that it names for the same part: "long blonde hair" is long and blonde."""
        meaning, said = understand(change), without_colour(change)
        if meaning is None or self._known(change):
            return (change,)
        if bare(said) not in named_wishes() and self._understood(change).concept is not None:
            said = change
        wish = self._understood(said)
        phrases = (wish.side.asks, *wish.side.phrases)
        named = any(f" {bare(phrase)} " in f" {without_colour(said)} " for phrase in phrases if phrase)
        if wish.concept is None or wish.concept.part or not named:  # "no grey beard" names what it takes away
            return (change,)
        if meaning.part not in parts_in(wish.side.asks or wish.concept.name):
            return (change,)
        return said, f"{meaning.colour} {PART_NOUNS[meaning.part][0]}"

    def _without_conflicts(self, readings: Sequence[Reading]) -> tuple[list[Reading], dict[str, PromptError]]:
        """The changes that go together, and why others do not: several colours of one part, a thing and its lack."""
        wanted: dict[str, list[str]] = {}
        for prompt in dict.fromkeys(one.prompt for one in readings):
            concept = self._understood(prompt).concept
            wanted.setdefault(concept.name if concept else prompt, []).append(prompt)
        several = [prompts for prompts in wanted.values() if len(prompts) > 1]
        conflicts = {" and ".join(f"“{one}”" for one in prompts): prompts for prompts in several}
        left = [one for one in readings if not any(one.prompt in prompts for prompts in several)]
        return left, {
            named: PromptError(f"{named} do not go together. Choose one of them.", nearest=tuple(prompts))
            for named, prompts in conflicts.items()
        }

    def _carried(self, changes: Sequence[str], words: str) -> tuple[str, ...]:
        """The changes of a text, with a removal carried over "and": "remove beard and glasses" removes both."""
        made = [changes[0]]
        for change in changes[1:]:
            joined = re.search(rf"(?:\band|\bor|&)\s+{re.escape(change)}", words, re.IGNORECASE)
            removed = joined and bare(change) in things() and self._understood(made[-1]).sign < 0
            made.append(f"no {bare(change)}" if removed else change)
        return tuple(made)

    def check(self, settings: EditSettings) -> tuple[EditSettings, tuple[Reading, ...]]:
        """The settings with every prompt in its own wording, and what each of them means, in the same order.

        What cannot be made is left out, and the settings say so.

        Raises:
            PromptError: nothing of it can be made; or two prompts mean the same edit, or there are too many.
            StudioError: a number is outside its range.
        """
        settings.check_numbers()
        asked = [(part.prompt, part.strength) for part in settings.parts]
        found, left_out = read_parts(lambda text: self.read_all(text, settings.mode), asked)
        parts = [
            PromptStrength(reading.prompt, min(MAX_STRENGTH, strength * reading.amount))
            for reading, strength in found
        ]
        checked = replace(settings.with_parts(parts), left_out=(*settings.left_out, *left_out))
        return check_parts(checked), tuple(reading for reading, _ in found)

    def offered(self) -> tuple[LibraryPrompt, ...]:
        """The library's entries that can be made here, then the fitted prompts that it does not name."""
        usable = tuple(entry for entry in self.entries if self.modes(entry))
        others = [LibraryPrompt(prompt) for prompt in self._fitted if find_entry(self.entries, prompt) is None]
        imported = [LibraryPrompt(prompt, IMPORTED) for prompt in self.fitted if prompt not in self._fitted]
        return (*usable, *others, *imported)

    def modes(self, entry: LibraryPrompt) -> tuple[str, ...]:
        """In which modes an entry can be made here; `RETOUCH` or `DIRECTION` where it needs no network."""
        if without_network := self._without_network(entry.prompt):
            return (without_network,)
        if self._imported(entry.prompt):
            return (FITTED,)
        found = () if self.no_universal else (UNIVERSAL,)
        names = [name for name, _ in entry.recipe] or [entry.prompt]
        if entry.prompt in self.fitted or all(find_fitted(self._fitted, name) for name in names):
            found = (*found, FITTED)
        return found

    @property
    def _fitted(self) -> Mapping[str, FittedEdit]:
        """The edits that another wording of their prompt may mean: all but the imported ones."""
        return {prompt: edit for prompt, edit in self.fitted.items() if not edit.imported}

    def _imported(self, words: str) -> str | None:
        """The imported edit of this name."""
        edits = self.fitted.items()
        return next((name for name, edit in edits if edit.imported and name.lower() == words.lower()), None)

    def _known(self, words: str) -> bool:
        """Whether a text is a prompt by itself, of the library or a fitted one."""
        return find_prompt(self.entries, words) is not None or any(p.lower() == words.lower() for p in self.fitted)

    def _without_network(self, words: str) -> str:
        """The mode in which words are made that need no network; empty for others."""
        return RETOUCH if words in RETOUCHES else DIRECTION if words in self.directions else ""

    def _wished(self, words: str) -> bool:
        """Whether free words ask for a change by themselves, possible or not."""
        wish = self._understood(words)
        return wish.concept is not None and (not wish.concept.part or bool(wish.colour))

    def _recipe(self, entry: LibraryPrompt, mode: str | None) -> Reading:
        made: list[Ingredient] = []
        for name, factor in entry.recipe:
            possible = (
                self.no_universal == "" if entry.mode == UNIVERSAL else find_fitted(self._fitted, name) is not None
            )
            try:
                part = self.read(name, mode or (entry.mode if possible else None))
            except PromptError as error:
                said = f'"{entry.prompt}" is made of {", ".join(name for name, _ in entry.recipe)}, and {error}'
                raise PromptError(said) from error
            made += [replace(one, factor=one.factor * factor) for one in part.ingredients]
        return Reading(entry.prompt, tuple(made), entry)

    def _fit_command(self, words: str) -> str:
        return f'python -m train prompt "{words}"{self.stack.options}'

    def _not_fitted(self, wish: Wish) -> str:
        """What to say of a prompt that no network here can make."""
        words = wish.words or wish.text
        command = self._fit_command(words)
        if not self.fitted:
            return (
                f"no prompt is fitted for the {self.stack.label} stack yet. Fit one with: {command}; then name the "
                f"file it writes with --edits FILE, or put it into {self.own_edits}"
            )
        warning = wish.warning
        doubt, advice = (
            (f"{warning} ", "Fitting it yourself will hardly work") if warning else ("", "Fit it yourself")
        )
        known = ", ".join(self.fitted)
        return f'no edit is fitted for "{words}". {doubt}Fitted here: {known}. {advice} with: {command}'


def read_parts(
    read: Callable[[str], Answer], parts: Sequence[tuple[str, Strength]]
) -> tuple[list[tuple[Reading, Strength]], tuple[str, ...]]:
    """The changes that several texts ask for.

    Args:
        read: reads one text; may raise PromptError.
        parts: the texts, each with its strength.

    Returns:
        What can be made, each change with its text's strength; and what to say of the rest.

    Raises:
        PromptError: nothing can be made.
    """
    found: list[tuple[Reading, Strength]] = []
    refused: list[PromptError] = []
    for text, strength in parts:
        try:
            answer = read(text)
        except PromptError as error:
            refused.append(error)
            continue
        found += [(reading, strength) for reading in answer.readings]
        refused += answer.refused.values()
    if not found:
        raise _together(refused)
    return found, tuple(f"Left out: {error}" for error in refused)


def _once_each(readings: Sequence[Reading]) -> list[Reading]:
    """The first reading of every prompt."""
    found: dict[str, Reading] = {}
    for one in readings:
        found.setdefault(one.prompt, one)
    return list(found.values())


def _answered(change: str, parts: frozenset[str]) -> bool:
    """Whether a change is a complaint that other changes, of some parts, answer."""
    said = parts_in(change)
    return complains(change) and (not said or not said.isdisjoint(parts))


def _together(errors: Sequence[PromptError]) -> PromptError:
    """Several reasons why nothing can be made, as one."""
    if len(errors) == 1:
        return errors[0]
    messages, problems = (" ".join(dict.fromkeys(said)) for said in (map(str, errors), (e.problem for e in errors)))
    return PromptError(messages, problems, tuple(dict.fromkeys(one for error in errors for one in error.nearest)))


def check_parts(settings: EditSettings) -> EditSettings:
    """The settings; raises PromptError where two of their prompts mean the same edit, or there are too many."""
    names = [part.prompt.lower() for part in settings.parts]
    for name in names:
        if names.count(name) > 1:
            raise PromptError(f'"{name}" is given twice: give it once, with the strength it should have')
    if len(names) > MAX_PROMPTS:
        raise PromptError(f"{len(names)} changes were asked for; combine at most {MAX_PROMPTS} in one edit.")
    return settings
