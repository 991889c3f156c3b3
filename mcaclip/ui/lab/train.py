"""The room in which new words are learned."""

from __future__ import annotations

import time
from html import escape
from typing import Any

import gradio as gr

from mcaclip.errors import PromptError, StudioError
from mcaclip.ui.display import images, markup, text, training_text
from mcaclip.ui.display.components import Components, feed, words_field
from mcaclip.ui.display.curves import curves
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.handlers.binder import Binder
from mcaclip.ui.handlers.views import View, editor_view
from mcaclip.ui.lab import examples
from mcaclip.ui.state.training_process import PRESETS, TrainingProcess, TrainingStatus, machine
from mcaclip.validate import clean_prompt

POLL_SECONDS = 3.0


class TrainHandlers:
    """What the room's events do.

    Args:
        studio: the handlers of the page, for its editor.
        training: the one training of this machine.
    """

    def __init__(self, studio: HandlerBase, training: TrainingProcess):
        self.studio = studio
        self.training = training

    def refresh(self, seen: str = "") -> View:
        """The state of the training now; samples and curves only where they are not those that are seen."""
        return train_view(self.training.status(), seen)

    def start(self, prompt: str, preset: str, minutes: float | None) -> View:
        """Begins to learn a prompt; warns when its words are not known."""
        self.training.start(prompt, preset, minutes or 0)
        if warning := self._warning(prompt):
            gr.Warning(escape(warning))
        return self.refresh()

    def hint(self, prompt: str | None) -> View:
        """A warning about the prompt while it is typed."""
        try:
            return {"train_hint": markup.note(self._warning(prompt) if (prompt or "").strip() else "")}
        except PromptError as error:
            return {"train_hint": markup.note(text.sentence(str(error)))}

    def _warning(self, prompt: str | None) -> str:
        """A warning when the words are not known; empty while the models are not loaded. Raises PromptError."""
        words = clean_prompt(prompt)
        editor = self.studio.ready_editor()
        verdict = None if editor is None else editor.wish(words)
        return text.TRAIN_DOUBTFUL.format(words, verdict.warning) if verdict and verdict.doubtful else ""

    def stop(self) -> View:
        """Ends the process for now."""
        self.training.stop()
        return self.refresh()

    def resume(self, minutes: float | None) -> View:
        """Goes on."""
        self.training.resume(minutes or 0)
        return self.refresh()

    def finish(self) -> View:
        """Makes a fitted edit from what is learned so far."""
        self.training.finish()
        return self.refresh()

    def keep(self) -> View:
        """Adds the result to the cards that all visitors choose from, and leads there."""
        editor = self.studio.source.wait(0)
        if editor is None:
            raise StudioError(text.STILL_LOADING)
        added = editor.add_edits(self.training.keep())
        gr.Info(escape(text.TRAIN_ADDED.format(", ".join(added))))
        way = {"prompt": added[0], "learned": {"prompt": added[0], "at": time.time()}} if added else {}
        return {**self.refresh(), **editor_view(editor), **way}


def build_room(parts: Components) -> None:
    """The components."""
    parts["learned"] = feed("learned")
    parts["train_seen"] = gr.State("")
    with gr.Column(elem_id="train-room", elem_classes="room"):
        with gr.Column(elem_classes="room-panel"):
            _panel(parts)
        with gr.Column(elem_classes="room-main"):
            with gr.Row(elem_classes="room-head"):
                parts["train_state"] = gr.HTML("", elem_id="train-state")
                small: dict[str, Any] = {"size": "sm", "scale": 0, "min_width": 80, "visible": False}
                for name, label in (
                    ("stop", text.STOP),
                    ("resume", text.TRAIN_RESUME),
                    ("finish", text.TRAIN_FINISH),
                ):
                    parts[f"train_{name}"] = gr.Button(label, elem_id=f"train-{name}", **small)
                parts["train_keep"] = gr.Button(text.TRAIN_KEEP, variant="primary", elem_id="train-keep", **small)
            parts["train_body"] = gr.HTML("", elem_id="train-body")
    parts["train_timer"] = gr.Timer(POLL_SECONDS, active=False)


