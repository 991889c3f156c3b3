"""The editor, loaded beside the page: the page opens at once, events wait for the models."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from mcaclip.errors import StudioError, WeightsError
from mcaclip.imaging.align import already_aligned
from mcaclip.types import EditSettings, to_uint8
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
        warm: is called with the editor once it can be used, beside its users; see `warm_up`.
    """

    def __init__(
        self,
        load: Callable[[ReportProgress], EditorProtocol],
        warm: Callable[[EditorProtocol], None] | None = None,
    ):
        self._load, self._warm = load, warm
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
            if self._warm is not None:
                threading.Thread(target=self._warm, args=(self._editor,), name="warm-up", daemon=True).start()
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


def warm_up(editor: EditorProtocol) -> None:
    """Makes an instant inversion, a preview and two edits that nobody sees. Never raises.

    The first of each takes seconds longer than any later one: PyTorch prepares its kernels and memory.
    """
    try:
        made = editor.sample(0).reconstruction
        face = editor.invert(already_aligned(to_uint8(made)), "instant")
        for prompt in editor.prompts()[:2]:
            editor.preview(face, EditSettings(prompt))
            editor.render(face, editor.resolve(EditSettings(prompt)))
    except Exception:
        logger.exception("Warming up failed; the page works all the same")
