"""Arrays that a run fills on disk; they are checked before a later call continues them."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mcaclip.errors import TrainingError
from mcaclip.platform.atomic import written_whole

log = logging.getLogger(__name__)


def open_array(file: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.memmap:
    """A new array on disk, or the one that an earlier call began to fill.

    Raises:
        TrainingError: the file is damaged or holds something else, or the array would not fit on the disk.
    """
    if file.exists():
        read_array(file, shape, dtype)
        return np.lib.format.open_memmap(file, mode="r+")
    needed, free = int(np.prod(shape)) * np.dtype(dtype).itemsize, shutil.disk_usage(file.parent).free
    if needed > free:  # writing to a memory map on a full disk kills the process
        raise TrainingError(
            f"{file} needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free there: free some space, or "
            "choose another folder"
        )
    return np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)


def read_array(file: Path, shape: tuple[int | None, ...], dtype: type[np.generic]) -> np.ndarray:
    """An array on disk, as a read-only memory map. None in `shape` stands for any length.

    Raises:
        TrainingError: the file is missing, is damaged, or holds something else.
    """
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise unusable(file, f"it is damaged or missing ({reason(error)})") from error
    fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == len(shape)
    if not fits or any(want not in (None, got) for got, want in zip(array.shape, shape, strict=True)):
        raise unusable(file, "it holds something else than it should")
    return array


def write_array(file: Path, array: np.ndarray) -> None:
    """Write an array, whole or not at all. Raises OSError."""
    with written_whole(file) as temporary, temporary.open("wb") as stream:
        np.save(stream, array)


def read_count(file: Path, most: int) -> int:
    """The number of finished items that a file notes; 0 without the file.

    Raises:
        TrainingError: the file holds no number from 0 to `most`.
    """
    if not file.exists():
        return 0
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= most):
        raise unusable(file, f"it holds no number from 0 to {most}")
    return int(text)


def write_count(file: Path, count: int) -> None:
    """Note the number of finished items, whole or not at all. Raises OSError."""
    with written_whole(file) as temporary:
        temporary.write_text(str(count), encoding="utf-8")


def unfinished(
    file: Path, count: int, minutes: float, *arrays: np.memmap, size: int = 1, every: int = 1
) -> Iterator[range]:
    """The items below `count` that `file` does not note as finished, `size` at a time, until the time is over.

    Args:
        file: notes the finished items; written after the arrays are flushed.
        count: number of items.
        minutes: time from the first item on.
        arrays: what the caller fills.
        size: items per turn.
        every: turns between two notes; an interrupted run repeats the items since the last one.
    """
    started, first = time.monotonic(), read_count(file, count)
    noted = done = first
    while done < count and time.monotonic() - started < 60 * minutes:
        yield range(done, min(done + size, count))
        done = min(done + size, count)
        if done - noted >= every * size:
            noted = _note(file, done, arrays)
    if done > noted:
        _note(file, done, arrays)
    if done > first:
        log.info("%s: %d of at most %d, %.0f s", file.name, done, count, time.monotonic() - started)


def _note(file: Path, done: int, arrays: tuple[np.memmap, ...]) -> int:
    for array in arrays:
        array.flush()
    write_count(file, done)
    return done


def unusable(file: Path, why: str) -> TrainingError:
    """The error for a file of a run that cannot be used; the file stays as it is."""
    return TrainingError(
        f"{file} cannot be used: {why}. It was left as it is: move it away, with the files that belong to it, to "
        "start again, or choose another folder."
    )


def reason(error: BaseException) -> str:
    """The message of an error in one line of at most 200 letters."""
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = " ".join(message.split()) or type(error).__name__
    return line if len(line) <= 200 else f"{line[:200]}…"