def _panel(parts: Components) -> None:
    with gr.Row(elem_classes="lab-line"):
        parts["train_prompt"] = words_field("train-prompt", text.TRAIN_PROMPT, "red eyebrows")
        parts["train_start"] = gr.Button(
            text.TRAIN_START, variant="primary", scale=0, min_width=92, elem_id="train-start"
        )
    parts["train_hint"] = gr.HTML("", elem_id="train-hint")
    gr.HTML(markup.note(text.TRAIN_INFO))
    parts["train_preset"] = gr.Radio(
        choices=[(text.PRESET_LABELS[name], name) for name in PRESETS],
        value="compact",
        label=text.TRAIN_PRESET,
        elem_id="train-preset",
    )
    parts["train_minutes"] = gr.Slider(
        1, 120, value=20, step=1, label=text.TRAIN_MINUTES, buttons=[], elem_id="train-minutes"
    )
    parts["train_machine"] = gr.HTML("", elem_id="train-machine")


def build_closed() -> None:
    """The room where nobody may train."""
    with gr.Column(elem_id="train-off", elem_classes="room-main"):
        gr.HTML(examples.hint(text.TRAIN_OFF_TITLE, text.TRAIN_OFF) + examples.training())


def connect(bind: Binder, page: gr.Blocks, tab: gr.Tab, parts: Components, handlers: TrainHandlers) -> None:
    """The events."""
    minutes = parts["train_minutes"]
    asked = [parts["train_prompt"], parts["train_preset"], minutes]
    polled = [page.load, tab.select, parts["train_timer"].tick]
    bind.light(polled, handlers.refresh, [parts["train_seen"]])
    bind.light([parts["train_prompt"].change], handlers.hint, [parts["train_prompt"]], trigger_mode="always_last")
    bind.spoken([parts["train_start"].click, parts["train_prompt"].submit], handlers.start, asked)
    bind.spoken([parts["train_stop"].click], handlers.stop)
    bind.spoken([parts["train_resume"].click], handlers.resume, [minutes])
    bind.spoken([parts["train_finish"].click], handlers.finish)
    bind.spoken([parts["train_keep"].click], handlers.keep)


def train_view(status: TrainingStatus, seen: str = "") -> View:
    """Everything in the room that follows from the training's state; `seen`: the mark of the body that is shown."""
    ended = status.job is not None and not status.running
    view: View = {
        "train_state": _state_line(status),
        "train_machine": markup.note(machine()),
        "train_start": gr.update(interactive=not status.running),
        "train_stop": gr.update(visible=status.running, interactive=not status.stopping),
        "train_resume": gr.update(visible=ended),
        "train_finish": gr.update(visible=ended and not status.finished and bool(status.rows)),
        "train_keep": gr.update(visible=status.finished),
        "train_timer": gr.update(active=status.running),
    }
    mark = _mark(status)
    return view if mark == seen else {**view, "train_body": _body(status), "train_seen": mark}


def _mark(status: TrainingStatus) -> str:
    """Changes with everything that `_body` shows."""
    if status.job is None:
        return "none"
    shown = (status.job.started, status.running, len(status.rows), status.rows[-1:], status.sheet)
    return " ".join(map(str, shown))


def _body(status: TrainingStatus) -> str:
    """Samples and curves, or examples of them. The samples have their place before there are any."""
    sheet = None if status.sheet is None else images.opened(status.sheet)
    if sheet is not None:
        samples = markup.figure(images.url(sheet), text.TRAIN_SHEET)
    else:
        samples = markup.blank_figure(text.TRAIN_SHEET, text.TRAIN_SHEET_SOON) if status.running else ""
    drawn = curves(status.rows)
    charts = f"<section>{drawn}{markup.note(text.TRAIN_CURVES)}</section>" if drawn else ""
    if not samples and not charts:
        return examples.hint(text.TRAIN_TITLE, text.TRAIN_EMPTY) + examples.training()
    return (f'<section class="samples">{samples}</section>' if samples else "") + charts


def _state_line(status: TrainingStatus) -> str:
    job = status.job
    if job is None:
        return markup.note(text.TRAIN_NOTHING)
    if status.stopping:
        return markup.note(text.TRAIN_STOPPING.format(job.prompt), "strong")
    if status.running:
        done = 1 - status.seconds_left / (60 * job.minutes)
        return markup.progress(training_text.training_line(job.prompt, status.seconds_left, bool(status.rows)), done)
    if status.finished:
        return markup.note(
            training_text.training_done(job.prompt, int(status.rows[-1].get("step", 0)) if status.rows else 0),
            "strong",
        )
    return markup.note(training_text.training_stopped(job.prompt, status.error), "strong")
