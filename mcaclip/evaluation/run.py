"""A run of figures, face by face: each edit is recorded at once, so that a second call continues after the last."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mcaclip import weights
from mcaclip.config import SLOTS
from mcaclip.errors import PromptError, StudioError
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import GENERATED, PHOTO, Face, FaceToMeasure
from mcaclip.evaluation.measuring import MeasuredEdit, measure_edit
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.row_log import RowLog
from mcaclip.evaluation.sheets import SHEET_FACES, Tiles, write_sheets
from mcaclip.evaluation.summary import FIGURES, TITLES, as_markdown, summarise
from mcaclip.evaluation.variants import FULL_SIZE, Variant
from mcaclip.platform.atomic import write_text
from mcaclip.platform.digests import sha256_of


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured.

    Attributes:
        subjects: the edits.
        variants: make each of them.
        size: side of the edits, see `build_variants`.
        about: further settings that the figures depend on.
    """

    subjects: Sequence[Subject]
    variants: Sequence[Variant]
    size: int = FULL_SIZE
    about: Mapping[str, object] = field(default_factory=dict)


def run(
    context: EvaluationContext,
    plan: EvaluationPlan,
    faces: Iterable[FaceToMeasure],
    out: Path,
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Measure what is not measured yet and write `figures.json`, `figures.md` and the sheets into `out`.

    Args:
        report: gets a line per edit as it is done.

    Returns:
        The markdown.

    Raises:
        StudioError: `out` holds figures of other weights or settings, or there is nothing to measure.
    """
    if not plan.subjects:
        raise StudioError(f"there is nothing to evaluate: no prompt is known to the {context.editor.stack} stack")
    log, tiles, sources = RowLog(out, MeasuredEdit, _about(context, plan)), Tiles(out), list(faces)
    done = {row.key for row in log.rows}
    # the contact sheets show the first faces of each kind
    shown = [one for kind in (GENERATED, PHOTO) for one in [s for s in sources if s.kind == kind][:SHEET_FACES]]
    try:
        for number, source in enumerate(sources, 1):
            label = f"face {number} of {len(sources)}, {source.name}"
            for result in _measure_face(context, plan, source, done, tiles if source in shown else None):
                if isinstance(result, MeasuredEdit):
                    log.add(result)
                report(f"{label}: {line(result) if isinstance(result, MeasuredEdit) else result}")
            _write(log, plan, sources)
    finally:
        markdown = _write(log, plan, sources)
        prompts, variants = [one.title for one in plan.subjects], [one.name for one in plan.variants]
        write_sheets(tiles, out, [tile_name(one) for one in shown], prompts, variants, log.about)
    return markdown


def _about(context: EvaluationContext, plan: EvaluationPlan) -> dict[str, object]:
    """Everything that rows depend on; prompts and faces may differ between calls."""
    editor = context.editor
    extra = weights.hashes((*SLOTS["parser"][editor.slots.parser], "face_parser"))
    files = {f"column {v.name}": sha256_of(v.file) if v.file else "the editor's" for v in plan.variants}
    about = {"stack": editor.stack, "size": plan.size, "weights": {**editor.weight_hashes(), **extra}}
    return {**about, **files, **plan.about}


def tile_name(source: FaceToMeasure) -> str:
    """A face's name in files; photos of one name in two folders stay apart."""
    return f"{source.name}_{source.photo[:8]}" if source.photo else source.name


def _measure_face(
    context: EvaluationContext,
    plan: EvaluationPlan,
    source: FaceToMeasure,
    done: set[tuple[str, str, str, str]],
    tiles: Tiles | None,
) -> Iterator[MeasuredEdit | str]:
    """A row for each edit of a face that is still to do, or the reason why it is left out."""
    wanted = [
        (subject, variant)
        for subject in plan.subjects
        for variant in plan.variants
        if (source.name, source.photo, subject.title, variant.name) not in done
    ]
    if not wanted:
        return
    try:
        face = Face(source, context, plan.size)
    except StudioError as error:
        yield f"left out: {error}"
        return
    if tiles:
        tiles.save(face.picture, tile_name(source))
    for subject, variant in wanted:
        try:
            edited = variant.edit(face.inversion, subject)
        except PromptError as error:
            yield f"{subject.title} ({variant.name}) left out: {error}"
            continue
        if tiles:
            tiles.save(edited.image, tile_name(source), subject.title, variant.name)
        yield measure_edit(context, face, subject, variant.name, edited)


def line(row: MeasuredEdit) -> str:
    """One row for the terminal."""
    hit = {True: "hit", False: "missed", None: "not measurable"}[row.hit]
    figures = ", ".join(
        f"{name} {FIGURES[name].shown(getattr(row, name))}" for name in ("leak", "identity", "score", "seconds")
    )
    return f"{row.prompt} ({row.column}): {hit}, {figures}"


def _write(log: RowLog[MeasuredEdit], plan: EvaluationPlan, sources: Sequence[FaceToMeasure]) -> str:
    """Writes the figures of this call's prompts and faces; the log keeps all rows."""
    titles, variants = {s.title: s.counterfactual for s in plan.subjects}, {v.name for v in plan.variants}
    faces = {(one.name, one.photo) for one in sources}
    rows = [r for r in log.rows if r.prompt in titles and r.column in variants and (r.face, r.photo) in faces]
    summary = summarise(rows, titles)
    notes = [f"{TITLES[variant.name]}: {variant.note}." for variant in plan.variants]
    markdown = as_markdown(summary, plan.subjects, plan.size, notes)
    figures = {**log.about, **summary.as_json, "rows": [asdict(row) for row in rows]}
    write_text(log.out / "figures.json", json.dumps(figures, indent=1))
    write_text(log.out / "figures.md", markdown)
    return markdown
