"""Commands on photos: from the command line to rows, through an engine, to the summary and the exit status."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.batch import check_folder, pictures
from mcaclip.cli.many.engines import Engine, InProcess, Processes
from mcaclip.cli.many.resume import already_there
from mcaclip.cli.many.rows import PhotoRow, RowResult, as_repeated, repeated, rows_of
from mcaclip.cli.many.summary import CSV_NAME, CsvTable, Outcomes, ParquetTable
from mcaclip.cli.many.table import read_list, told
from mcaclip.cli.many.work import Follow, WorkMaker, results_of
from mcaclip.cli.photos import PhotoOptions, progress, usable_cores
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from tqdm import tqdm

    from mcaclip.types import Progress, ProgressCallback


def run_photos(options: PhotoOptions, load: EditorLoader | None) -> int:
    """Does what a command asks of its photos; the exit status. Raises StudioError for options that cannot be used.

    Args:
        options: of the command.
        load: stands in for the real loader; called once by whoever works, and only when there is work.
    """
    options.check()
    if options.engine == "ray":
        options = _absolute(options)
    rows, not_found = asked_for(options)
    summary, started = Outcomes(rows), time.perf_counter()
    if not rows:
        return summary.report(not_found, len(not_found))
    if isinstance(options.out, Path):
        check_folder(options.out)
    results_of(options)  # a URL that cannot be used is told now
    table = _table(options, len(rows) + len(not_found))
    with _bar(len(rows)) as bar, table or contextlib.nullcontext():
        for records in _records(options, rows, load, bar):
            summary.add(records)
            if table:
                table.add(records)
    if table:
        summary.tell(time.perf_counter() - started, str(table.path))
    return summary.report(not_found, len(rows) + len(not_found))


def asked_for(options: PhotoOptions) -> tuple[list[PhotoRow], list[str]]:
    """The rows that a command line asks for, and a line for each of its paths that means no photo.

    Raises:
        StudioError: see `read_list`.
    """
    if options.list is not None:
        return rows_of(read_list(options), options.overwrite), []
    found = pictures([path for path in options.photos if isinstance(path, Path)])
    files: Sequence[Path | str] = [*found.files, *(url for url in options.photos if isinstance(url, str))]
    rows = rows_of(((replace(options, photos=(file,)), None) for file in files), options.overwrite)
    return rows, [f"{path}: {problem}" for path, problem in found.failures.items()]


def _absolute(options: PhotoOptions) -> PhotoOptions:
    """The same for processes that work in other folders."""

    def whole(place: Any) -> Any:
        if isinstance(place, tuple):
            return tuple(map(whole, place))
        return place.absolute() if isinstance(place, Path) else place

    return replace(options, **{field.name: whole(getattr(options, field.name)) for field in fields(options)})


def _table(options: PhotoOptions, asked: int) -> CsvTable | ParquetTable | None:
    """Where the records of several photos go."""
    if options.engine == "ray":
        return ParquetTable(options.out)
    if isinstance(options.out, str) or asked == 1:
        return None
    return CsvTable(options.out / CSV_NAME)


def _records(
    options: PhotoOptions, rows: Sequence[PhotoRow], load: EditorLoader | None, bar: tqdm[None]
) -> Iterator[list[RowResult]]:
    """The records of all rows, those of what is there already first. Raises StudioError."""
    again = repeated(rows)
    for records in _distinct(options, [row for row in rows if row.number not in again], load, bar):
        first = rows[records[0].row]
        same = [rows[number] for number, row in again.items() if row is first]
        for copy in [records, *(as_repeated(records, row, first) for row in same)]:
            bar.update()
            yield copy


def _distinct(
    options: PhotoOptions, rows: Sequence[PhotoRow], load: EditorLoader | None, bar: tqdm[None]
) -> Iterator[list[RowResult]]:
    """See `_records`; of rows that all ask for something else."""
    left = {row.number: row for row in rows}
    if options.engine == "local":
        for records in already_there(rows):
            del left[records[0].row]
            yield records
    if left:
        todo = list(left.values())
        with _engine(options, rows, len(todo), load, bar) as engine:
            _check_edits(options, engine, todo)
            yield from engine.run(todo)


def _check_edits(options: PhotoOptions, engine: Engine, rows: Sequence[PhotoRow]) -> None:
    """Raises StudioError for edits that the networks refuse."""
    kinds = {replace(row.options, photos=(), face=0, seed=0): row for row in reversed(rows)}
    problems = engine.check(list(kinds.values()))
    if not problems:
        return
    if options.list is None:
        raise StudioError(next(iter(problems.values())))
    lines = {row.number: row.line or 0 for row in rows}
    raise StudioError(told(options.list, {lines[number]: problem for number, problem in problems.items()}))


def _engine(
    options: PhotoOptions, rows: Sequence[PhotoRow], todo: int, load: EditorLoader | None, bar: tqdm[None]
) -> Engine:
    jobs = min(options.jobs, todo)
    reserved = frozenset(row.stem.casefold() for row in rows) if options.overwrite else frozenset[str]()
    if options.engine == "ray":
        from mcaclip.cli.many.on_ray import OnRay

        return OnRay(WorkMaker(options, load, reserved, threads=1), jobs, options)
    if jobs == 1:
        return InProcess(partial(WorkMaker(options, load, reserved), _follow(bar, len(rows))))
    return Processes(WorkMaker(options, load, reserved, max(1, usable_cores() // jobs)), jobs)


def _bar(photos: int) -> tqdm[None]:
    """A progress bar over several photos on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    return tqdm(total=photos, unit="photo", disable=photos < 2 or not sys.stderr.isatty(), leave=False)


def _follow(bar: tqdm[None], photos: int) -> Follow:
    """Shows what is done to a photo: in a bar of its own when there is only one, else beside the bar of all."""
    if photos < 2:
        return progress

    @contextlib.contextmanager
    def beside(name: str) -> Iterator[ProgressCallback]:
        def update(step: Progress) -> None:
            bar.set_postfix_str(f"{name}, {step.stage} {step.fraction:.0%}")

        yield update

    return beside
