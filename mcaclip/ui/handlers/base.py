"""What all handlers share: the editor, the folder for files, the tabs and the limits.

A handler takes plain values and the tab's `Session` and yields *views*: dictionaries from a component's
name to its new value or update. `mcaclip.ui.handlers.binder` connects names and components.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from mcaclip.ui.display import markup
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.views import View
from mcaclip.ui.state.background import Turn
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.limits import Limits
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.session import Session
from mcaclip.ui.state.tabs import Tabs
from mcaclip.ui.state.training_process import TrainingProcess
from mcaclip.ui.state.visitor_files import VisitorFiles

Views = Iterator[View]

POLL_SECONDS = 0.3


class HandlerBase:
    """The editor that all tabs share, and the folder for their files.

    Args:
        source: of the editor.
        root: an existing folder only this process's user can read; every tab gets a folder in it.
        training: the one training of this machine; None where nobody may train.

    Attributes:
        tabs: what every tab works on, and the files of all visitors.
        limits: of the clients.
        turn: of those who wait for a picture, before all work in the background.
    """

    def __init__(self, source: EditorSource, root: Path, training: TrainingProcess | None = None):
        self.source = source
        self.root = root
        self.training = training
        self.tabs = Tabs(VisitorFiles(Path(get_upload_folder())))
        self.limits = Limits()
        self.turn = Turn()

    def ready_editor(self) -> EditorProtocol | None:
        """The editor, or None while it is loading."""
        return self.source.wait(0) if self.source.status.ready else None

    def status(self) -> View:
        """The state of the models; polled until they are loaded."""
        state = self.source.status
        view: View = {"status": views.load_status(state)}
        if state.ready:
            editor = self.source.wait(0)
            assert editor is not None
            view.update(views.editor_view(editor))
            view["timer"] = gr.update(active=False)
        return view

    def cancel(self, session: Session) -> View:
        """Ends an edit that is under way; nothing of it is kept."""
        session.running.stop()
        return {}

    def stop(self, session: Session) -> View:
        """Ends what is learned of a face in the background, with the best so far."""
        if session.learning is not None:
            session.learning.stop()
        return {}

    def abandon(self, session: Session) -> View:
        """Ends every computation of the tab, because its face is no longer wanted."""
        session.running.cancel()
        if session.learning is not None:
            session.learning.cancel()
        return {}

    def await_editor(self, bar: str) -> Generator[View, None, EditorProtocol]:
        """Waits for the editor and shows its progress in `bar`. Raises WeightsError."""
        self.tabs.used()
        while (editor := self.source.wait(POLL_SECONDS)) is None:
            state = self.source.status
            yield {bar: markup.progress(state.stage, state.fraction)}
        return editor
