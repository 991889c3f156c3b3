"""Original files of the Hugging Face Hub: in the user's folder, or downloaded from the first repository that works.

An interrupted download is kept in our cache and resumed (the hub client's own cache starts anew each time, so it is
read, but not filled). A file whose digest is not known beforehand is trusted on first use: its digest goes into the
record beside the converted file, and a later file of the same name must have it.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.sources import Source, SourceFile, WeightEntry, unfinished_download, verify
from mcaclip.weights.store import LOCAL, Located, Record, WeightFolders, in_folder

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""How long the hub may take to answer before the next file is tried."""


@dataclass(frozen=True)
class HubFile(SourceFile):
    """One file on the Hugging Face Hub.

    Attributes:
        repo: "owner/name".
        revision: commit, or None for the newest; the digest is what is relied on.
    """

    repo: str = ""
    revision: str | None = None

    def metadata(self) -> HfFileMetadata:
        """What the hub has there. It is asked once: without a network the client would ask for minutes.

        Raises:
            ConnectionError: there is no answer, or the hub has another file; the message says which.
            HfHubHTTPError: the hub does not have the file.
        """
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError

        url = huggingface_hub.hf_hub_url(self.repo, self.path, revision=self.revision)
        try:
            stated = huggingface_hub.get_hf_file_metadata(url, timeout=ANSWER_SECONDS, token=False)
        except HfHubHTTPError:
            raise
        except Exception as error:  # of whichever HTTP library the client uses
            raise ConnectionError(f"the hub cannot be reached ({_first_line(error)})") from error
        etag = stated.etag or ""
        if self.sha256 and len(etag) == len(self.sha256) and etag != self.sha256:
            raise ConnectionError(f"the hub has another file there: its sha256 is {etag}, expected {self.sha256}")
        return stated


