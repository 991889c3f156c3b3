"""Original files of the Hugging Face Hub: found in the user's folder, or downloaded from the first place that works.

The hub's own client keeps the download in its cache and resumes an interrupted one. A file whose digest is not
known beforehand is trusted on first use: its digest goes into the record beside the converted file, and a later
file of the same name must have it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcaclip.errors import WeightsError
from mcaclip.weights_files import (
    Original,
    Places,
    Sidecar,
    cache_folder,
    check_digest,
    how_to_get,
    read_stand_in_sums,
    sha256_of,
)
from mcaclip.weights_sources import Entry, HubPlace, HubSource

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
        return _verify(entry, source, path, _trusted_digest(entry, places, name), first_use=not source.pins)
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
            path = _ask_hub(source, place, watch)
        except Exception as error:  # the hub's client lets through whatever the libraries below it raise
            if watch.stopped_by is not None:
                raise watch.stopped_by from None
            reasons.append(f"{place.repo} ({place.file}): {_in_words(error)}")
            continue
        if watch.stopped_by is not None:
            raise watch.stopped_by
        try:
            return _verify_place(entry, source, place, path, places)
        except WeightsError as error:
            _drop_if_damaged(path)
            reasons.append(f"{place.repo}: {error}")
    raise WeightsError(
        f"{source.names[0]} ({entry.title}, {source.size / 1e6:.0f} MB; terms of use: {entry.licence}) could not be "
        f"downloaded. Tried {'; '.join(reasons)}. {how_to_get(entry)}"
    )


def _revision(source: HubSource, place: HubPlace) -> str | None:
    return source.revision if place.repo == source.repo else None


def _ask_hub(source: HubSource, place: HubPlace, watch: _Watch) -> Path:
    import huggingface_hub

    path = huggingface_hub.hf_hub_download(
        place.repo,
        place.file,
        revision=_revision(source, place),
        etag_timeout=ANSWER_SECONDS,
        tqdm_class=watch.bar_class(),
    )
    return Path(path)


def _verify_place(entry: Entry, source: HubSource, place: HubPlace, path: Path, places: Places) -> Original:
    trusted = None if place.sha256 else _trusted_digest(entry, places, place.name)
    return _verify(entry, source, path, trusted, first_use=place.sha256 is None)


def _verify(entry: Entry, source: HubSource, path: Path, trusted: str | None, *, first_use: bool) -> Original:
    """Accept a file by its digest.

    Args:
        entry: what it is for.
        source: with the pinned digests.
        path: the file.
        trusted: the digest that a file of this name had on first use, if there was one.
        first_use: whether any digest is accepted where none is trusted yet.

    Raises:
        WeightsError: it has another digest than the pinned or trusted ones.
    """
    got = sha256_of(path)
    if got in source.pins:
        return Original(path, got)
    if got == trusted or (first_use and trusted is None):
        return Original(path, got, path.name)
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


def _drop_if_damaged(path: Path) -> None:
    """Remove a file of the hub's cache that is not what its own name says, so that it is downloaded anew.

    The hub's client names large files by their sha256. A whole file that is merely not the one wanted stays.
    """
    blob = path.resolve()
    if len(blob.name) == 64 and blob.name != sha256_of(path):
        blob.unlink()
        path.unlink(missing_ok=True)


def _in_words(error: Exception) -> str:
    """Why the hub gave no file, in one short phrase."""
    from huggingface_hub import errors, is_offline_mode

    if is_offline_mode():
        return "the hub is switched off (HF_HUB_OFFLINE)"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return "the hub cannot be reached"
    if isinstance(error, errors.RepositoryNotFoundError | errors.EntryNotFoundError | errors.RevisionNotFoundError):
        return "the file is not there, or not public"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class _Watch:
    """Follows one download through the progress bars that the hub's client moves.

    Attributes:
        stopped_by: what the callback raised, kept because the client may swallow it.
    """

    def __init__(self, progress: Callable[[float], None], size: int):
        self.stopped_by: BaseException | None = None
        self._progress = progress
        self._size = size
        self._done = 0.0

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
        # The client may count the same bytes twice, in one bar as they come and in another as they are written.
        self._done = max(self._done, done)
        try:
            self._progress(min(self._done / self._size, 1.0))
        except BaseException as error:
            self.stopped_by = error
            raise
