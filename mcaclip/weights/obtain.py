"""Bringing a weight file into the cache: download, verify, extract, convert, and put in place at once.

Unfinished files are in a temporary folder inside the cache that is removed however the work ends; a folder that a
killed process left behind is removed by the next one. A lock of the operating system, which ends with the process
that holds it, lets only one process at a time work on an entry.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout

from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.sources import WeightEntry, unfinished_download
from mcaclip.weights.store import Located, Record, WeightFolders, record_path

logger = logging.getLogger(__name__)

ProgressFn = Callable[[str, float], None]
"""Called with what is being done, in words, and the fraction 0..1 of the whole work on this file."""

_DOWNLOAD_END, _UNPACK_END = 0.8, 0.85


def no_progress(stage: str, fraction: float) -> None:
    """For callers that show no progress."""


def obtain(entry: WeightEntry, folders: WeightFolders, progress: ProgressFn = no_progress) -> Located:
    """Make the file of `entry` ready for use, doing as little as possible.

    Raises:
        WeightsError: it cannot be had; the message says what to do.
    """
    located = entry.find(folders)
    if located is not None:
        if located.record is not None and located.record.remark:
            logger.warning("%s: %s (%s)", entry.title, located.record.remark, located.path)
        return located
    if entry.read is None:
        raise WeightsError(f"{entry.title} ({entry.file}) is missing. {entry.remedy}")
    try:
        folders.cache.mkdir(parents=True, exist_ok=True)
        with _locked(entry, folders, progress):
            # Whoever held the lock before has most likely made the file.
            return entry.find(folders) or _make(entry, folders, progress)
    except OSError as error:
        raise WeightsError(
            f"{entry.title} could not be written to {folders.cache}: {error}. "
            "Free some space, or set MCACLIP_CACHE to a folder that can be written."
        ) from error


def _locked(entry: WeightEntry, folders: WeightFolders, progress: ProgressFn) -> AcquireReturnProxy:
    """Wait until no other process works on the entry, and keep the others out until the lock is released."""
    lock = FileLock(folders.cache / f"{entry.name}.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for another process that prepares {entry.title}", 0.0)
        return lock.acquire()


def _make(entry: WeightEntry, folders: WeightFolders, progress: ProgressFn) -> Located:
    source, prefix = entry.source, f".partial-{entry.name}-"
    for stale in folders.cache.glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folders.cache) as name:
        temporary = Path(name)
        stage = f"downloading {entry.title} ({source.size / 1e6:.0f} MB)"
        original = source.find(entry, folders) or source.fetch(
            entry, folders, temporary, lambda fraction: progress(stage, fraction * _DOWNLOAD_END)
        )
        progress(f"unpacking {entry.title}", _DOWNLOAD_END)
        original = replace(original, path=source.unpack(entry, original, temporary))
        progress(f"converting {entry.title}", _UNPACK_END)
        path = convert(entry, original, temporary, folders.cache)
    for download in folders.cache.glob(unfinished_download(entry, folders, "*").name):
        download.unlink()
    progress(f"{entry.title} is ready", 1.0)
    return Located(path, "cache", sha256_of(path), record=Record.beside(path))


def convert(entry: WeightEntry, original: Located, temporary: Path, into: Path, remark: str = "") -> Path:
    """Convert a verified source and move the result and its record into a folder.

    The record comes second: a crash between the two leaves a file that does not match its record, which
    counts as absent.

    Args:
        temporary: a folder on the same disk as `into`.
        remark: see `Record`.
    """
    from safetensors.torch import save_file

    assert entry.read is not None
    made, path = temporary / entry.file, into / entry.file
    # safetensors refuses views and tensors that share memory.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in entry.read(original.path).items()}
    # No metadata in the file: with several keys its bytes would differ from run to run.
    save_file(tensors, made)
    Record(sha256_of(made), entry.version, original.sha256, original.trusted, remark).save_beside(made)
    # safetensors lets only the owner read; a cache filled at build time is often read by another user.
    shutil.copymode(record_path(made), made)
    os.replace(made, path)
    os.replace(record_path(made), record_path(path))
    logger.info("converted %s to %s (%d tensors)", original.path, path, len(tensors))
    return path