@dataclass(frozen=True)
class HubSource(Source):
    """A file on the Hugging Face Hub, with others there that hold the same thing, tried one after the other.

    Attributes:
        elsewhere: files that hold the same thing and are not on the hub, but may be in the folder `MCACLIP_WEIGHTS`.
    """

    files: tuple[HubFile, ...]
    elsewhere: tuple[SourceFile, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """File names under which the original may be in the folder `MCACLIP_WEIGHTS`."""
        return tuple(dict.fromkeys(file.name for file in (*self.files, *self.elsewhere)))

    @property
    def pins(self) -> frozenset[str]:
        """See `Source`."""
        return super().pins | {file.sha256 for file in self.elsewhere if file.sha256 is not None}

    def find(self, entry: WeightEntry, folders: WeightFolders) -> Located | None:
        """The original in the user's own folder, or one that the hub's client has downloaded already."""
        from huggingface_hub import try_to_load_from_cache

        for name in self.names:
            if path := in_folder(folders.local, name):
                return self._verified(entry, folders, path, LOCAL, name, name in self.unpinned_names)
        for file in self.files:
            cached = try_to_load_from_cache(file.repo, file.path, revision=file.revision)
            if isinstance(cached, str):
                with contextlib.suppress(WeightsError):  # it is downloaded anew
                    return self._verified(entry, folders, Path(cached), "the hub's cache", file.name, not file.sha256)
        return None

    def fetch(
        self, entry: WeightEntry, folders: WeightFolders, temporary: Path, progress: Callable[[float], None]
    ) -> Located:
        """Try one file after the other until one can be downloaded and is the right one.

        Raises:
            WeightsError: none is; the message says why, how large it is, its terms, and what to do.
        """
        logger.warning(
            "%s is not on this machine; asking the Hugging Face Hub for it (%.0f MB). Terms of use: %s",
            entry.title, self.size / 1e6, entry.licence,
        )  # fmt: skip
        reasons = []
        for file in self.files:
            try:
                path = self._download(entry, file, folders, progress)
            except _StoppedError as stop:
                raise stop.by from None
            except Exception as error:  # the hub's client lets through whatever the libraries below it raise
                reasons.append(f"{file.repo} ({file.path}): {_in_words(error)}")
                continue
            try:
                return self._verified(entry, folders, path, "download", file.name, not file.sha256)
            except WeightsError as error:
                path.unlink()
                reasons.append(f"{file.repo}: {error}")
        raise WeightsError(
            f"{self.name} ({entry.title}, {self.size / 1e6:.0f} MB; terms of use: {entry.licence}) could not be "
            f"downloaded. Tried {'; '.join(reasons)}. {entry.remedy}"
        )

    def _download(
        self, entry: WeightEntry, file: HubFile, folders: WeightFolders, progress: Callable[[float], None]
    ) -> Path:
        """Download to a file in our cache, or resume an interrupted download.

        Raises:
            Exception: whatever the hub's client raises when the file is not there or the download breaks off.
        """
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        stated = file.metadata()
        path = unfinished_download(entry, folders, (stated.etag or "unknown")[:16])
        for other in path.parent.glob(unfinished_download(entry, folders, "*").name):
            if other != path:
                other.unlink()
        path.touch()
        # Not in append mode: the client goes back to the start when the server cannot resume.
        with path.open("r+b") as stream:
            stream.seek(0, os.SEEK_END)
            http_get(
                stated.location,
                stream,
                resume_size=stream.tell(),
                headers=build_hf_headers(token=False),
                expected_size=stated.size,
                displayed_filename=file.name,
                tqdm_class=_bar_class(progress, self.size),
            )
        return path

    def _verified(
        self, entry: WeightEntry, folders: WeightFolders, path: Path, where: str, name: str, first_use: bool
    ) -> Located:
        """The file with its digest, which is a pinned one, that of the first use, or any at the first use.

        Raises:
            WeightsError: it has another digest.
        """
        got = sha256_of(path)
        if got in self.pins:
            return Located(path, where, got)
        trusted, remedy = self._trusted_digest(entry, folders, name), entry.remedy
        if trusted is not None:
            verify(path, {*self.pins, trusted}, f"The digest of its first use is {trusted}. {remedy}")
        elif not first_use:
            verify(path, self.pins, remedy)
        return Located(path, where, got, name)

    def _trusted_digest(self, entry: WeightEntry, folders: WeightFolders, name: str) -> str | None:
        """The digest recorded when a file of this name was first used on this machine."""
        for folder in (folders.local, folders.cache):
            record = Record.beside(folder / entry.file) if folder is not None else None
            if record is not None and record.trusted == name:
                return record.source_sha256
        return None

    def remedy(self, entry: WeightEntry) -> str:
        """See `Source`."""
        pinned = any(file.sha256 for file in self.files)
        note = "" if pinned else " Its sha256 is not known beforehand: that of the first use is trusted."
        return (
            "Run `python -m mcaclip fetch --stack paper` where the Hugging Face Hub can be reached (the file is "
            f"{self.files[0].path} of {self.files[0].repo}), or put "
            f"{' or '.join(self.names)} (or {entry.file} with its .json, from the cache of another machine) into "
            f"a folder and start with MCACLIP_WEIGHTS=FOLDER.{note}"
        )


def _in_words(error: Exception) -> str:
    """Why the hub gave no file, in one short phrase."""
    from huggingface_hub import errors, is_offline_mode

    if is_offline_mode():
        return "the hub is switched off (HF_HUB_OFFLINE)"
    if isinstance(error, errors.RepositoryNotFoundError | errors.EntryNotFoundError | errors.RevisionNotFoundError):
        return "the file is not there, or not public"
    return str(error) if isinstance(error, ConnectionError) else f"the download broke off ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class _StoppedError(BaseException):
    """The caller's progress function raised; the client lets this through, and nothing takes it for a broken line."""

    def __init__(self, by: BaseException):
        super().__init__()
        self.by = by


def _bar_class(progress: Callable[[float], None], size: int) -> type[Any]:
    """A class that the client can use for its progress bars; they draw nothing and call `progress`."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **settings: Any):
            super().__init__(*args, **(settings | {"disable": True}))
            self.bytes = float(settings.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            self.bytes += n or 0
            try:
                progress(min(self.bytes / size, 1.0))
            except BaseException as error:
                raise _StoppedError(error) from error

    return Bar
