"""What does rows without any network, in processes that start at once; the name of a photo says what happens."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcaclip.cli.invert import Options
from mcaclip.cli.many.rows import PhotoRow, RowResult, record_of, rows_of
from mcaclip.errors import StudioError


@dataclass(frozen=True)
class ToyDoer:
    """A maker and what it makes.

    Attributes:
        folder: where it leaves a file for every attempt at a row.
        problem: why it cannot be made, if it cannot.
    """

    folder: Path
    problem: str = ""

    def __call__(self) -> ToyDoer:
        if self.problem:
            raise StudioError(self.problem)
        return self

    def check(self, rows: Sequence[PhotoRow]) -> dict[int, str]:
        return {row.number: "refused" for row in rows if "refused" in str(row.photo)}

    def do(self, row: PhotoRow) -> list[RowResult]:
        name = Path(str(row.photo)).stem
        attempt = len(list(self.folder.glob(f"{name}-*"))) + 1
        (self.folder / f"{name}-{attempt}").touch()
        if name.startswith("deadly") or (name.startswith("unlucky") and attempt == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("buggy"):
            raise AssertionError("a bug")
        return [record_of(row, "done", 0, folder=str(os.getpid()))]


def toy_rows(*names: str) -> list[PhotoRow]:
    """Rows with photos of these names."""
    return rows_of(((Options(photos=(Path(name),), out=Path("out")), None) for name in names), overwrite=False)
