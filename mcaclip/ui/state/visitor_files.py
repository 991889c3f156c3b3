"""The files of visitors: what they uploaded and what they were shown. No other file is ever opened or removed.

Gradio keeps both below one folder and shares them among all visitors by their content. Here every upload gets a
folder of its own, every file has an owner (a tab), and it is removed with the last one. A file without an owner, as
the endpoints leave them, is removed after a while.
"""

from __future__ import annotations

import contextvars
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcaclip.errors import StudioError
from mcaclip.ui.display import text

log = logging.getLogger(__name__)

UNCLAIMED_SECONDS = 600
"""A file that no tab owns is removed after so long."""
FRESH_SECONDS = 30
"""A file that was written within so long is not removed yet: Gradio writes a picture before its tab is known."""
MAX_STORED_BYTES = 2_000_000_000
"""Uploads of all visitors together; beyond that no more are taken."""


@dataclass
class _File:
    """What is known of a file: when it last came, its size in bytes if it was uploaded, and whose it is.

    The owner None stands for a client without a tab who may still fetch it; it expires.
    """

    since: float
    size: int = 0
    owners: set[str | None] = field(default_factory=set)


class VisitorFiles:
    """Which file belongs to which tab; may be shared by threads.

    Args:
        root: the folder below which Gradio keeps uploads and what it sends.
        clock: seconds that only go forwards.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic):
        self.root = root.resolve()
        self._clock = clock
        self._lock = threading.RLock()
        self._files: dict[str, _File] = {}

    def received(self, paths: Iterable[str]) -> None:
        """Files that were just uploaded; they belong to nobody until a tab names them."""
        for path in paths:
            self._known(path, None, max(1, _size(path)))

    def given(self, value: object, tab: str | None) -> Path:
        """The path of a file that a visitor names.

        Args:
            value: what the browser or a program sent: a path, or Gradio's description of a file with its `path`.
            tab: of the visitor; None for an endpoint, which leaves the file without an owner.

        Raises:
            StudioError: it was not uploaded or made here, or it is another visitor's. The message is the same for
                both, and does not show whether such a file exists.
        """
        path = value.get("path") if isinstance(value, dict) else value
        with self._lock:
            file = self._files.get(path) if isinstance(path, str) else None
            if not isinstance(path, str) or file is None or (file.size and file.owners - {tab, None}):
                raise StudioError(text.FILE_UNKNOWN)
            file.owners.add(tab)
            if tab is not None and file.size:
                file.owners.discard(None)
        return Path(path)

    def knows(self, path: object) -> bool:
        """Whether a path is one that was uploaded or made here."""
        with self._lock:
            return isinstance(path, str) and path in self._files

    def shown(self, paths: Iterable[str], tab: str | None) -> None:
        """Files that a visitor is sent; they are removed with the tab, or when another one replaces them.

        A file of the same name replaces an earlier one, for the page asks for the newest; names that Gradio makes
        itself are shared by all its pictures.
        """
        with self._lock:
            for path in paths:
                self._known(path, tab)
                if tab is not None and not Path(path).name.startswith("image."):
                    for other, file in self._files.items():
                        if other != path and tab in file.owners and Path(other).name == Path(path).name:
                            file.owners.discard(tab)
            self._remove_ownerless()

    def dropped(self, path: str, tab: str) -> None:
        """A tab no longer wants a file; it goes with its last owner. Never raises."""
        with self._lock:
            if path in self._files:
                self._files[path].owners -= {tab, None}
            self._remove_ownerless()

    def renamed(self, old: str, new: str) -> None:
        """A tab has another key from now on."""
        with self._lock:
            for file in self._files.values():
                if old in file.owners:
                    file.owners = (file.owners - {old}) | {new}

    def leave(self, tab: str) -> None:
        """Removes the files of a tab that are not another one's as well. Never raises."""
        with self._lock:
            for file in self._files.values():
                file.owners.discard(tab)
            self._remove_ownerless()

    def expire(self, tabs: Collection[str] | None = None) -> None:
        """Removes what no tab has owned for `UNCLAIMED_SECONDS`. Never raises.

        Args:
            tabs: those that there are; the owner of a file whose request was refused may never have become one.
        """
        with self._lock:
            for file in self._files.values():
                if self._clock() - file.since >= UNCLAIMED_SECONDS:
                    file.owners = {one for one in file.owners if one is not None and (tabs is None or one in tabs)}
            self._remove_ownerless()

    def remove_strays(self, folder: Path) -> None:
        """Removes what an upload left in its folder without an answer, for instance when it was cut off."""
        with self._lock:
            known = {path for path in self._files if Path(path).is_relative_to(folder)}
        if not known and folder.is_relative_to(self.root) and folder != self.root:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def stored_bytes(self) -> int:
        """The size of all uploads that are kept."""
        with self._lock:
            return sum(file.size for file in self._files.values())

    def _known(self, path: str, owner: str | None, size: int = 0) -> None:
        if not Path(os.path.realpath(path)).is_relative_to(self.root):  # the page's own pictures, for instance
            return
        with self._lock:
            file = self._files.setdefault(path, _File(0.0, size))
            file.since = self._clock()
            file.owners.add(owner)

    def _remove_ownerless(self) -> None:
        for path in [path for path, file in self._files.items() if not file.owners]:
            file = self._files[path]
            if not file.size and _fresh(path):  # made again just now, for a visitor who is about to receive it
                file.owners.add(None)
                file.since = self._clock()
                continue
            del self._files[path]
            try:
                Path(path).unlink(missing_ok=True)
                for folder in Path(path).parents:
                    if folder == self.root or not folder.is_relative_to(self.root):
                        break
                    folder.rmdir()
            except OSError as error:  # a folder that holds something else stays
                log.debug("%s stays: %s", path, error)


class UploadFolder(os.PathLike):
    """Where Gradio puts uploads: a fresh folder during a request marked by `apart`, the root at any other time.

    Gradio names an uploaded file by its content. Two visitors who upload the same picture would share one file, and
    the first to leave would take it away from the other.
    """

    _current: contextvars.ContextVar[str] = contextvars.ContextVar("upload_folder", default="")

    def __init__(self, root: Path):
        self.root = root

    def __fspath__(self) -> str:
        return str(self.root / self._current.get())

    def __str__(self) -> str:
        return self.__fspath__()

    @contextmanager
    def apart(self) -> Iterator[Path]:
        """Yields a folder with an unguessable name for the files of one request."""
        name = f"upload-{secrets.token_hex(16)}"
        token = self._current.set(name)
        try:
            yield self.root / name
        finally:
            self._current.reset(token)


def file_paths(value: Any) -> Iterator[object]:
    """Every path of a file in a value as it travels between browser and server, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "path" in one:
                yield one["path"]
            waiting.extend(one.values())
        elif isinstance(one, (list, tuple)):
            waiting.extend(one)


def _fresh(path: str) -> bool:
    """Whether a file was written within the last moments."""
    try:
        return 0 <= time.time() - os.path.getmtime(path) < FRESH_SECONDS
    except OSError:
        return False


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
