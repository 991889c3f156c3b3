"""Results and photos at URLs, through fsspec: object stores, network file systems, the memory of this process."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import fsspec
import numpy as np

from mcaclip.errors import StudioError, quotable
from mcaclip.imaging.photo import MAX_FILE_BYTES, load_photo
from mcaclip.results import export
from mcaclip.results.folder import Provenance, describe_request, write_files
from mcaclip.results.pipeline import Outcome
from mcaclip.types import EditSettings

DIGEST_LETTERS = 12
RECORD = "result.json"


class RemoteResults:
    """The results of photos below a URL, each in a folder NAME-DIGEST, whose digest is that of its request.

    Object stores have no renaming of folders, so the record is written last: a folder without it counts as absent,
    and whoever makes the same result again writes the same files.

    Args:
        out: the URL.
        overwrite: make results again that are there.

    Raises:
        StudioError: there is nothing that reads such URLs.
    """

    def __init__(self, out: str, overwrite: bool = False):
        self.overwrite = overwrite
        self._files, root = _opened(out)
        self._root = self._files.unstrip_protocol(root).rstrip("/")

    def find(self, stem: str, settings: EditSettings | None, provenance: Provenance) -> str | None:
        """The folder of the very same request; None to make it."""
        folder = self._folder(stem, settings, provenance)
        return folder if not self.overwrite and self._files.exists(f"{folder}/{RECORD}") else None

    def write(self, stem: str, outcome: Outcome, provenance: Provenance, named: bool = True) -> str:
        """Writes the files of `ResultFolders.write`; the folder, as a URL. Raises OSError."""
        folder = self._folder(stem, outcome.result.settings if outcome.result else None, provenance)
        with tempfile.TemporaryDirectory() as made:
            write_files(Path(made), outcome, provenance)
            files = sorted((path for path in Path(made).rglob("*") if path.is_file()), key=lambda p: p.name == RECORD)
            for path in files:
                self._put(f"{folder}/{path.relative_to(made).as_posix()}", path.read_bytes())
        return folder

    def read(self, folder: str, name: str) -> np.ndarray:
        """A picture `uint8 [H, W, 3]` of a result. Raises ImageError, OSError."""
        return load_photo(self._files.cat_file(f"{folder}/{name}"))

    def add(self, folder: str, name: str, picture: np.ndarray, record: Mapping[str, Any]) -> None:
        """Adds a picture `uint8 [H, W, 3]` that shows edits to a result. Raises OSError."""
        with tempfile.TemporaryDirectory() as made:
            export.write_png(Path(made) / name, picture, record)
            self._put(f"{folder}/{name}", (Path(made) / name).read_bytes())

    def _put(self, path: str, data: bytes) -> None:
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(path, data)

    def _folder(self, stem: str, settings: EditSettings | None, provenance: Provenance) -> str:
        asked = json.dumps(describe_request(settings, provenance), sort_keys=True)
        digest = hashlib.sha256(asked.encode(errors="replace")).hexdigest()[:DIGEST_LETTERS]
        return f"{self._root}/{stem}-{digest}"


def read_bytes(url: str) -> bytes:
    """The bytes of a photo at a URL. Raises StudioError."""
    files, path = _opened(url)
    try:
        if (files.size(path) or 0) > MAX_FILE_BYTES:
            raise StudioError(f"{quotable(url)} is larger than {MAX_FILE_BYTES // 1_000_000} MB. Make it smaller.")
        return files.cat_file(path)
    except FileNotFoundError as error:
        raise StudioError(f"There is nothing at {quotable(url)}. Check the address.") from error


def open_to_write(place: Path | str) -> IO[bytes]:
    """A file at a path or URL. Raises OSError, StudioError."""
    files, path = _opened(str(place))
    files.makedirs(path.rpartition("/")[0] or "/", exist_ok=True)
    return files.open(path, "wb")


def joined(folder: Path | str, name: str) -> Path | str:
    """A file in a folder, which may be a URL."""
    return f"{folder.rstrip('/')}/{name}" if isinstance(folder, str) else folder / name


def _opened(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    try:
        return fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise StudioError(f"{quotable(url)} cannot be used: {quotable(str(error))}") from error
