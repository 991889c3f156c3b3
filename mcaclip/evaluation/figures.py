"""The figures of the studio's own edits: the tables and contact sheets of all subjects by all variants."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip import weights
from mcaclip.config import SLOTS
from mcaclip.errors import StudioError
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import GENERATED, PHOTO, Face, FaceToMeasure
from mcaclip.evaluation.measuring import MeasuredEdit, Measurement
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.run import EvaluationPlan, Run, fill
from mcaclip.evaluation.sheets import SHEET_FACES, Tiles, write_sheets
from mcaclip.evaluation.summary import TITLES, as_markdown, summarise
from mcaclip.evaluation.variants import Variant
from mcaclip.platform.atomic import write_text
from mcaclip.platform.digests import sha256_of

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


class FiguresRun(Run[MeasuredEdit]):
    """The rows of the figures on disk, with small pictures for the contact sheets."""

    def __init__(self, out: Path, about: Mapping[str, object]):
        super().__init__(out, MeasuredEdit, about)
        self.tiles = Tiles(out)

    def key_of(self, face: FaceToMeasure, prompt: str, variant: str) -> tuple[str, ...]:
        """See `Run.key_of`."""
        return variant, face.name, face.photo, prompt

    def keep_face(self, face: Face, shown: bool) -> None:
        """See `Run.keep_face`."""
        if shown:
            self.tiles.save(face.picture, tile_name(face))

    def row(self, measured: Measurement, variant: str, shown: bool) -> MeasuredEdit:
        """See `Run.row`."""
        row = MeasuredEdit.of(measured, variant)
        if shown:
            self.tiles.save(measured.edited.image, tile_name(measured.face), row.prompt, variant)
        return row


def tile_name(face: Face | FaceToMeasure) -> str:
    """A face's name in files; photos of one name in two folders stay apart."""
    return f"{face.name}_{face.photo[:8]}" if face.photo else face.name


@dataclass(frozen=True)
class FiguresTable:
    """What is measured: every subject by every variant on every face, at a size (see `build_variants`)."""

    subjects: Sequence[Subject]
    variants: Sequence[Variant]
    faces: Sequence[FaceToMeasure]
    size: int

    def measure(
        self, editor: FaceEditor, context: EvaluationContext, out: Path, about: Mapping[str, object],
        report: Callable[[str], None],
    ) -> str:  # fmt: skip
        """Measure what is not measured yet and write `figures.json`, `figures.md` and the sheets into `out`.

        Args:
            about: further settings that the figures depend on.
            report: see `fill`.

        Returns:
            The markdown.

        Raises:
            StudioError: `out` holds figures of other weights or settings, or there is nothing to measure.
        """
        if not self.subjects:
            raise StudioError(f"there is nothing to evaluate: no prompt is known to the {editor.stack} stack")
        run = FiguresRun(out, {**self._about(editor), **about})
        # the contact sheets show the first faces of each kind
        kinds = [[one for one in self.faces if one.kind == kind] for kind in (GENERATED, PHOTO)]
        shown = [one for faces in kinds for one in faces[:SHEET_FACES]]
        plan = EvaluationPlan(list(product(self.subjects, self.variants)), self.faces, shown, self.size)
        try:
            fill(run, context, plan, report, after_face=lambda: self._write(run))
        finally:
            markdown = self._write(run)
            prompts, variants = [one.title for one in self.subjects], [one.name for one in self.variants]
            write_sheets(run.tiles, out, [tile_name(one) for one in shown], prompts, variants, run.about)
        return markdown

    def _about(self, editor: FaceEditor) -> dict[str, object]:
        """Everything that rows depend on; prompts and faces may differ between calls."""
        extra = weights.hashes((*SLOTS["parser"][editor.slots.parser], "face_parser"))
        files = {f"column {v.name}": sha256_of(v.file) if v.file else "the editor's" for v in self.variants}
        return {"stack": editor.stack, "size": self.size, "weights": {**editor.weight_hashes(), **extra}, **files}

    def _write(self, run: FiguresRun) -> str:
        """Writes the figures of this call's prompts and faces; the run keeps all rows."""
        titles, variants = {s.title: s.counterfactual for s in self.subjects}, {v.name for v in self.variants}
        faces = {(one.name, one.photo) for one in self.faces}
        rows = [r for r in run.rows if r.prompt in titles and r.column in variants and (r.face, r.photo) in faces]
        summary = summarise(rows, titles)
        notes = [f"{TITLES[variant.name]}: {variant.note}." for variant in self.variants]
        markdown = as_markdown(summary, self.subjects, self.size, notes)
        figures = {**run.about, **summary.as_json, "rows": [asdict(row) for row in rows]}
        write_text(run.out / "figures.json", json.dumps(figures, indent=1))
        write_text(run.out / "figures.md", markdown)
        return markdown
