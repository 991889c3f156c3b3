"""How often the wishes of the table are fulfilled on photos, from the rows of a run of figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mcaclip.errors import StudioError
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.evaluation.measuring import MeasuredEdit
from mcaclip.language.concepts import FULFILLED_FILE, PROMISED, SOMETIMES, Concept, concepts
from mcaclip.platform.atomic import write_text
from mcaclip.types import EditSettings

COLOURS = ("green", "red")
"""Colours in which each part is measured."""
SAME_PERSON = 0.6
"""Cosine by the stack's identity network below which an edit made another person, and did not fulfil a wish."""
CHANGES_IDENTITY = frozenset({"old age", "childhood", "masculine face"})
"""Wishes that may make another person."""
FEWEST = 3
"""Fewer edits than these say nothing."""


def prompts_of(concept: Concept, sign: int) -> tuple[str, ...]:
    """The prompts by which one direction of a wish is measured; none where it cannot be asked for or measured."""
    side = concept.side(sign)
    if not (side.asks and side.measure):
        return ()
    return tuple(f"{colour} {side.asks}" for colour in COLOURS) if concept.part else (side.asks,)


def concept_settings(prompts: Sequence[str] = ()) -> list[EditSettings]:
    """An edit for each prompt of the table, once.

    Args:
        prompts: only these; none: all.

    Raises:
        StudioError: one of them is not in the table.
    """
    edits = [
        EditSettings(prompt, side.strength)
        for concept in concepts().values()
        for sign, side in concept.sides
        for prompt in prompts_of(concept, sign)
    ]
    known = {one.prompt for one in edits}
    if strange := [prompt for prompt in prompts if prompt not in known]:
        raise StudioError(f"--concepts: no wish is measured by {strange[0]!r}; there are {', '.join(sorted(known))}")
    return [one for one in dict.fromkeys(edits) if not prompts or one.prompt in prompts]


def shares(rows: Sequence[MeasuredEdit]) -> dict[str, tuple[float, int]]:
    """From each wish, "no" before one that is wished away, to its share of fulfilled edits and their number.

    Faces that show the thing already, or lack the part, do not count; wishes without a measure are left out.
    """
    found = {}
    for concept in concepts().values():
        for sign, side in concept.sides:
            asked = [p if side.strength == 1 else f"{p}:{side.strength:g}" for p in prompts_of(concept, sign)]
            judged = [row for row in rows if row.prompt in asked and row.hit is not None]
            if len(judged) >= FEWEST:
                right = [bool(row.hit) and _same_person(concept, row) for row in judged]
                found[_name(concept, sign)] = (sum(right) / len(right), len(right))
    return found


def _name(concept: Concept, sign: int) -> str:
    """What one direction of a wish is called in `fulfilled.json`."""
    return concept.name if sign > 0 else f"no {concept.name}"


def _same_person(concept: Concept, row: MeasuredEdit) -> bool:
    return concept.name in CHANGES_IDENTITY or row.identity >= SAME_PERSON


def write_concepts(rows: Sequence[MeasuredEdit], out: Path, some: bool = False) -> str:
    """Write `fulfilled.json`, as it stands in assets/words, and `concepts.md` into `out`; returns the markdown.

    Args:
        some: only some wishes were measured; the others have the shares that ship.
    """
    found = (_shipped() if some else {}) | shares(rows)
    content = {
        "about": "Share of photos on which a wish was fulfilled; made by `python -m mcaclip evaluate --concepts`.",
        "share": {name: round(share, 2) for name, (share, _) in found.items()},
        "number": {name: number for name, (_, number) in found.items()},
    }
    write_text(out / "fulfilled.json", json.dumps(content, indent=1) + "\n")
    markdown = "\n".join(markdown_table(("wish", "asked for", "fulfilled", "edits", "promise"), _table(found)))
    write_text(out / "concepts.md", markdown + "\n")
    return markdown


def _shipped() -> dict[str, tuple[float, int]]:
    """What `shares` gave for the shares that ship."""
    content = json.loads(FULFILLED_FILE.read_text(encoding="utf-8"))
    return {name: (share, content["number"][name]) for name, share in content["share"].items()}


def _table(found: Mapping[str, tuple[float, int]]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for concept in concepts().values():
        for sign, side in concept.sides:
            name = _name(concept, sign)
            if side.asks and name in found:
                share, number = found[name]
                lines.append(
                    (name, ", ".join(prompts_of(concept, sign)), f"{share:.2f}", str(number), promise(share))
                )
            elif side.asks:
                lines.append((name, side.asks, "-", "0", "not measured"))
    return lines


def promise(share: float) -> str:
    """What is said of a wish that is fulfilled on a share of photos."""
    return "can be edited" if share >= PROMISED else "often works" if share >= SOMETIMES else "refused"
