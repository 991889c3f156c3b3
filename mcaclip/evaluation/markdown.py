"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; a bar in a cell becomes a slash."""
    first, *others = (" | ".join(cell.replace("|", "/") for cell in cells) for cells in (head, *rows))
    return [f"| {first} |", "|---" * len(head) + "|", *(f"| {line} |" for line in others)]
