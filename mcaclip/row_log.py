"""Measured rows on disk: each is written as it is done, so that a run that is cut short goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mcaclip.atomic import write_text
from mcaclip.errors import StudioError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

ROWS, ABOUT = "rows.jsonl", "about.json"
Row = TypeVar("Row", bound="DataclassInstance")


class RowLog(Generic[Row]):
    """Rows of a run, in `rows.jsonl`, and what they depend on, in `about.json`.

    Args:
        out: the run's folder; rows that it holds are kept.
        row_type: the dataclass of a row, of plain values.
        about: what the rows depend on, for instance weights. A run that is resumed must agree in all that both
            name; what only one of them names is kept beside it.

    Raises:
        StudioError: the folder holds rows that were made otherwise.
    """

    def __init__(self, out: Path, row_type: type[Row], about: Mapping[str, Any]):
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        file = out / ABOUT
        earlier = _earlier(file) if file.exists() else {}
        now = json.loads(json.dumps(about))
        if others := [name for name in now if name in earlier and earlier[name] != now[name]]:
            raise StudioError(
                f"{out} holds rows of other weights or settings ({', '.join(others)}): choose another --out"
            )
        self.about: dict[str, Any] = {**earlier, **now}
        whole = self._lines()
        try:
            self.rows = [row_type(**json.loads(line)) for line in whole]
        except (ValueError, TypeError, RecursionError) as error:
            raise _damaged(out / ROWS) from error
        write_text(file, json.dumps(self.about, indent=1, sort_keys=True))
        write_text(out / ROWS, "".join(f"{line}\n" for line in whole))

    def _lines(self) -> list[str]:
        file = self.out / ROWS
        # a line that was cut by a crash has no end
        return [line for line in file.read_text(encoding="utf-8").split("\n")[:-1] if line] if file.exists() else []

    def add(self, row: Row) -> None:
        """Keeps a row."""
        with (self.out / ROWS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
        self.rows.append(row)


def _earlier(file: Path) -> dict[str, Any]:
    """What an earlier run's rows depend on. Raises StudioError for a file of something else."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _damaged(file) from error
    if not isinstance(found, dict):
        raise _damaged(file)
    return found


def _damaged(file: Path) -> StudioError:
    return StudioError(f"{file} is damaged or no file of this command: choose another --out")
