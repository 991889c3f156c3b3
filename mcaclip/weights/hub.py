"""Original files of the Hugging Face Hub: found in the user's folder, or downloaded from the first place that works.

An interrupted download is kept in our cache and goes on where it stopped (the hub client's own cache starts anew
each time, so it is only looked into, not filled). A file whose digest is not known beforehand is trusted on first
use: its digest goes into the record beside the converted file, and a later file of the same name must have it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcaclip.errors import WeightsError
from mcaclip.weights.store import (
    Original,
    Places,
    Sidecar,
    cache_folder,
    check_digest,
    how_to_get,
    read_stand_in_sums,
    sha256_of,
)
from mcaclip.weights.sources import Entry, HubPlace, HubSource

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""How long the hub may take to answer before the next place is tried."""


def find_original(entry: Entry, source: HubSource, places: Places) -> Original | None:
    """The original file in the user's folder, verified, or None.

    Raises:
        WeightsError: the file there is not the expected one.
    """
    if places.local is None:
        return None
    stand_ins = read_stand_in_sums(places.local)
    for name in source.names:
        path = places.local / name
        if not path.is_file():
            continue
        if name in stand_ins:
            check_digest(path, stand_ins[name], "Make the stand-ins again: `python -m train stand-in --out FOLDER`.")
            return Original(path, stand_ins[name])
        return _verify(entry, source, path, name, _trusted_digest(entry, places, name), first_use=not source.pins)
    return None


def find_download(entry: Entry, source: HubSource, places: Places) -> Original | None:
    """An original that the hub's client has downloaded already, verified, or None. Nothing is fetched."""
    from huggingface_hub import try_to_load_from_cache

    for place in source.places:
        path = try_to_load_from_cache(place.repo, place.file, revision=_revision(source, place))
        if not isinstance(path, str):
            continue
        try:
            return _verify_place(entry, source, place, Path(path), places)
        except WeightsError:  # it would be downloaded anew
            continue
    return None


def download(entry: Entry, source: HubSource, places: Places, progress: Callable[[float], None]) -> Original:
    """Ask one place after the other until one has the file.

    Args:
        entry: what is wanted.
        source: its places.
        places: the folders of this machine.
        progress: called with the fraction 0..1 of the download; an exception it raises stops the download.

    Raises:
        WeightsError: no place could give it; the message says why, how large it is, its terms, and what to do.
    """
    logger.warning(
        "%s is not on this machine; asking the Hugging Face Hub for it (%.0f MB). Terms of use: %s",
        entry.title, source.size / 1e6, entry.licence,
    )  # fmt: skip
    reasons = []
    for place in source.places:
        watch = _Watch(progress, source.size)
        try:
            path = _download_from(entry, source, place, places, watch)
        except Exception as error:  # the hub's client lets through whatever the libraries below it raise
            if watch.stopped_by is not None:
                raise watch.stopped_by from None
            reasons.append(f"{place.repo} ({place.file}): {_in_words(error)}")
            continue
        try:
            return _verify_place(entry, source, place, path, places)
        except WeightsError as error:
            path.unlink()
            reasons.append(f"{place.repo}: {error}")
    raise WeightsError(
        f"{source.names[0]} ({entry.title}, {source.size / 1e6:.0f} MB; terms of use: {entry.licence}) could not be "
        f"downloaded. Tried {'; '.join(reasons)}. {how_to_get(entry)}"
    )


def _revision(source: HubSource, place: HubPlace) -> str | None:
    return source.revision if place.repo == source.repo else None


def _download_from(entry: Entry, source: HubSource, place: HubPlace, places: Places, watch: _Watch) -> Path:
    """Download, or go on with an interrupted download, to a file in our cache.

    Raises:
        ConnectionError: nobody answers, or the hub has another file; in words.
        Exception: whatever the hub's client raises when the file is not there or the download breaks off.
    """
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    stated = _knock(source, place)
    etag = stated.etag or "unknown"
    if place.sha256 and len(etag) == len(place.sha256) and etag != place.sha256:
        raise ConnectionError(f"the hub has another file there: its sha256 is {etag}, expected {place.sha256}")
    path = _partial(entry, places).with_suffix(f".{etag[:16]}")
    discard_download(entry, places, keep=path)
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
            displayed_filename=place.name,
            tqdm_class=watch.bar_class(),
        )
    return path


