"""The one loop of all tables, face by face.

Each edit is recorded at once, so that a second call continues after the last, and an interrupted run has every
variant on the same faces.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from mcaclip.errors import PromptError, StudioError
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import Face, FaceToMeasure
from mcaclip.evaluation.measuring import MeasuredRow, Measurement, Row
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.row_log import RowLog
from mcaclip.evaluation.summary import FIGURES
from mcaclip.evaluation.variants import FULL_SIZE, Variant


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured.

    Attributes:
        edits: what is made of each face, and how.
        faces: one without a face in it is left out.
        shown: those of them whose small pictures are stored.
        size: side of the edits, see `build_variants`.
    """

    edits: Sequence[tuple[Subject, Variant]]
    faces: Sequence[FaceToMeasure]
    shown: Sequence[FaceToMeasure]
    size: int = FULL_SIZE


class Run(RowLog[Row], Generic[Row]):
    """The rows of a table on disk, with pictures or whatever else belongs to them. Raises the errors of `RowLog`."""

    @abstractmethod
    def key_of(self, face: FaceToMeasure, prompt: str, variant: str) -> tuple[str, ...]:
        """`MeasuredRow.key` of an edit before it is made."""

    @abstractmethod
    def keep_face(self, face: Face, shown: bool) -> None:
        """Store what belongs to a face; called before its edits."""

    @abstractmethod
    def row(self, measured: Measurement, variant: str, shown: bool) -> Row:
        """The row of an edit, before it is added; stores what belongs to it."""


def fill(
    run: Run[Row],
    context: EvaluationContext,
    plan: EvaluationPlan,
    report: Callable[[str], None] = lambda line: None,
    after_face: Callable[[], object] = lambda: None,
) -> None:
    """Measure what is not measured yet.

    Args:
        report: gets a line per edit as it is done, and one for what is left out.
        after_face: called when a face is done.
    """
    done = {row.key for row in run.rows}
    for number, source in enumerate(plan.faces, 1):
        for line in _measure_face(run, context, plan, source, done):
            report(f"face {number} of {len(plan.faces)}, {source.name}: {line}")
        after_face()


def _measure_face(
    run: Run[Row], context: EvaluationContext, plan: EvaluationPlan, source: FaceToMeasure, done: set
) -> Iterator[str]:
    """Measure the edits of a face whose keys are not `done`, and add them; yields a line for each."""
    wanted = [edit for edit in plan.edits if run.key_of(source, edit[0].title, edit[1].name) not in done]
    if not wanted:
        return
    try:
        face = Face(source, context, plan.size)
    except StudioError as error:
        yield f"left out: {error}"
        return
    shown = source in plan.shown
    run.keep_face(face, shown)
    for subject, variant in wanted:
        name = f"{subject.title} ({variant.name})"
        try:
            edited = variant.edit(face.inversion, subject, source.name)
        except PromptError as error:
            yield f"{name} left out: {error}"
            continue
        row = run.row(Measurement(face, subject, edited), variant.name, shown)
        run.add(row)
        done.add(row.key)
        yield f"{name}: {_line(row)}"


def _line(row: MeasuredRow) -> str:
    """The figures of a row for the terminal."""
    names = ("hit", "leak", "identity", "score", "seconds")
    found = {name: getattr(row, name) for name in names if hasattr(row, name)}
    hit = {True: "hit", False: "missed", None: "not measurable"}[found.pop("hit")]
    return ", ".join([hit, *(f"{name} {FIGURES[name].shown(value)}" for name, value in found.items())])
