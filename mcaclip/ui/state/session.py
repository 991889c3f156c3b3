"""What one browser tab works on. A new record after every step; nothing is shared between tabs."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mcaclip.types import AlignedFace, DetectedFace, EditResult, EditSettings, Inversion, Paint

MAX_HISTORY = 20
MAX_FACES = 6
"""Faces that the film holds, the one on the stage included."""
FULL_RESULTS = 5
"""So many newest edits are kept whole (about 20 MB each); older ones are computed again when they are wanted."""


class CancelToken:
    """Says that a running computation is no longer wanted. Plain data, so that Gradio can copy it.

    Attributes:
        begun: a computation has had it; one that has it again begins anew, after a reload.
    """

    def __init__(self) -> None:
        self.begun = False
        self.cancelled = False
        self.stopping = False

    def cancel(self) -> None:
        """Asks the computation to end at its next step and to forget what it has."""
        self.cancelled = True

    def stop(self) -> None:
        """Asks the computation to end at its next step with the best it has."""
        self.stopping = True


@dataclass(frozen=True, eq=False)
class HistoryEntry:
    """One edit in the history.

    Attributes:
        number: counts up over all edits of the face.
        settings: what was asked for.
        thumbnail: a small picture as a data URL; empty for an edit of a session file that was not computed yet.
        picture: file of the edit as the page shows it.
        result: the edit itself, or None when it has to be computed again.
    """

    number: int
    settings: EditSettings
    thumbnail: str = ""
    picture: str | None = None
    result: EditResult | None = None


@dataclass(frozen=True, eq=False)
class Session:
    """State of one tab.

    Attributes:
        name: stem for downloads.
        photo: `uint8 [H, W, 3]`, or None for a generated face.
        faces: what was found in the photo, largest first.
        aligned: the chosen face; None for a generated one, and while one of several faces has to be chosen.
        inversion: the reconstructed or generated face.
        thumbnail: the unedited face as a small data URL.
        result: the full-size edit that is shown.
        history: all edits of this face, oldest first.
        at: which of them is shown; -1 for the original.
        paint: what is painted over the masks.
        wanted: an edit that was asked for and is not made yet.
        running: token of the computation under way or done last.
        learning: token of the better inversion that is looked for in the background; None where none is wanted.
        folder: where this tab's pictures and downloads lie, made when the first is written.
        photo_file: the photo's own file, from which `photo` was read; None for a generated face.
        waiting: a photo that is not opened before the person in it agreed, and whether it is a square crop already.
        consented: the visitor said that the people in their photos agreed.
        number: of the face, counting up over the tab's life; the film is in this order.
        shelf: the other faces of the film, at rest.
        marked: downloads carry the visible mark.
        client: address of the visitor who asks, for the limits.
        key: the tab's own, see `mcaclip.ui.state.tabs`.
    """

    name: str = "face"
    photo: np.ndarray | None = None
    faces: tuple[DetectedFace, ...] = ()
    aligned: AlignedFace | None = None
    inversion: Inversion | None = None
    thumbnail: str = ""
    result: EditResult | None = None
    history: tuple[HistoryEntry, ...] = ()
    at: int = -1
    paint: Paint | None = None
    wanted: EditSettings | None = None
    running: CancelToken = field(default_factory=CancelToken)
    learning: CancelToken | None = None
    folder: Path | None = None
    photo_file: Path | None = None
    waiting: tuple[Path, bool] | None = None
    consented: bool = False
    number: int = 0
    shelf: tuple[Session, ...] = ()
    marked: bool = True
    client: str = ""
    key: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing of it needs to be remembered."""
        there = (self.photo, self.inversion, self.folder, self.waiting)
        return all(one is None for one in there) and not (self.history or self.shelf or self.consented)

    def restarted(self) -> Session:
        """The same tab without a face on the stage, with a number for the next one."""
        return Session(
            folder=self.folder,
            consented=self.consented,
            number=1 + max([self.number, *(other.number for other in self.shelf)]),
            shelf=self.shelf,
            marked=self.marked,
            client=self.client,
            key=self.key,
        )

    def with_folder(self, root: Path) -> Session:
        """The session with a folder of its own under `root`, private to this process's user."""
        if self.folder is not None and self.folder.is_dir():
            return self
        return replace(self, folder=Path(tempfile.mkdtemp(prefix="tab-", dir=root)))

    def added(self, entry: HistoryEntry) -> Session:
        """After a new edit: what was undone before it is dropped, the same edit if it was made before, and the oldest
        beyond `MAX_HISTORY`.
        """
        others = (old for old in self.history[: self.at + 1] if old.settings != entry.settings)
        kept = (*others, entry)[-MAX_HISTORY:]
        lean = [replace(old, result=None) for old in kept[:-FULL_RESULTS]]
        history = (*lean, *kept[-FULL_RESULTS:])
        return replace(self, history=history, at=len(history) - 1, result=entry.result, wanted=None)

    def moved(self, at: int, entry: HistoryEntry) -> Session:
        """Showing another edit of the history, `entry`, which has its result."""
        history = (*self.history[:at], entry, *self.history[at + 1 :])
        settings = entry.settings
        return replace(self, history=history, at=at, result=entry.result, paint=settings.paint, wanted=None)

    def unedited(self) -> Session:
        """Showing the original; all edits stay in the history."""
        return replace(self, at=-1, result=None, paint=None, wanted=None)


def forget(session: Session | None) -> None:
    """Ends what the tab still computes and removes its folder. Called when the tab is gone; never raises."""
    if session is None:
        return
    session.running.cancel()
    if session.folder is not None:
        shutil.rmtree(session.folder, ignore_errors=True)
