"""Arrays that a run fills bit by bit on disk: they are checked before a run goes on with them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from mcaclip.errors import TrainingError


def open_array(file: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> np.memmap:
    """An array on disk to fill, or to go on filling.

    Raises:
        TrainingError: the file holds something else or is cut, or the array would not fit on the disk.
    """
    if file.exists():
        read_array(file, shape, dtype)
        return np.lib.format.open_memmap(file, mode="r+")
    needed, free = int(np.prod(shape)) * np.dtype(dtype).itemsize, shutil.disk_usage(file.parent).free
    if needed > free:  # the system would end the process when it writes where nothing is left
        raise TrainingError(
            f"{file} needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free there: free some space, or "
            "choose another folder"
        )
    return np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)


def read_array(file: Path, shape: tuple[int | None, ...], dtype: type[np.generic]) -> np.ndarray:
    """An array on disk, read as it is needed.

    Args:
        shape: that it must have; None for a side of any length.

    Raises:
        TrainingError: the file is not there, is cut, or holds something else.
    """
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise unusable(file, f"it is damaged or missing ({' '.join(str(error).split())[:200]})") from error
    fits = isinstance(array, np.ndarray) and array.dtype == dtype and array.ndim == len(shape)
    if not fits or any(want not in (None, got) for got, want in zip(array.shape, shape, strict=True)):
        raise unusable(file, "it holds something else than it should")
    return array


def write_array(file: Path, array: np.ndarray) -> None:
    """Write an array, whole or not at all. Raises OSError."""
    temporary = file.with_name(f"{file.name}.tmp")
    with temporary.open("wb") as stream:
        np.save(stream, array)
    os.replace(temporary, file)


def read_count(file: Path, most: int) -> int:
    """How much of an array is done, 0 when nothing is written of it.

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
    """Note how much of an array is done, whole or not at all. Raises OSError."""
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.write_text(str(count), encoding="utf-8")
    os.replace(temporary, file)


def unusable(file: Path, why: str) -> TrainingError:
    """What to tell of a file of a run that cannot be used; it stays as it is."""
    return TrainingError(
        f"{file} cannot be used: {why}. It was left as it is: move it away, with what belongs to it, or choose "
        "another folder."
    )
