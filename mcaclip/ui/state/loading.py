"""The editor, loaded beside the page: the page opens at once, events wait for the models."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mcaclip.errors import StudioError, WeightsError
from mcaclip.ui.display import text
from mcaclip.ui.state.editor import EditorProtocol

logger = logging.getLogger(__name__)

ReportProgress = Callable[[str, float], None]
"""Called with what is being loaded, in words, and a fraction 0..1."""


@dataclass(frozen=True)
class LoadStatus:
    """The state of loading.

    Attributes:
        stage: in words.
        fraction: 0..1.
        error: why it failed, in words for the user, or None.
        ready: the editor can be used.
    """

    stage: str = text.LOADING
    fraction: float = 0.0
    error: str | None = None
    ready: bool = False


class EditorSource:
    """Loads one editor in a thread and gives it to all who wait.

    Args:
        load: makes the editor, reporting its progress.
    """

    def __init__(self, load: Callable[[ReportProgress], EditorProtocol]):
        self._load = load
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._editor: EditorProtocol | None = None
        self.status = LoadStatus()

    def start(self) -> None:
        """Begins loading unless it is under way or done. A failed attempt is made again."""
        with self._lock:
            if self._editor is not None or (self._thread is not None and self._thread.is_alive()):
                return
            self.status = LoadStatus()
            self._thread = threading.Thread(target=self._run, name="load-editor", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._editor = self._load(self._report)
            self.status = LoadStatus(text.READY, 1.0, ready=True)
        except StudioError as error:
            logger.error("The models could not be loaded: %s", error)
            self.status = LoadStatus(error=str(error))
        except Exception as error:
            logger.exception("The models could not be loaded")
            self.status = LoadStatus(error=f"The models could not be loaded ({error}). Run: python -m mcaclip doctor")

    def _report(self, stage: str, fraction: float) -> None:
        self.status = LoadStatus(f"{text.LOADING} · {stage}", fraction)

    def wait(self, seconds: float) -> EditorProtocol | None:
        """The editor, or None when it is not there after `seconds`.

        Raises:
            WeightsError: when loading failed; the next call tries again.
        """
        failed = self.status.error
        if failed is not None:
            self.start()
            raise WeightsError(failed)
        self.start()
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return self._editor
