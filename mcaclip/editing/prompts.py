"""The prompt library: prompts that were looked at, with their useful strengths, from `assets/prompts.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mcaclip.config import ASSETS
from mcaclip.errors import StudioError, WeightsError
from mcaclip.language.grammar import Meaning, understand
from mcaclip.language.vocabulary import content_words
from mcaclip.validate import MAX_STRENGTH, MODES, clean_prompt

PROMPTS_FILE = ASSETS / "prompts.json"
IMPORTED = "Imported"
"""The category of the edits that were imported from published files."""
MAX_INGREDIENTS = 4
"""Each costs another pass through the generator's masked layers."""
_FIELDS = {"prompt", "category", "strength", "best", "recipe", "mode"}
_NEEDED = {"prompt", "category", "strength", "best"}


@dataclass(frozen=True)
class LibraryPrompt:
    """One entry of the library.

    Attributes:
        prompt: the words, or the name of a recipe.
        category: where it stands on the page, for instance "Lips"; empty for a prompt that no library names.
        recipe: what it is composed of, each with a factor on the strength; empty for a prompt that stands for itself.
        strength: the lowest and the highest strength that look good.
        best: the strength to begin with.
        mode: one of `mcaclip.validate.MODES` where one of them is known to be better, else None.
    """

    prompt: str
    category: str = ""
    recipe: tuple[tuple[str, float], ...] = ()
    strength: tuple[float, float] = (0.5, 1.5)
    best: float = 1.0
    mode: str | None = None

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its content words, in order."""
        return tuple(content_words(self.prompt))

    @cached_property
    def meaning(self) -> Meaning | None:
        """Part and colour; None for a recipe and for a prompt that names none."""
        return None if self.recipe else understand(self.prompt)


def load_prompts(path: Path = PROMPTS_FILE) -> tuple[LibraryPrompt, ...]:
    """The library's entries, in the order of the file.

    Raises:
        WeightsError: the file is missing or damaged; the message names the entry and what is wrong with it.
    """
    remedy = "Correct it, or restore it with `git checkout -- assets/prompts.json`."
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as JSON ({error}). {remedy}") from error
    if not isinstance(raw, list):
        raise WeightsError(f"{path} is no list of prompts. {remedy}")
    entries: list[LibraryPrompt] = []
    for number, item in enumerate(raw, 1):
        try:
            entry = parse_entry(item)
            if any(entry.words == other.words for other in entries):
                raise ValueError(f"{entry.prompt!r} is there already")
            entries.append(entry)
        except (ValueError, TypeError, StudioError) as error:
            raise WeightsError(f"{path}: entry {number} cannot be used: {error}. {remedy}") from error
    recipes = {entry.words for entry in entries if entry.recipe}
    for entry in entries:
        for name, _ in entry.recipe:
            if tuple(content_words(name)) in recipes:
                raise WeightsError(
                    f"{path}: {entry.prompt!r} uses {name!r}, which is a recipe itself; name its parts. {remedy}"
                )
    return tuple(entries)


def parse_entry(raw: Any) -> LibraryPrompt:
    """One entry of the file, checked.

    Raises:
        ValueError: with what is wrong with it.
        StudioError: a prompt that is none.
    """
    if not isinstance(raw, dict):
        raise ValueError("it is no JSON object")
    if missing := _NEEDED - set(raw):
        raise ValueError(f"it has no {', '.join(sorted(missing))}")
    if unknown := set(raw) - _FIELDS:
        raise ValueError(f"it has the unknown field {', '.join(sorted(map(str, unknown)))}")
    if not isinstance(raw["category"], str) or not raw["category"].strip():
        raise ValueError("its category is no text")
    low, high = _strengths(raw["strength"])
    best = _number(raw["best"], "best", low, high)
    mode = raw.get("mode")
    if mode is not None and mode not in MODES:
        raise ValueError(f"its mode is {mode!r}, not {' or '.join(MODES)}")
    prompt = clean_prompt(_text(raw["prompt"], "prompt"))
    return LibraryPrompt(prompt, raw["category"].strip(), _recipe(raw.get("recipe", [])), (low, high), best, mode)


def find_entry(entries: Sequence[LibraryPrompt], text: str) -> LibraryPrompt | None:
    """The entry that a text asks for, by its words or else by its part and colour."""
    return find_prompt(entries, text) or find_meaning(entries, text)


def find_prompt(entries: Sequence[LibraryPrompt], text: str) -> LibraryPrompt | None:
    """The entry that a text asks for: the one of the same content words ("a photo of a zombie" is "zombie")."""
    words = tuple(content_words(text))
    return next((entry for entry in entries if entry.words == words), None)


def find_meaning(entries: Sequence[LibraryPrompt], text: str) -> LibraryPrompt | None:
    """The entry that names the same part and colour ("green lips" is "green lipstick")."""
    meaning = understand(text)
    return next((entry for entry in entries if meaning is not None and entry.meaning == meaning), None)


def _strengths(raw: Any) -> tuple[float, float]:
    if not isinstance(raw, list) or len(raw) != 2:
        raise ValueError("its strength is not [lowest, highest]")
    low = _number(raw[0], "lowest strength", 0.0, MAX_STRENGTH)
    return low, _number(raw[1], "highest strength", low, MAX_STRENGTH)


def _recipe(raw: Any) -> tuple[tuple[str, float], ...]:
    if not isinstance(raw, list) or any(not isinstance(row, list) or len(row) != 2 for row in raw):
        raise ValueError("its recipe is no list of [prompt, factor]")
    if len(raw) > MAX_INGREDIENTS:
        raise ValueError(f"its recipe has {len(raw)} parts; at most {MAX_INGREDIENTS} can be combined")
    rows = tuple(
        (clean_prompt(_text(name, "recipe")), _number(factor, f"factor of {name!r}", 0.05, MAX_STRENGTH))
        for name, factor in raw
    )
    if len({tuple(content_words(name)) for name, _ in rows}) < len(rows):
        raise ValueError("its recipe names a prompt twice")
    return rows


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"its {what} is no text")
    return value


def _number(value: Any, what: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"its {what} is no number")
    if not low <= value <= high:
        raise ValueError(f"its {what} is {value:g}, outside {low:g} to {high:g}")
    return float(value)
