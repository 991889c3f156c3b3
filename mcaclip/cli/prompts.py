"""`python -m mcaclip prompts`: the prompts that can be edited here, by category, with their useful strengths."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.cli.arguments import add_edits_file, add_stack, chosen_stack, named_edits
from mcaclip.config import Stack

if TYPE_CHECKING:
    from mcaclip.editing.prompts import LibraryPrompt
    from mcaclip.editor import FaceEditor

NO_CATEGORY = "Fitted, not in the library"
ANY_PROMPT = "Any other prompt that FaceCLIP knows can be edited too: the universal network needs no fit."


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command `prompts`."""
    parser = commands.add_parser("prompts", help="list the prompts that can be edited, with their useful strengths")
    parser.add_argument("--json", action="store_true", help="write JSON: a list of objects, one a prompt")
    add_stack(parser)
    add_edits_file(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, load: Callable[[Stack, Sequence[Path]], FaceEditor]) -> int:
    """`prompts`: a table, or JSON."""
    editor = load(chosen_stack(args), named_edits(args))
    rows = [(entry, editor.modes(entry)) for entry in editor.offered()]
    if args.json:
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
