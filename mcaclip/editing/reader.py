"""What a prompt asks the networks for: which of them, with which words, and how strongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mcaclip.clip.familiarity import FamiliarityReport
from mcaclip.config import Stack
from mcaclip.editing.library import FittedEdit, find_fitted
from mcaclip.editing.prompts import LibraryPrompt, find_entry, find_prompt
from mcaclip.errors import PromptError
from mcaclip.language.grammar import split_changes
from mcaclip.types import EditSettings, PromptStrength
from mcaclip.validate import FITTED, MAX_PROMPTS, UNIVERSAL, check_mode, clean_prompt


@dataclass(frozen=True)
class Ingredient:
    """One shift of an edit.

    Attributes:
        words: what the network is asked for; for a fitted one its prompt.
        factor: on the strength of the prompt that it is part of.
        mode: `UNIVERSAL` or `FITTED`.
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
    """

    prompt: str
    ingredients: tuple[Ingredient, ...]
    entry: LibraryPrompt | None = None
    note: str = ""

    @property
    def best(self) -> float:
        """The strength to begin with."""
        return self.entry.best if self.entry else 1.0

    @property
    def mode(self) -> str:
        """How it is made: "universal", "fitted", or both."""
        return " and ".join(sorted({part.mode for part in self.ingredients}, reverse=True))


@dataclass(frozen=True)
class PromptReader:
    """Understands prompts for one editor.

    Attributes:
        fitted: the edits that were fitted to a prompt.
        entries: the prompt library.
        no_universal: why there is no universal network, in plain words; empty where there is one.
        familiarity: how well the words of a prompt are known.
        stack: what the editor runs on, for the command that fits a prompt.
        own_edits: the place where the user's own fitted edits are found.
    """

    fitted: Mapping[str, FittedEdit]
    entries: Sequence[LibraryPrompt]
    no_universal: str
    familiarity: Callable[[str], FamiliarityReport]
    stack: Stack
    own_edits: Path

    def read(self, text: str, mode: str | None = None) -> Reading:
        """One prompt.

        Without a mode, a prompt that the user fitted is made by its own network, one of the library as the library
        says, any other by the universal network where there is one, else by a fitted one.

        Raises:
            PromptError: empty, too long, clearly outside of what is known, or there is no network for it.
            StudioError: no such mode.
        """
        words, entry, fit = self._look_up(text)
        if check_mode(mode) != UNIVERSAL and fit and not self.fitted[fit].shipped:
            return Reading(fit, (Ingredient(fit, 1.0, FITTED),), entry)
        if entry and entry.recipe and not (mode == FITTED and fit):
            return self._recipe(entry, mode)
        wanted = mode or (entry.mode if entry else None) or UNIVERSAL
        if mode is None and wanted == FITTED and fit is None and not self.no_universal:
            wanted = UNIVERSAL
        if wanted == UNIVERSAL and not self.no_universal:
            return self._universal(words, entry)
        if mode == UNIVERSAL:
            raise PromptError(self.no_universal)
        if fit is None:
            raise PromptError(self._not_fitted(words))
        return Reading(fit, (Ingredient(fit, 1.0, FITTED),), entry)

    def read_all(self, text: str, mode: str | None = None) -> tuple[Reading, ...]:
        """Every change that a text asks for: "green lipstick and purple hair" are two. Raises as `read` does."""
        return tuple(self.read(change, mode) for change in self.split(text))

    def split(self, text: str) -> tuple[str, ...]:
        """The changes that a text asks for, one text each. Raises PromptError for one that is no prompt."""
        words = clean_prompt(text)
        return (words,) if self._known(words) else split_changes(words, self._known)

    def check(self, settings: EditSettings) -> tuple[EditSettings, tuple[Reading, ...]]:
        """The settings with every prompt in its own wording, and what each of them means, in the same order.

        Raises:
            PromptError: see `read`; or two prompts mean the same edit, or there are too many.
        """
        parts: list[PromptStrength] = []
        readings: list[Reading] = []
        for part in settings.parts:
            for reading in self.read_all(part.prompt, settings.mode):
                readings.append(reading)
                parts.append(PromptStrength(reading.prompt, part.strength))
        names = [part.prompt.lower() for part in parts]
        for name in names:
            if names.count(name) > 1:
                raise PromptError(f'"{name}" is given twice: give it once, with the strength it should have')
        if len(parts) > MAX_PROMPTS:
            raise PromptError(f"{len(parts)} changes were asked for; combine at most {MAX_PROMPTS} in one edit.")
        return settings.with_parts(parts), tuple(readings)

    def offered(self) -> tuple[LibraryPrompt, ...]:
        """The library's entries that can be made here, then the fitted prompts that it does not name."""
        usable = tuple(entry for entry in self.entries if self.modes(entry))
        named = [find_entry(self.entries, prompt) for prompt in self.fitted]
        others = [p for p, entry in zip(self.fitted, named, strict=True) if entry is None]
        return (*usable, *(LibraryPrompt(prompt) for prompt in others))

    def modes(self, entry: LibraryPrompt) -> tuple[str, ...]:
        """In which modes an entry can be made here."""
        found = () if self.no_universal else (UNIVERSAL,)
        names = [name for name, _ in entry.recipe] or [entry.prompt]
        if entry.prompt in self.fitted or all(find_fitted(self.fitted, name) for name in names):
            found = (*found, FITTED)
        return found

    def _look_up(self, text: str) -> tuple[str, LibraryPrompt | None, str | None]:
        """The cleaned words, the library's entry and the fitted prompt that say the same."""
        words = clean_prompt(text)
        entry = find_entry(self.entries, words)
        return words, entry, find_fitted(self.fitted, words)

    def _known(self, words: str) -> bool:
        """Whether a text is a prompt by itself, of the library or a fitted one."""
        return find_prompt(self.entries, words) is not None or any(p.lower() == words.lower() for p in self.fitted)

    def _recipe(self, entry: LibraryPrompt, mode: str | None) -> Reading:
        made: list[Ingredient] = []
        for name, factor in entry.recipe:
            possible = (
                self.no_universal == "" if entry.mode == UNIVERSAL else find_fitted(self.fitted, name) is not None
            )
            try:
                part = self.read(name, mode or (entry.mode if possible else None))
            except PromptError as error:
                said = f'"{entry.prompt}" is made of {", ".join(name for name, _ in entry.recipe)}, and {error}'
                raise PromptError(said) from error
            made += [replace(one, factor=one.factor * factor) for one in part.ingredients]
        return Reading(entry.prompt, tuple(made), entry)

    def _universal(self, words: str, entry: LibraryPrompt | None) -> Reading:
        if entry and find_prompt([entry], words):
            return Reading(entry.prompt, (Ingredient(entry.prompt, 1.0, UNIVERSAL),), entry)
        verdict = self.familiarity(words)
        if verdict.outside:
            raise PromptError(
                f'"{words}" is outside of what the models know. {verdict.warning} Please use other words, in English.'
            )
        note = f"“{words}” may not come out as you mean it. {verdict.warning}" if verdict.doubtful else ""
        return Reading(words, (Ingredient(words, 1.0, UNIVERSAL),), entry, note)

    def _fit_command(self, words: str) -> str:
        return f'python -m train prompt "{words}"{self.stack.options}'

    def _not_fitted(self, words: str) -> str:
        """What to say of a prompt that no network here can make."""
        command = self._fit_command(words)
        if not self.fitted:
            return (
                f"no prompt is fitted for the {self.stack.label} stack yet. Fit one with: {command}; then name the "
                f"file it writes with --edits FILE, or put it into {self.own_edits}"
            )
        warning = self.familiarity(words).warning
        doubt, advice = (
            (f"{warning} ", "Fitting it yourself will hardly work") if warning else ("", "Fit it yourself")
        )
        known = ", ".join(self.fitted)
        return f'no edit is fitted for "{words}". {doubt}Fitted here: {known}. {advice} with: {command}'
