"""`--list FILE`: rows of work from a CSV or JSONL table, all checked before any work."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from mcaclip.cli.batch import missing
from mcaclip.cli.many.rows import SHARED
from mcaclip.cli.options import reader_of
from mcaclip.cli.photos import PhotoOptions
from mcaclip.errors import StudioError
from mcaclip.platform import strict_json

COLUMNS = {"photos": "photo", "prompt": "prompts", "strength": "strengths"}
"""The columns that are not named as their options; `prompt` and `strength` are understood as well."""
MAX_LINE = 100_000
_STACK = {"stack", "generator", "clip", "encoder", "identity"}
_JOINT = re.compile(r"\s+\+\s+")


def read_list(options: PhotoOptions) -> list[tuple[PhotoOptions, int]]:
    """The options of every row of `options.list`, each of one photo, with the row's line in the file.

    Raises:
        StudioError: it cannot be read, or rows are wrong; the first of them is named with what is wrong.
    """
    path = options.list
    assert path is not None
    if problem := missing(path):
        raise StudioError(f"--list {path} {problem}")
    found, problems = list[tuple[PhotoOptions, int]](), dict[int, str]()
    for line, values in _lines(path):
        try:
            if isinstance(values, str):
                raise ValueError(values)
            found.append((_row(options, values, path.parent), line))
        except (StudioError, ValueError) as error:
            problems[line] = str(error)
    if problems:
        raise StudioError(told(path, problems))
    if not found:
        raise StudioError(f"--list {path} has no rows. Give one line per photo.")
    return found


def told(path: Path, problems: Mapping[int, str]) -> str:
    """What is wrong with the lines of a list: the first in full, the others by their numbers."""
    (first, problem), *others = sorted(problems.items())
    text = f"{path}, line {first}: {problem}"
    if others:
        numbers = ", ".join(str(line) for line, _ in others[:10]) + (", ..." if len(others) > 10 else "")
        text += f" There are problems in {'line' if len(others) == 1 else 'lines'} {numbers} as well."
    return text


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The values of every row by column, or what is wrong with it, with its line. Raises StudioError."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".tsv", ".jsonl"):
        raise StudioError(f"--list {path}: the name of a table ends in .csv, .tsv or .jsonl.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise StudioError(f"--list {path} cannot be read as text in UTF-8 ({error}).") from error
    yield from (_json_lines(text) if ending == ".jsonl" else _csv_lines(text, path))


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values = strict_json.loads(line, MAX_LINE)
        except ValueError as error:
            yield number, f"{error}."
            continue
        yield number, values if isinstance(values, dict) else "it is no JSON object."


def _csv_lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        if len(set(names)) < len(names):
            raise StudioError(f"{path}, line 1: a column is there twice.")
        for cells in reader:
            if len(cells) > len(names) or (len(cells) < len(names) and any(cells)):
                yield reader.line_num, f"it has {len(cells)} cells, and there are {len(names)} columns."
            elif any(cell.strip() for cell in cells):
                yield reader.line_num, {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
    except csv.Error as error:
        raise StudioError(f"{path}, line {reader.line_num}: {error}.") from error


def _row(options: PhotoOptions, values: Mapping[str, Any], folder: Path) -> PhotoOptions:
    """The options of a row. Raises ValueError or StudioError."""
    kind = type(options)
    names = {f.name for f in fields(kind)} - (SHARED - {"photos"}) - _STACK
    known = {COLUMNS.get(name, name): name for name in names}
    given: dict[str, Any] = {}
    for column, value in values.items():
        name = known.get(column) or (column if column in names - {"photos"} else None)
        if name is None:
            raise ValueError(f"there is no column {column[:40]!r}; the columns are {', '.join(sorted(known))}.")
        if name in given:
            raise ValueError(f"{known_as(name)} is given twice.")
        if value not in (None, "", []):
            given[name] = value
    if "photos" not in given:
        raise ValueError("it names no photo.")
    _set_strengths(given, getattr(options, "prompt", ()))
    read = {name: _value(kind, name, value) for name, value in given.items()}
    for name in ("photos", "mask"):
        if isinstance(place := read.get(name), Path):
            read[name] = folder / place
    photo = read["photos"]
    if isinstance(photo, Path) and (problem := missing(photo)):
        raise ValueError(f"the photo {photo} {problem}")
    row = replace(options, **{**read, "photos": (photo,)})
    replace(row, list=None).check()
    return row


def known_as(name: str) -> str:
    """The column of an option."""
    return f"the column {COLUMNS.get(name, name)}"


def _value(kind: type, name: str, value: object) -> Any:
    """The value of an option, read as the command line reads it. Raises ValueError or StudioError."""
    if name == "prompt":
        texts = value if isinstance(value, list) else _JOINT.split(str(value).strip())
        return tuple(str(text) for text in texts)
    if isinstance(value, list | dict):
        raise ValueError(f"{known_as(name)} takes one value.")
    try:
        return reader_of(kind, name)(str(value).strip())
    except ValueError as error:
        raise ValueError(f"{known_as(name)}: {error}.") from None


def _set_strengths(given: dict[str, Any], default: Sequence[str]) -> None:
    """Writes one strength per prompt behind its prompt; a single one stays for all. Raises ValueError."""
    value = given.get("strength")
    strengths: Sequence[Any] = value if isinstance(value, list) else _JOINT.split(str(value).strip())
    if value is None or (len(strengths) == 1 and not isinstance(value, list)):
        return
    prompts = _value(object, "prompt", given["prompt"]) if "prompt" in given else default
    if len(strengths) != len(prompts):
        raise ValueError(f"there are {len(strengths)} strengths for {len(prompts)} prompts; give one for each.")
    for text in strengths:
        if isinstance(text, bool) or not re.fullmatch(r"[+-]?\d*\.?\d+", str(text).strip()):
            raise ValueError(f"the strength {str(text)[:40]!r} is no number.")
    given["prompt"] = [f"{prompt}:{str(text).strip()}" for prompt, text in zip(prompts, strengths, strict=True)]
    del given["strength"]
