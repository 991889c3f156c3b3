"""Several methods on the same face and prompt, with the same figures: `python -m mcaclip compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mcaclip.errors import PromptError
from mcaclip.evaluation.faces import Face
from mcaclip.evaluation.markdown import markdown_table
from mcaclip.evaluation.measures import HIT_SHARE
from mcaclip.evaluation.measuring import Measurement, rounded
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.variants import Edited
from mcaclip.methods.base import METHODS, EditMethod, MethodEdit
from mcaclip.platform.atomic import write_text
from mcaclip.types import ProgressCallback

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

    @classmethod
    def of(cls, measured: Measurement) -> Figures:
        """The figures of an edit by one prompt."""
        moved, edited = measured.colour_moved(), measured.edited
        return cls(
            hit=None if moved is None else moved >= HIT_SHARE,
            moved=rounded(moved, 3),
            leak=rounded(measured.leak, 3),
            identity=round(measured.identity, 4),
            area=rounded(edited.area, 4),
            seconds=round(edited.seconds, 2),
        )


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


def compare(
    methods: Sequence[EditMethod],
    face: Face,
    prompt: str,
    strength: float = 1.0,
    callback: ProgressCallback | None = None,
    may_fit: bool = False,
) -> Iterator[CompareRow]:
    """One row per method, each as soon as it is done.

    Args:
        callback: gets the progress of each edit; may raise to cancel.
        may_fit: whether a method that is not ready is fitted first; otherwise its row says how to fit it.
    """
    subject = Subject.of_one_part(prompt)
    for method in methods:
        try:
            ready = method.fit(prompt, callback) if may_fit and not method.ready(prompt) else method
            edit = ready.edit(face.inversion, prompt, strength, callback)
        except PromptError as error:
            yield CompareRow(method.name, face.name, prompt, problem=str(error))
            continue
        figures = Figures.of(Measurement(face, subject, Edited.of(edit)))
        yield CompareRow(method.name, face.name, prompt, edit, figures)


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
