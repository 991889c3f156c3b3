"""Several methods on the same face and prompt, with the same figures: `python -m mcaclip compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.errors import PromptError
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.evaluation.measures import HIT_SHARE, measure, named_region, see_face
from mcaclip.generators.base import Generator
from mcaclip.imaging.colour import colour_lab
from mcaclip.language.grammar import understand
from mcaclip.methods.base import METHODS, EditMethod, MethodEdit
from mcaclip.perception.base import Identity, Parser
from mcaclip.platform.atomic import write_text
from mcaclip.types import Inversion, ProgressCallback

COLUMNS = ("hit", "moved", "leak", "identity", "area", "seconds")


@dataclass(frozen=True)
class Figures:
    """The figures of an edit; `hit`, `moved` and `leak` are None where a prompt names no part and colour.

    Attributes:
        hit: whether the colour went at least half of the way.
        moved: how far it went, see `mcaclip.evaluation.measures.colour_moved`; 1 is all the way.
        leak: mean absolute change outside the named part, 0..255.
        identity: cosine of the identity of edit and face.
        area: share of the picture that the final mask opens; None for a method without masks.
        seconds: wall time of the edit.
    """

    hit: bool | None
    moved: float | None
    leak: float | None
    identity: float
    area: float | None
    seconds: float


@dataclass(frozen=True)
class CompareRow:
    """One method on one face.

    Attributes:
        method: its name in `METHODS`.
        face: the face's name.
        prompt: the words.
        edit: the edit, or None when the method could not make one.
        figures: the figures of the edit.
        problem: why there is no edit and what to do.
    """

    method: str
    face: str
    prompt: str
    edit: MethodEdit | None = None
    figures: Figures | None = None
    problem: str | None = None

    @property
    def title(self) -> str:
        """The method's name for people."""
        return METHODS[self.method].title


class EditMetrics:
    """Measures edits of faces; each face is parsed once as long as its edits follow one another.

    Args:
        preview: the 256 px generator, whose picture is parsed.
        parser: finds the parts of a face.
        identity: compares people.
    """

    def __init__(self, preview: Generator, parser: Parser, identity: Identity, device: torch.device):
        self.preview, self.parser, self.identity, self.device = preview, parser, identity, device
        self._last: tuple[Inversion, Tensor] | None = None

    def parsed(self, face: Inversion) -> Tensor:
        """Class probabilities `[1, 19, 256, 256]` of a face; those of the last one are cached."""
        if self._last is None or self._last[0] is not face:
            self._last = (face, see_face(self.preview, self.parser, face)[1])
        return self._last[1]

    @torch.no_grad()
    def figures(self, face: Inversion, prompt: str, edit: MethodEdit) -> Figures:
        """The figures of an edit of a face."""
        pair = (picture[None].to(self.device) for picture in (edit.image, edit.source))
        identity, meaning = float(self.identity.similarity(*pair)), understand(prompt)
        moved = leak = None
        if meaning is not None:
            mask, allowed = named_region(self.parsed(face), meaning.part)
            moved, leak = measure(edit.source, edit.image, mask, allowed, colour_lab(meaning.colour))
        return Figures(
            hit=None if moved is None else moved >= HIT_SHARE,
            moved=None if moved is None else round(moved, 3),
            leak=None if leak is None else round(leak, 3),
            identity=round(identity, 4),
            area=round(float(edit.masks[-1].mean()), 4) if edit.masks else None,
            seconds=round(edit.seconds, 2),
        )


def compare(
    methods: Sequence[EditMethod],
    metrics: EditMetrics,
    name: str,
    face: Inversion,
    prompt: str,
    strength: float = 1.0,
    callback: ProgressCallback | None = None,
    may_fit: bool = False,
) -> Iterator[CompareRow]:
    """One row per method, each as soon as it is done.

    Args:
        name: of the face, for the rows.
        callback: gets the progress of each edit; may raise to cancel.
        may_fit: whether a method that is not ready is fitted first; otherwise its row says how to fit it.
    """
    for method in methods:
        try:
            ready = method.fit(prompt, callback) if may_fit and not method.ready(prompt) else method
            edit = ready.edit(face, prompt, strength, callback)
        except PromptError as error:
            yield CompareRow(method.name, name, prompt, problem=str(error))
            continue
        yield CompareRow(method.name, name, prompt, edit, metrics.figures(face, prompt, edit))


def as_markdown(rows: Sequence[CompareRow]) -> str:
    """A table with one line per row; problems and notes follow below it."""
    faces = len({row.face for row in rows}) > 1
    head = ["method", *(["face"] if faces else []), *COLUMNS]
    lines = [
        [row.title, *([row.face] if faces else []), *(cell(getattr(row.figures, name, None)) for name in COLUMNS)]
        for row in rows
    ]
    problems = dict.fromkeys(f"- {row.title}: {row.problem}" for row in rows if row.problem)
    notes = dict.fromkeys(f"- {row.title}: {note}" for row in rows if row.edit for note in row.edit.notes)
    return "\n".join([*markdown_table(head, lines), *([""] if problems or notes else []), *problems, *notes]) + "\n"


def cell(value: object) -> str:
    """A figure for a table: yes or no for a hit, a dash where nothing was measured."""
    if value is None:
        return "–"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def write_rows(rows: Sequence[CompareRow], out: Path, about: Mapping[str, object]) -> None:
    """Write `compare.json` and `compare.md`.

    Args:
        about: further content of the JSON, for instance the stack and its weights.
    """
    listed = [
        {
            "method": row.method,
            "source": METHODS[row.method].source,
            "face": row.face,
            "prompt": row.prompt,
            "figures": asdict(row.figures) if row.figures else None,
            "notes": list(row.edit.notes) if row.edit else [],
            "problem": row.problem,
        }
        for row in rows
    ]
    write_text(out / "compare.json", json.dumps({**about, "rows": listed}, indent=1))
    write_text(out / "compare.md", as_markdown(rows))
