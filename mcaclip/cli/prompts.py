"""`python -m mcaclip prompts`: the prompts that can be edited here, by category, with their useful strengths."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from mcaclip.cli.arguments import EditorLoader, EditorOptions
from mcaclip.cli.options import Arg

if TYPE_CHECKING:
    from mcaclip.editing.prompts import LibraryPrompt

NO_CATEGORY = "Fitted, not in the library"
ANY_PROMPT = "Any other prompt that FaceCLIP knows can be edited too: the universal network needs no fit."


@dataclass(frozen=True, kw_only=True)
class Options(EditorOptions):
    """List the prompts that can be edited, with their useful strengths."""

    json: Annotated[bool, Arg("write JSON: a list of objects, one per prompt")] = False


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes a table, or JSON; the exit status."""
    editor = options.load_editor(load)
    rows = [(entry, editor.modes(entry)) for entry in editor.offered()]
    if options.json:
        sys.stdout.write(json.dumps([as_json(*row) for row in rows], indent=1, ensure_ascii=False) + "\n")
        return 0
    sys.stdout.write(as_table(rows))
    if editor.has_universal:
        sys.stdout.write(f"\n{ANY_PROMPT}\n")
    return 0


def as_json(entry: LibraryPrompt, modes: Sequence[str]) -> dict[str, Any]:
    """One prompt; `modes` are those in which it can be made here."""
    return {
        "prompt": entry.prompt,
        "category": entry.category or None,
        "recipe": [list(part) for part in entry.recipe],
        "strength": list(entry.strength),
        "best": entry.best,
        "mode": entry.mode,
        "modes": list(modes),
    }


def as_table(rows: Sequence[tuple[LibraryPrompt, Sequence[str]]]) -> str:
    """Lines of text: a category, below it its prompts."""
    width = max((len(entry.prompt) for entry, _ in rows), default=0)
    categories = dict.fromkeys(entry.category or NO_CATEGORY for entry, _ in rows)
    blocks = []
    for category in categories:
        lines = [
            f"  {entry.prompt:<{width}}  {_range(entry)}  {', '.join(modes)}{_recipe(entry)}"
            for entry, modes in rows
            if (entry.category or NO_CATEGORY) == category
        ]
        blocks.append("\n".join([category, *lines]))
    return "\n\n".join(blocks) + ("\n" if blocks else "")


def _range(entry: LibraryPrompt) -> str:
    low, high = entry.strength
    return f"strength {low:.1f} to {high:.1f}, best {entry.best:.1f}"


def _recipe(entry: LibraryPrompt) -> str:
    parts = " + ".join(f"{name} {factor:g}" for name, factor in entry.recipe)
    return f"  = {parts}" if parts else ""
