"""What a training leaves on disk. It is read without trust: other programs and crashes may have written anything."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcaclip.errors import PromptError
from mcaclip.platform.processes import ProcessId
from mcaclip.validate import clean_prompt

PRESETS = ("compact", "paper")
MIN_MINUTES, MAX_MINUTES = 1.0, 600.0
MAX_ROWS = 400
"""Rows of metrics that are drawn; more are thinned out."""
MAX_METRICS_BYTES = 2**23
"""Of the end of a metrics file that is read: a training of ten hours writes less."""
MAX_LOG_BYTES = 2**16
MAX_LINE_BYTES = 2**14
MAX_ERROR_LETTERS = 400


@dataclass(frozen=True)
class Job:
    """What was asked for.

    Attributes:
        prompt: what is learned.
        preset: see `python -m train prompt --help`.
        minutes: time limit of the process.
        started: seconds since the epoch, by the clock of that moment.
        process: what learns it; None when that is not known for certain, which counts as ended.
    """

    prompt: str
    preset: str
    minutes: float
    started: float
    process: ProcessId | None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.alive()

    def seconds_left(self, now: float) -> float:
        """The rest of its time limit, from 0 to all of it even if the clock was changed."""
        return min(max(0.0, self.started + 60 * self.minutes - now), 60 * self.minutes)

    def save(self, path: Path) -> None:
        """Writes it, whole or not at all. Raises OSError."""
        record: dict[str, Any] = {
            "prompt": self.prompt,
            "preset": self.preset,
            "minutes": self.minutes,
            "started": self.started,
        }
        if self.process is not None:
            record |= {"pid": self.process.pid, "process_started": self.process.started}
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(record), encoding="utf-8")
        os.replace(temporary, path)


def read_job(path: Path) -> Job | None:
    """The job that `Job.save` wrote; None when there is none, or not a whole one.

    A record names no process if it lacks the time at which the process started, or if the process cannot be a
    training (this one, or the system's first).
    """
    record = _parsed(_tail(path, MAX_LINE_BYTES))
    if not isinstance(record, dict):
        return None
    prompt, preset = _prompt(record.get("prompt")), record.get("preset")
    minutes, started = _number(record.get("minutes")), _number(record.get("started"))
    if prompt is None or preset not in PRESETS or started is None:
        return None
    if minutes is None or not 0 < minutes <= MAX_MINUTES:
        return None
    process = ProcessId.from_record(record.get("pid"), record.get("process_started"))
    if process is not None and process.pid in (1, os.getpid()):
        process = None
    return Job(prompt, preset, minutes, started, process)


def read_metrics(path: Path) -> tuple[dict[str, float], ...]:
    """Rows of a metrics.jsonl, evenly thinned out to `MAX_ROWS`; lines and values that are none are left out.

    Steps that were done once more after a resume count as they were done last. Every row has a `step`.
    """
    rows: list[dict[str, float]] = []
    for row in map(_parsed, _lines(path, MAX_METRICS_BYTES)):
        if not isinstance(row, dict):
            continue
        numbers = {name: number for name, value in row.items() if (number := _number(value)) is not None}
        if numbers.get("step", -1.0) < 0:
            continue
        while rows and rows[-1]["step"] >= numbers["step"]:
            rows.pop()
        rows.append(numbers)
    step = max(1, -(-len(rows) // MAX_ROWS))
    return tuple(rows[::-step][::-1])


def last_error(path: Path) -> str | None:
    """The last error line of a log, in at most `MAX_ERROR_LETTERS`; None when there is none."""
    errors = [line for line in _lines(path, MAX_LOG_BYTES) if line.startswith(b"error:")]
    if not errors:
        return None
    words = " ".join(errors[-1].decode("utf-8", "replace").removeprefix("error:").split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in words)
    return shown if len(shown) <= MAX_ERROR_LETTERS else f"{shown[:MAX_ERROR_LETTERS]}…"


def _lines(path: Path, limit: int) -> Iterator[bytes]:
    """Lines of the last `limit` bytes of a file, without overlong ones; none when it cannot be read."""
    return (line for line in _tail(path, limit).splitlines() if len(line) <= MAX_LINE_BYTES)


def _tail(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
            return file.read(limit)
    except OSError:
        return b""


def _parsed(line: bytes) -> Any:
    """The value of a line of JSON; None for anything else."""
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _number(value: object) -> float | None:
    """A finite number; None for anything else."""
    if type(value) not in (int, float):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _prompt(value: object) -> str | None:
    try:
        return clean_prompt(value) if isinstance(value, str) else None
    except PromptError:
        return None
