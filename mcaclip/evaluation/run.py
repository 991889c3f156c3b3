"""A run of figures: face by face, every edit written down at once, so that a second call goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mcaclip import weights
from mcaclip.config import SLOTS
from mcaclip.errors import PromptError, StudioError
from mcaclip.evaluation.faces import GENERATED, PHOTO, FaceSource
from mcaclip.evaluation.measuring import Face, Instruments, Row, measure_edit
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.row_log import RowLog
from mcaclip.evaluation.sheets import SHEET_FACES, Tiles, write_sheets
from mcaclip.evaluation.summary import FIGURES, TITLES, as_markdown, summarise
from mcaclip.evaluation.variants import FULL_SIZE, Column
from mcaclip.platform.atomic import write_text
from mcaclip.platform.digests import sha256_of

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        subjects: the edits.
        columns: who makes them.
        size: side of the edits, see `build_columns`.
        about: what else the figures depend on.
    """

    subjects: Sequence[Subject]
    columns: Sequence[Column]
    size: int = FULL_SIZE
    about: Mapping[str, object] = field(default_factory=dict)


def run(tools: Instruments, plan: Plan, faces: Iterable[FaceSource], out: Path, say: Say = lambda line: None) -> str:
    """Measure what is not measured yet and write `figures.json`, `figures.md` and the sheets into `out`.

    Args:
        say: gets a line an edit as it is done.

    Returns:
        The markdown.

    Raises:
        StudioError: `out` holds figures that were made otherwise, or there is nothing to measure.
    """
    if not plan.subjects:
        raise StudioError(f"there is nothing to evaluate: no prompt is known to the {tools.editor.stack} stack")
    log, tiles, sources = RowLog(out, Row, _about(tools, plan)), Tiles(out), list(faces)
    shown, done = _shown(sources), {row.key for row in log.rows}
    try:
        for number, source in enumerate(sources, 1):
            label = f"face {number} of {len(sources)}, {source.name}"
            of_face = _of_face(tools, plan, source, done, tiles if source in shown else None)
            for row, words in of_face:
                if row:
                    log.add(row)
                say(f"{label}: {words}")
            _write(log, plan, sources)
    finally:
        markdown = _write(log, plan, sources)
        names = [subject.title for subject in plan.subjects]
        columns = [column.name for column in plan.columns]
        write_sheets(tiles, out, [tile_name(one) for one in shown], names, columns, log.about)
    return markdown


def _about(tools: Instruments, plan: Plan) -> dict[str, object]:
    """What rows depend on; prompts and faces may change from call to call."""
    editor = tools.editor
    extra = weights.hashes((*SLOTS["parser"][editor.slots.parser], "face_parser"))
    files = {f"column {c.name}": sha256_of(c.file) if c.file else "the editor's" for c in plan.columns}
    about = {"stack": editor.stack, "size": plan.size, "weights": {**editor.weight_hashes(), **extra}}
    return {**about, **files, **plan.about}


def _shown(sources: Sequence[FaceSource]) -> list[FaceSource]:
    """The faces of the contact sheets: the first ones of each kind."""
    return [one for kind in (GENERATED, PHOTO) for one in [s for s in sources if s.kind == kind][:SHEET_FACES]]


def tile_name(source: FaceSource) -> str:
    """A face's name in files; photos of one name in two folders stay apart."""
    return f"{source.name}_{source.photo[:8]}" if source.photo else source.name


def _of_face(
    tools: Instruments,
    plan: Plan,
    source: FaceSource,
    done: set[tuple[str, str, str, str]],
    tiles: Tiles | None,
) -> Iterator[tuple[Row | None, str]]:
    """A row for each edit of a face that is still to do, with words about it; None for what had to be left out."""
    wanted = [
        (subject, column)
        for subject in plan.subjects
        for column in plan.columns
        if (source.name, source.photo, subject.title, column.name) not in done
    ]
    if not wanted:
        return
    try:
        face = Face(source, tools, plan.size)
    except StudioError as error:
        yield None, f"left out: {error}"
        return
    if tiles:
        tiles.keep(face.picture, tile_name(source))
    for subject, column in wanted:
        try:
            edited = column.edit(face.inversion, subject)
        except PromptError as error:
            yield None, f"{subject.title} ({column.name}) left out: {error}"
            continue
        if tiles:
            tiles.keep(edited.image, tile_name(source), subject.title, column.name)
        row = measure_edit(tools, face, subject, column.name, edited)
        yield row, line(row)


def line(row: Row) -> str:
    """One row for the terminal."""
    hit = {True: "hit", False: "missed", None: "no verdict"}[row.hit]
    figures = ", ".join(
        f"{name} {FIGURES[name].shown(getattr(row, name))}" for name in ("leak", "identity", "score", "seconds")
    )
    return f"{row.prompt} ({row.column}): {hit}, {figures}"


def _write(log: RowLog[Row], plan: Plan, sources: Sequence[FaceSource]) -> str:
    """Writes the figures of the rows that this call is about; rows of other prompts and faces stay in the log."""
    titles, columns = {s.title: s.counterfactual for s in plan.subjects}, {c.name for c in plan.columns}
    faces = {(one.name, one.photo) for one in sources}
    rows = [r for r in log.rows if r.prompt in titles and r.column in columns and (r.face, r.photo) in faces]
    summary = summarise(rows, titles)
    notes = [f"{TITLES[column.name]}: {column.note}." for column in plan.columns]
    markdown = as_markdown(summary, plan.subjects, plan.size, notes)
    report = {**log.about, **summary.as_json, "rows": [asdict(row) for row in rows]}
    write_text(log.out / "figures.json", json.dumps(report, indent=1))
    write_text(log.out / "figures.md", markdown)
    return markdown