def discard_download(entry: Entry, places: Places, keep: Path | None = None) -> None:
    """Remove what was downloaded for `entry`, once it is converted or of no use."""
    pattern = _partial(entry, places)
    for path in pattern.parent.glob(f"{pattern.stem}.*"):
        if path != keep:
            path.unlink()


def _partial(entry: Entry, places: Places) -> Path:
    return cache_folder(entry, places) / f"download-{entry.name}"


def _knock(source: HubSource, place: HubPlace) -> HfFileMetadata:
    """Ask once what is there: the client would ask for minutes where there is no network.

    Raises:
        ConnectionError: nobody answers, in words.
        HfHubHTTPError: the hub does not have the file.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    url = huggingface_hub.hf_hub_url(place.repo, place.file, revision=_revision(source, place))
    try:
        return huggingface_hub.get_hf_file_metadata(url, timeout=ANSWER_SECONDS, token=False)
    except HfHubHTTPError:
        raise
    except Exception as error:  # of whichever HTTP library the client uses
        raise ConnectionError(f"the hub cannot be reached ({_first_line(error)})") from error


def _verify_place(entry: Entry, source: HubSource, place: HubPlace, path: Path, places: Places) -> Original:
    trusted = None if place.sha256 else _trusted_digest(entry, places, place.name)
    return _verify(entry, source, path, place.name, trusted, first_use=place.sha256 is None)


def _verify(
    entry: Entry, source: HubSource, path: Path, name: str, trusted: str | None, *, first_use: bool
) -> Original:
    """Accept a file by its digest.

    Args:
        entry: what it is for.
        source: with the pinned digests.
        path: the file.
        name: its name as published.
        trusted: the digest that a file of this name had on first use, if there was one.
        first_use: whether any digest is accepted where none is trusted yet.

    Raises:
        WeightsError: it has another digest than the pinned or trusted ones.
    """
    got = sha256_of(path)
    if got in source.pins:
        return Original(path, got)
    if got == trusted or (first_use and trusted is None):
        return Original(path, got, name)
    expected = " or ".join([*sorted(source.pins), *([f"{trusted} (that of the first use)"] if trusted else [])])
    raise WeightsError(
        f"{path} is not the expected file: sha256 is {got}, expected {expected}. Replace it. {how_to_get(entry)}"
    )


def _trusted_digest(entry: Entry, places: Places, name: str) -> str | None:
    """The digest recorded when a file of this name was first used on this machine."""
    for folder in (places.local, cache_folder(entry, places)):
        record = Sidecar.beside(folder / entry.file) if folder is not None else None
        if record is not None and record.trusted == name:
            return record.source_sha256
    return None


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


class _Watch:
    """Follows one download through the progress bars that the hub's client moves.

    Attributes:
        stopped_by: what the callback raised, to tell it from the client's own errors.
    """

    def __init__(self, progress: Callable[[float], None], size: int):
        self.stopped_by: BaseException | None = None
        self._progress = progress
        self._size = size

    def bar_class(self) -> type[Any]:
        """A class that the client can use for its bars; they draw nothing."""
        from tqdm.auto import tqdm

        watch = self

        class Bar(tqdm):
            def __init__(self, *args: Any, **settings: Any):
                super().__init__(*args, **(settings | {"disable": True}))
                self.bytes = float(settings.get("initial") or 0)

            def update(self, n: float | None = 1) -> None:
                self.bytes += n or 0
                watch._report(self.bytes)

        return Bar

    def _report(self, done: float) -> None:
        try:
            self._progress(min(done / self._size, 1.0))
        except BaseException as error:
            self.stopped_by = error
            raise
