"""The room that shows what an edit did, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from mcaclip.ui.display import inspect, text
from mcaclip.ui.display.components import Components
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.handlers.binder import Binder
from mcaclip.ui.handlers.views import View, original_of
from mcaclip.ui.lab import examples
from mcaclip.ui.state.session import Session
from mcaclip.ui.state.training_process import read_metrics
from mcaclip.validate import FITTED


def inspect_view(studio: HandlerBase, session: Session) -> View:
    """The edit on the stage, and how its prompts were learned where their metrics are on this disk."""
    result, source, editor = session.result, original_of(session), studio.ready_editor()
    if result is None or source is None or editor is None:
        return {"inspect": _empty(), "inspect_shifts": ""}
    parts = zip(result.settings.parts, result.modes, strict=True)
    files = {part.prompt: editor.metrics_file(part.prompt) for part, mode in parts if mode == FITTED}
    terms = {prompt: read_metrics(file) if file else () for prompt, file in files.items()}
    return {"inspect": inspect.pictures(source, result), "inspect_shifts": inspect.shifts(result, terms)}


def build_room(parts: Components) -> None:
    """The components."""
    with gr.Column(elem_id="inspect-room", elem_classes="room"):
        with gr.Column(elem_classes="room-panel"):
            parts["inspect_shifts"] = gr.HTML("", elem_id="inspect-shifts")
        with gr.Column(elem_classes="room-main"):
            parts["inspect"] = gr.HTML(_empty(), elem_id="inspect")


def connect(bind: Binder, opened: Sequence[Any], resumed: Any, parts: Components, studio: HandlerBase) -> None:
    """The events. They come after an edit that is under way.

    Args:
        opened: what opens the room.
        resumed: the event that brings back the face of a page that was loaded again.
    """

    def shown(session: Session) -> View:
        return inspect_view(studio, session)

    def came_back(session: Session) -> View:
        return {} if session.result is None else inspect_view(studio, session)

    bind.model(opened, shown, [parts["session"]], trigger_mode="multiple")
    bind.model([resumed], came_back, [parts["session"]])


def _empty() -> str:
    return examples.hint(text.INSPECT_TITLE, text.INSPECT_HINT, text.TO_STUDIO) + examples.edit()
