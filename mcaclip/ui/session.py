"""What one browser tab works on. A new record after every step; nothing is shared between tabs."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mcaclip.types import AlignedFace, DetectedFace, EditResult, Inversion

TIME_TO_LIVE = 3600
"""Seconds after which a tab's faces are forgotten."""


class CancelToken:
    """Says that a running computation is no longer wanted. Plain data, so that Gradio can copy it."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        """Asks the computation to end at its next step."""
        self.cancelled = True


@dataclass(frozen=True, eq=False)
class Session:
    """State of one tab.

    Attributes:
        name: stem for downloads.
        photo: `uint8 [H, W, 3]`, or None for a generated face.
        faces: what was found in the photo, largest first.
        aligned: the chosen face; None for a generated one.
        inversion: the reconstructed or generated face.
        result: the last full-size edit.
        running: token of the computation under way or done last.
        folder: where this tab's downloads lie, made when the first is written.
    """

    name: str = "face"
    photo: np.ndarray | None = None
    faces: tuple[DetectedFace, ...] = ()
    aligned: AlignedFace | None = None
    inversion: Inversion | None = None
    result: EditResult | None = None
    running: CancelToken = field(default_factory=CancelToken)
    folder: Path | None = None

    def restarted(self) -> Session:
        """The same tab without a face. Its folder stays, so that it can be removed with the tab."""
        return Session(folder=self.folder)

    def with_folder(self, root: Path) -> Session:
        """The session with a folder of its own under `root`, private to this process's user."""
        if self.folder is not None and self.folder.is_dir():
            return self
        return replace(self, folder=Path(tempfile.mkdtemp(prefix="tab-", dir=root)))


def forget(session: Session | None) -> None:
    """Ends what the tab still computes and removes its files. Called when the tab is gone."""
    if session is None:
        return
    session.running.cancel()
    if session.folder is not None:
        shutil.rmtree(session.folder, ignore_errors=True)
