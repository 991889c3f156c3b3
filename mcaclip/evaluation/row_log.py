"""Measured rows on disk: each is written at once, so that an interrupted run continues after its last row."""

from __future__ import annotations

import json
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mcaclip.errors import StudioError
from mcaclip.platform.atomic import write_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROWS, ABOUT = "rows.jsonl", "about.json"
Row = TypeVar("Row", bound="DataclassInstance")


class RowLog(Generic[Row]):
    """Rows of a run, in `rows.jsonl`, and what they depend on, in `about.json`.

    Args:
        out: the run's folder; its rows are kept.
        row_type: the dataclass of a row, of plain values.
        about: what the rows depend on, for instance weights. A resumed run must have the same values under the keys
            that both runs have; other keys are merged.

    Raises:
        StudioError: the folder holds damaged rows or those of other settings, or cannot be written.
    """

    def __init__(self, out: Path, row_type: type[Row], about: Mapping[str, Any]):
        self.out = out
        try:
            out.mkdir(parents=True, exist_ok=True)
            about_file = out / ABOUT
            earlier = _read_object(about_file.read_bytes(), about_file) if about_file.exists() else {}
            now = json.loads(json.dumps(about))
            if others := [name for name in now if name in earlier and earlier[name] != now[name]]:
                raise StudioError(
                    f"{out} holds rows of other weights or settings ({', '.join(others)}): choose another --out"
                )
            self.about: dict[str, Any] = {**earlier, **now}
            self.rows = [_row(row_type, row, out / ROWS, number) for number, row in read_rows(out / ROWS)]
            write_text(about_file, json.dumps(self.about, indent=1, sort_keys=True))
        except OSError as error:
            raise _unwritable(out, error) from error

    def add(self, row: Row) -> None:
        """Writes a row. Raises StudioError when that fails."""
        try:
            append_row(self.out / ROWS, asdict(row))
        except OSError as error:
            raise _unwritable(self.out, error) from error
        self.rows.append(row)


def read_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows that `append_row` wrote, each with its line number; none when there is no file.

    A last line that is incomplete after a crash is left out.

    Raises:
        StudioError: another line is damaged.
        OSError: the file cannot be read.
    """
    content = file.read_bytes() if file.exists() else b""
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        if not line:
            continue
        yield number, _read_object(line, file, number)


def append_row(file: Path, row: Mapping[str, Any]) -> None:
    """Appends a row, in place of a last line that is incomplete after a crash. Raises OSError."""
    with file.open("a+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.truncate(_end_of_rows(stream, end))
        stream.write(json.dumps(row).encode() + b"\n")


def _end_of_rows(stream: typing.BinaryIO, end: int) -> int:
    """The offset behind the last complete line."""
    while end:
        start = max(0, end - 4096)
        stream.seek(start)
        if (found := stream.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


def _read_object(content: bytes, file: Path, line: int | None = None) -> dict[str, Any]:
    """A JSON object of a file, or of one of its lines. Raises StudioError when it is damaged."""
    try:
        found = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise damaged(file, line)
    return found


def _row(row_type: type[Row], values: Mapping[str, Any], file: Path, number: int) -> Row:
    hints = typing.get_type_hints(row_type)
    if not all(name in hints and _fits(value, hints[name]) for name, value in values.items()):
        raise damaged(file, number)
    try:
        return row_type(**values)
    except TypeError:
        raise damaged(file, number) from None


def _fits(value: object, hint: Any) -> bool:
    """Whether a JSON value fits a plain type, or a union of plain types."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, UnionType) else (hint,)
    plain = {str: (str,), bool: (bool,), int: (int,), float: (int, float), NoneType: (NoneType,)}
    return any(kind not in plain or type(value) in plain[kind] for kind in kinds)


def damaged(file: Path, line: int | None = None) -> StudioError:
    """The error of a damaged file, or of one of its lines."""
    where = f"{file} is damaged" if line is None else f"line {line} of {file} is damaged"
    return StudioError(f"{where}. It is unchanged: repair it or move it away, or choose another --out.")


def _unwritable(out: Path, error: OSError) -> StudioError:
    return StudioError(
        f"{out} cannot be used ({error.strerror or error}); its rows are kept. Free some space and run the same "
        "command again, or choose another --out."
    )
