"""The tab on which a new prompt is learned."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from mcaclip.errors import PromptError, StudioError
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display.components import Components, picture
from mcaclip.ui.display.curves import curves
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.handlers.binder import Binder
from mcaclip.ui.handlers.views import View, editor_view
from mcaclip.ui.state.training_process import PRESETS, TrainingProcess, TrainingStatus, machine
from mcaclip.validate import clean_prompt

POLL_SECONDS = 3.0


class TrainHandlers:
    """What the tab's events do.

    Args:
        studio: the handlers of the page, for its editor.
        training: the one training of this machine.
    """

    def __init__(self, studio: HandlerBase, training: TrainingProcess):
        self.studio = studio
        self.training = training

    def refresh(self) -> View:
        """The state of the training now."""
        return train_view(self.training.status())

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
        verdict = None if editor is None else editor.check_familiarity(words)
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
        """Adds the result to the library that all visitors choose from."""
        editor = self.studio.source.wait(0)
        if editor is None:
            raise StudioError(text.STILL_LOADING)
        added = editor.add_edits(self.training.keep())
        gr.Info(escape(text.TRAIN_ADDED.format(", ".join(added))))
        return {**self.refresh(), **editor_view(editor)}


def build_tab(parts: Components) -> None:
    """The components."""
    with gr.Row(elem_id="train-columns", equal_height=False):
        with gr.Column(scale=4, min_width=300, elem_classes="stage"):
            gr.HTML(f'<h2 class="step">{text.TRAIN_TITLE}</h2>')
            gr.HTML(markup.note(text.TRAIN_INFO))
            parts["train_prompt"] = gr.Textbox(
                label=text.TRAIN_PROMPT,
                placeholder="red eyebrows",
                max_lines=1,
                max_length=200,
                elem_id="train-prompt",
            )
            parts["train_hint"] = gr.HTML("", elem_id="train-hint")
            parts["train_preset"] = gr.Radio(
                choices=[(text.PRESET_LABELS[name], name) for name in PRESETS],
                value="compact",
                label=text.TRAIN_PRESET,
                elem_id="train-preset",
            )
            parts["train_minutes"] = gr.Slider(
                1, 120, value=20, step=1, label=text.TRAIN_MINUTES, buttons=[], elem_id="train-minutes"
            )
            with gr.Row(elem_classes="buttons"):
                parts["train_start"] = gr.Button(text.TRAIN_START, variant="primary", elem_id="train-start")
                parts["train_stop"] = gr.Button(text.STOP, variant="stop", visible=False, elem_id="train-stop")
            parts["train_machine"] = gr.HTML("", elem_id="train-machine")
        with gr.Column(scale=9, min_width=300, elem_classes="stage"):
            parts["train_state"] = gr.HTML(markup.note(text.TRAIN_EMPTY), elem_id="train-state")
            with gr.Row(elem_classes="buttons"):
                hidden: dict[str, Any] = {"visible": False}
                parts["train_resume"] = gr.Button(text.TRAIN_RESUME, elem_id="train-resume", **hidden)
                parts["train_finish"] = gr.Button(text.TRAIN_FINISH, elem_id="train-finish", **hidden)
                parts["train_keep"] = gr.Button(text.TRAIN_KEEP, variant="primary", elem_id="train-keep", **hidden)
            parts["train_curves"] = gr.HTML("", elem_id="train-curves")
            with gr.Column(visible=False) as parts["train_sheet_group"]:
                parts["train_sheet"] = picture("train-sheet", text.TRAIN_SHEET)
    parts["train_timer"] = gr.Timer(POLL_SECONDS, active=False)


def connect(bind: Binder, page: gr.Blocks, tab: gr.Tab, parts: Components, handlers: TrainHandlers) -> None:
    """The events."""
    minutes = parts["train_minutes"]
    asked = [parts["train_prompt"], parts["train_preset"], minutes]
    bind.light([page.load, tab.select, parts["train_timer"].tick], handlers.refresh)
    bind.light([parts["train_prompt"].change], handlers.hint, [parts["train_prompt"]], trigger_mode="always_last")
    bind.spoken([parts["train_start"].click, parts["train_prompt"].submit], handlers.start, asked)
    bind.spoken([parts["train_stop"].click], handlers.stop)
    bind.spoken([parts["train_resume"].click], handlers.resume, [minutes])
    bind.spoken([parts["train_finish"].click], handlers.finish)
    bind.spoken([parts["train_keep"].click], handlers.keep)


def train_view(status: TrainingStatus) -> View:
    """Everything on the tab that follows from the training's state."""
    ended = status.job is not None and not status.running
    sheet = None if status.sheet is None else images.opened(status.sheet)
    return {
        "train_state": _state_line(status),
        "train_machine": markup.note(machine()),
        "train_start": gr.update(interactive=not status.running),
        "train_stop": gr.update(visible=status.running, interactive=not status.stopping),
        "train_resume": gr.update(visible=ended),
        "train_finish": gr.update(visible=ended and not status.finished and bool(status.rows)),
        "train_keep": gr.update(visible=status.finished),
        "train_curves": curves(status.rows),
        "train_sheet_group": gr.update(visible=sheet is not None),
        "train_sheet": sheet,
        "train_timer": gr.update(active=status.running),
    }


def _state_line(status: TrainingStatus) -> str:
    job = status.job
    if job is None:
        return markup.note(text.TRAIN_EMPTY)
    if status.stopping:
        return markup.note(text.TRAIN_STOPPING.format(job.prompt), "strong")
    if status.running:
        done = 1 - status.seconds_left / (60 * job.minutes)
        return markup.progress(text.training_line(job.prompt, status.seconds_left, bool(status.rows)), done)
    if status.finished:
        return markup.note(
            text.training_done(job.prompt, int(status.rows[-1].get("step", 0)) if status.rows else 0), "strong"
        )
    return markup.note(text.training_stopped(job.prompt, status.error), "strong")
