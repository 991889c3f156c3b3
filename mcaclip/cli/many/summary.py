"""The outcome of many rows: lines as they are done, a table of all in the output folder, and the exit status."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from mcaclip.cli.batch import complained
from mcaclip.cli.many.rows import PhotoRow, RowResult
from mcaclip.cli.photos import ALREADY_THERE, say_result
from mcaclip.platform.console import say

CSV_NAME, PARQUET_NAME = "summary.csv", "summary.parquet"
ROWS_AT_ONCE = 1000
"""Rows of a group in a Parquet table: so many are in memory before they are written."""
_STATUSES = ("done", "already there", "failed")


class Outcomes:
    """Counts what became of the rows, and keeps the failures."""

    def __init__(self, rows: Sequence[PhotoRow]):
        self._rows = rows
        self.counts: Counter[str] = Counter()
        self.failures: list[RowResult] = []

    def add(self, records: Iterable[RowResult]) -> None:
        """Counts the records of a row, and says on stdout where its results are."""
        for record in records:
            self.counts[record.status] += 1
            if record.status == "failed":
                self.failures.append(record)
            elif record.status == "already there":
                say(f"{record.folder or self._rows[record.row].place}  {record.reason or ALREADY_THERE}")
            else:
                say_result(record.folder, record.likeness, record.seconds, record.notes)

    def tell(self, seconds: float, table: str) -> None:
        """Writes the counts on stdout."""
        say("")
        for status in _STATUSES:
            say(f"{status:14}{self.counts[status]:8}")
        rate = f", {self.counts['done'] / seconds:.2f} per second" if self.counts["done"] else ""
        say(f"{seconds:.1f} s{rate}; {table} has every result")

    def report(self, others: Iterable[str], asked: int) -> int:
        """Writes a line on stderr for each failure, and `others`; the exit status for `asked` photos."""
        lines = list(others)
        for record in sorted(self.failures, key=lambda record: (record.row, record.face or 0)):
            row = self._rows[record.row]
            face = f" (face {record.face})" if row.options.face is None and record.face else ""
            lines.append(f"{row.place}{face}: {record.reason}")
        return complained(lines, asked)


class CsvTable:
    """Records as a CSV file, which appears when the context ends, also by an exception."""

    def __init__(self, path: Path):
        self.path, self._records = path, list[RowResult]()

    def __enter__(self) -> CsvTable:
        return self

    def add(self, records: Sequence[RowResult]) -> None:
        """Adds the records of a row."""
        self._records += records

    def __exit__(self, *_: object) -> None:
        from mcaclip.platform.atomic import write_text

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(field.name for field in fields(RowResult))
        for record in sorted(self._records, key=lambda record: (record.row, record.face or 0)):
            writer.writerow(_plain(record).values())
        write_text(self.path, text.getvalue())


class ParquetTable:
    """Records as a Parquet file at a path or URL, written while they come. Raises StudioError for a bad URL."""

    def __init__(self, folder: Path | str):
        from mcaclip.results.remote import joined

        self.path: Path | str = joined(folder, PARQUET_NAME)
        self._waiting = list[RowResult]()

    def __enter__(self) -> ParquetTable:
        import pyarrow as pa
        from pyarrow import parquet

        from mcaclip.results.remote import open_to_write

        kinds = {"int": pa.int64(), "int | None": pa.int64(), "float": pa.float64(), "float | None": pa.float64()}
        self._schema = pa.schema(
            [(field.name, kinds.get(str(field.type), pa.string())) for field in fields(RowResult)]
        )
        self._file = open_to_write(self.path)
        self._writer = parquet.ParquetWriter(self._file, self._schema)
        return self

    def add(self, records: Sequence[RowResult]) -> None:
        """Adds the records of a row."""
        self._waiting += records
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa

        rows = [_plain(record) for record in self._waiting]
        self._writer.write_table(pa.Table.from_pylist(rows, self._schema))
        self._waiting.clear()

    def __exit__(self, *_: object) -> None:
        if self._waiting:
            self._write()
        self._writer.close()
        self._file.close()


def _plain(record: RowResult) -> dict[str, Any]:
    """The values of a record as a table holds them."""
    from mcaclip.platform.atomic import valid_text

    values = asdict(record) | {"notes": " ".join(record.notes), "seconds": round(record.seconds, 3)}
    return {name: valid_text(value) if isinstance(value, str) else value for name, value in values.items()}
