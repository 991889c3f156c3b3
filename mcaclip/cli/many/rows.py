"""Rows of work: one photo with the options of its edit. They are plain data, which travels between processes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from mcaclip import __version__
from mcaclip.cli.photos import PhotoOptions
from mcaclip.platform.naming import numbered, safe_stem

SHARED = frozenset(
    {"photos", "list", "out", "overwrite", "jobs", "engine", "address", "device", "edits", "generator_file"}
)  # fmt: skip
"""The options that say nothing about a single result."""
Status = Literal["done", "already there", "failed"]


@dataclass(frozen=True)
class PhotoRow:
    """One photo to work on.

    Attributes:
        number: its place among all rows, from 0.
        options: the options of a command on this photo alone.
        stem: the name of its result.
        line: where it stands in the list, or None for a photo of the command line.
    """

    number: int
    options: PhotoOptions
    stem: str
    line: int | None = None

    @property
    def photo(self) -> Path | str:
        """The photo's path or URL."""
        return self.options.photos[0]

    @property
    def place(self) -> str:
        """What a message calls the row."""
        return str(self.photo) if self.line is None else f"{self.options.list}, line {self.line}: {self.photo}"


@dataclass(frozen=True)
class RowResult:
    """What became of one face of a row.

    Attributes:
        row: the row's number.
        photo: its path or URL.
        face: which face, or None where that is not known.
        prompt: the edit in one line; None for an inversion.
        status: what became of it.
        folder: where the result is; empty without one.
        likeness: of the reconstruction to the photo, a cosine, or None.
        seconds: wall time of its making.
        notes: warnings in plain words.
        reason: why it failed, or why nothing had to be done.
    """

    row: int
    photo: str
    face: int | None
    prompt: str | None
    status: Status
    folder: str = ""
    likeness: float | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    reason: str = ""


def record_of(
    row: PhotoRow, status: Status, face: int | None = None, prompt: str | None = None, **more: object
) -> RowResult:
    """The record of a row; `prompt` stands for the words of its options."""
    words = prompt or " + ".join(getattr(row.options, "prompt", ())) or None
    return RowResult(row.number, str(row.photo), row.options.face if face is None else face, words, status, **more)  # type: ignore[arg-type]


def rows_of(asked: Iterable[tuple[PhotoOptions, int | None]], overwrite: bool) -> list[PhotoRow]:
    """The rows of options of one photo each, with their lines in a list.

    Results of one name find places of their own by what is there; with `overwrite`, by their names.
    """
    rows, taken = [], set[str]()
    for number, (options, line) in enumerate(asked):
        stem = safe_stem(Path(name_of(options.photos[0])).stem)
        if overwrite:
            stem = next(name for name in numbered(stem) if name.casefold() not in taken)
            taken.add(stem.casefold())
        rows.append(PhotoRow(number, options, stem, line))
    return rows


def name_of(photo: Path | str) -> str:
    """A photo's file name, without its folder."""
    return photo.rpartition("/")[2] if isinstance(photo, str) else photo.name


def repeated(rows: Sequence[PhotoRow]) -> dict[int, PhotoRow]:
    """The rows that ask for the same as an earlier one, which stands beside their number."""
    first: dict[PhotoOptions, PhotoRow] = {}
    found = {}
    for row in rows:
        photo = row.photo if isinstance(row.photo, str) else Path(os.path.realpath(row.photo))
        earlier = first.setdefault(replace(row.options, photos=(photo,)), row)
        if earlier is not row:
            found[row.number] = earlier
    return found


def as_repeated(records: Sequence[RowResult], row: PhotoRow, first: PhotoRow) -> list[RowResult]:
    """The records of a row that asks for the same as the first one."""
    words = f"(the same as {'the photo before' if first.line is None else f'line {first.line}'})"
    kept: list[RowResult] = []
    for record in records:
        if record.status == "failed":
            kept.append(replace(record, row=row.number))
        else:
            kept.append(replace(record, row=row.number, status="already there", reason=words, notes=(), seconds=0.0))
    return kept


def digest_asked(options: PhotoOptions, face: int, photo_sha256: str, mask_sha256: str | None) -> str:
    """A digest of one result as it is asked for; equal ones have equal results with equal weights."""
    own = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in SHARED}
    own |= {"face": face, "mask": mask_sha256, "photo": photo_sha256, "version": __version__}
    return hashlib.sha256(json.dumps(own, sort_keys=True, default=str).encode()).hexdigest()
