"""The one folder on the disk that holds visitors' files, and its removal.

A server that ends normally removes its folder. That of a killed server is removed by the next start: a folder is
locked while its server lives, and the system drops the lock with the process, whatever ended it.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

PREFIX = "mcaclip-studio-"
LOCK = "server.lock"
TRIES = 30


@contextlib.contextmanager
def server_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder for this server alone, removed at the end; folders that dead servers left beside it are removed first.

    Args:
        parent: where it is made; the system's folder for temporary files when None.

    Yields:
        A folder that only this process's user can read.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    parent.mkdir(parents=True, exist_ok=True)
    with FileLock(parent / f".{PREFIX}{_user()}.lock"):  # a folder is never seen before it is locked
        remove_dead(parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = FileLock(folder / LOCK)
        lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        _remove(folder)


def remove_dead(parent: Path) -> None:
    """Removes the folders of this user's servers that no longer live. Never raises."""
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not (folder / LOCK).is_file() or not _owned(folder):
            continue
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        lock.release()
        log.info("Removed what an earlier server left: %s", folder.name)
        shutil.rmtree(folder, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Removes a folder into which requests that are still served may be writing."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def _owned(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()
