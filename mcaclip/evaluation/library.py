"""What the figures need of the prompt library, `assets/prompts.json`: useful strengths, and what recipes hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcaclip.errors import WeightsError
from mcaclip.text.colours import plain

PROMPTS_FILE = Path(__file__).resolve().parents[2] / "assets" / "prompts.json"

Recipes = Mapping[str, Sequence[tuple[str, float]]]
"""From a recipe's name, as `plain` has it, to its prompts with a factor on the strength of each."""


@dataclass(frozen=True)
class Entry:
    """One prompt of the library.

    Attributes:
        prompt: the words, or the name of a recipe.
        best: the strength to begin with.
        recipe: its prompts with a factor on the strength of each; empty for a prompt that stands for itself.
    """

    prompt: str
    best: float = 1.0
    recipe: tuple[tuple[str, float], ...] = ()


def read_library(path: Path = PROMPTS_FILE) -> tuple[Entry, ...]:
    """The entries in the order of the file; none without a file.

    Raises:
        WeightsError: it is no list of prompts.
    """
    if not path.is_file():
        return ()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            Entry(str(row["prompt"]), float(row["best"]), tuple((str(n), float(f)) for n, f in row.get("recipe", ())))
            for row in rows
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is no list of prompts ({error}): restore the file from git") from error


def recipes_of(entries: Sequence[Entry]) -> Recipes:
    """The recipes among the entries."""
    return {plain(entry.prompt): entry.recipe for entry in entries if entry.recipe}
