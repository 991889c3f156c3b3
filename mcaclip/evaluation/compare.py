"""Several methods on the same face and prompt, judged alike: `python -m mcaclip compare`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.errors import PromptError
from mcaclip.evaluation.measures import HIT_SHARE, measure, named_region, see_face
from mcaclip.generators.base import Generator
from mcaclip.imaging.colour import colour_lab
from mcaclip.language.grammar import understand
from mcaclip.methods.base import METHODS, EditMethod, MethodEdit
from mcaclip.perception.base import Identity, Parser
from mcaclip.platform.atomic import write_text
from mcaclip.types import ProgressCallback

COLUMNS = ("hit", "moved", "leak", "identity", "area", "seconds")


@dataclass(frozen=True)
class Figures:
    """What an edit is worth; None where a prompt names no part and colour that could be measured.

    Attributes:
        hit: the colour arrived at least half way (see `mcaclip.evaluation.measures.colour_moved`).
        moved: how far it arrived; 1 is there.
        leak: mean absolute change outside the named part, 0..255.
        identity: cosine of the edit's identity to the face's.
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
        figures: of the edit.
        problem: why there is no edit and what to do, in plain words.
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
    """Judges edits of faces; every face is parsed once.

    Args:
        preview: the 256 px generator, whose picture is parsed.
        parser: finds the parts of a face.
        identity: tells people apart.
    """

    def __init__(self, preview: Generator, parser: Parser, identity: Identity, device: torch.device):
        self.preview, self.parser, self.identity, self.device = preview, parser, identity, device
        self._face: tuple[Tensor, Tensor] | None = None

    def parsed(self, w_plus: Tensor) -> Tensor:
        """Class probabilities `[1, 19, 256, 256]` of a code `[18, 512]`; those of the last one are kept."""
        if self._face is None or not torch.equal(self._face[0], w_plus):
            self._face = (w_plus, see_face(self.preview, self.parser, w_plus)[1])
        return self._face[1]

    @torch.no_grad()
    def figures(self, w_plus: Tensor, prompt: str, edit: MethodEdit) -> Figures:
        """The figures of an edit of a code `[18, 512]`."""
        pair = (picture[None].to(self.device) for picture in (edit.image, edit.source))
        identity, meaning = float(self.identity.similarity(*pair)), understand(prompt)
        moved = leak = None
        if meaning is not None:
            mask, allowed = named_region(self.parsed(w_plus), meaning.part)
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
    face: str,
    w_plus: Tensor,
    prompt: str,
    strength: float = 1.0,
    callback: ProgressCallback | None = None,
    may_fit: bool = False,
) -> Iterator[CompareRow]:
    """The methods one after another, a row each as soon as it is there.

    Args:
        face: a name for the rows.
        w_plus: the face's code, `[18, 512]`.
        callback: told of the progress of each edit; may raise to cancel.
        may_fit: fit a method that is not ready first; otherwise its row says how to fit it.
    """
    for method in methods:
        try:
            ready = method.fit(prompt, callback) if may_fit and not method.ready(prompt) else method
            edit = ready.edit(w_plus, prompt, strength, callback)
        except PromptError as error:
            yield CompareRow(method.name, face, prompt, problem=str(error))
            continue
        yield CompareRow(method.name, face, prompt, edit, metrics.figures(w_plus, prompt, edit))


def as_markdown(rows: Sequence[CompareRow]) -> str:
    """A table with a line a row; what a method could not do stands below it."""
    faces = len({row.face for row in rows}) > 1
    head = ["method", *(["face"] if faces else []), *COLUMNS]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        values = asdict(row.figures) if row.figures else {}
        cells = [row.title, *([row.face] if faces else []), *(cell(values.get(name)) for name in COLUMNS)]
        lines.append("| " + " | ".join(cells) + " |")
    problems = dict.fromkeys(f"- {row.title}: {row.problem}" for row in rows if row.problem)
    notes = dict.fromkeys(f"- {row.title}: {note}" for row in rows if row.edit for note in row.edit.notes)
    return "\n".join([*lines, *([""] if problems or notes else []), *problems, *notes]) + "\n"


def cell(value: object) -> str:
    """A figure in a table: yes or no for a hit, a dash where nothing was measured."""
    if value is None:
        return "–"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def write_rows(rows: Sequence[CompareRow], out: Path, about: Mapping[str, object]) -> None:
    """Write `compare.json` and `compare.md`.

    Args:
        about: goes into the JSON beside the rows, for instance the stack and its weights.
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
