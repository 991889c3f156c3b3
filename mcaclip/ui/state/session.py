"""What one browser tab works on. A new record after every step; nothing is shared between tabs."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mcaclip.types import AlignedFace, DetectedFace, EditResult, EditSettings, Inversion, Paint

MAX_HISTORY = 20
FULL_RESULTS = 5
"""So many newest edits are kept whole (about 20 MB each); older ones are computed again when they are wanted."""


class CancelToken:
    """Says that a running computation is no longer wanted. Plain data, so that Gradio can copy it."""

    def __init__(self) -> None:
        self.cancelled = False
        self.stopping = False

    def cancel(self) -> None:
        """Asks the computation to end at its next step and to forget what it has."""
        self.cancelled = True

    def stop(self) -> None:
        """Asks the computation to end at its next step with the best it has."""
        self.stopping = True


@dataclass(frozen=True, eq=False)
class Entry:
    """One edit in the history.

    Attributes:
        number: counts up over the whole session.
        settings: what was asked for.
        thumbnail: `uint8 [s, s, 3]`.
        picture: file of the edit as the page shows it.
        result: the edit itself, or None when it has to be computed again.
    """

    number: int
    settings: EditSettings
    thumbnail: np.ndarray | None = None
    picture: str | None = None
    result: EditResult | None = None


@dataclass(frozen=True, eq=False)
class Session:
    """State of one tab.

    Attributes:
        name: stem for downloads.
        photo: `uint8 [H, W, 3]`, or None for a generated face.
        faces: what was found in the photo, largest first.
        aligned: the chosen face; None for a generated one.
        inversion: the reconstructed or generated face.
        result: the full-size edit that is shown.
        history: all edits of this face, oldest first.
        at: which of them is shown; -1 for none.
        paint: what is painted over the masks.
        running: token of the computation under way or done last.
        folder: where this tab's downloads lie, made when the first is written.
        photo_file: the photo's own file, from which `photo` was read; None for a generated face.
        marked: downloads carry the visible mark.
        client: address of the visitor who asks, for the limits.
        key: the tab's own, see `mcaclip.ui.state.tabs`.
    """

    name: str = "face"
    photo: np.ndarray | None = None
    faces: tuple[DetectedFace, ...] = ()
    aligned: AlignedFace | None = None
    inversion: Inversion | None = None
    result: EditResult | None = None
    history: tuple[Entry, ...] = ()
    at: int = -1
    paint: Paint | None = None
    running: CancelToken = field(default_factory=CancelToken)
    folder: Path | None = None
    photo_file: Path | None = None
    marked: bool = True
    client: str = ""
    key: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing of it needs to be remembered."""
        return self.photo is None and self.inversion is None and self.folder is None and not self.history

    def restarted(self) -> Session:
        """The same tab without a face."""
        return Session(folder=self.folder, marked=self.marked, client=self.client, key=self.key)

    def without_edits(self) -> Session:
        """The same face without any edit."""
        return replace(self, result=None, history=(), at=-1, paint=None)

    def with_folder(self, root: Path) -> Session:
        """The session with a folder of its own under `root`, private to this process's user."""
        if self.folder is not None and self.folder.is_dir():
            return self
        return replace(self, folder=Path(tempfile.mkdtemp(prefix="tab-", dir=root)))

    def added(self, entry: Entry) -> Session:
        """After a new edit: what was undone before it is dropped, and the oldest beyond `MAX_HISTORY`."""
        kept = (*self.history[: self.at + 1], entry)[-MAX_HISTORY:]
        lean = [replace(old, result=None) for old in kept[:-FULL_RESULTS]]
        history = (*lean, *kept[-FULL_RESULTS:])
        return replace(self, history=history, at=len(history) - 1, result=entry.result)

    def moved(self, at: int, entry: Entry) -> Session:
        """Showing another edit of the history, `entry`, which has its result."""
        history = (*self.history[:at], entry, *self.history[at + 1 :])
        return replace(self, history=history, at=at, result=entry.result, paint=entry.settings.paint)

    @property
    def original(self) -> str | None:
        """File of the unedited face as the page shows it."""
        return None if self.folder is None else str(self.folder / "original.jpg")


def forget(session: Session | None) -> None:
    """Ends what the tab still computes and removes its folder. Called when the tab is gone; never raises."""
    if session is None:
        return
    session.running.cancel()
    if session.folder is not None:
        shutil.rmtree(session.folder, ignore_errors=True)
