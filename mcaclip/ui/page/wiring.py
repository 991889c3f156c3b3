"""Connects the events of the first tab with its handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.ui.display import painting
from mcaclip.ui.display.components import Components
from mcaclip.ui.handlers.base import Views
from mcaclip.ui.handlers.binder import NOTHING_CHOSEN, Binder, Chosen, index_of
from mcaclip.ui.handlers.edit import STRIP, VARIATIONS, Studio
from mcaclip.ui.handlers.face import DEFAULT_TRUNCATION
from mcaclip.ui.page.layout import example_faces
from mcaclip.ui.state.controls import Controls, mode_of
from mcaclip.ui.state.session import Session

NEWEST: dict[str, Any] = {"trigger_mode": "always_last"}
"""An event that comes while an earlier one of its kind runs follows it, with the values that the controls have then.

Gradio drops it by default. Here it repeats the data of the earlier event, so this is not for events with data.
"""
EACH: dict[str, Any] = {"trigger_mode": "multiple"}
"""Every event runs with its own data, such as which picture of a gallery was chosen."""


def connect(page: gr.Blocks, parts: Components, studio: Studio) -> Binder:
    """Everything on the first tab; the binder may connect more."""
    bind = Binder(parts, studio)
    bind.light([page.load, parts["timer"].tick], studio.status)
    _connect_face(bind, parts, studio)
    _connect_prompts(bind, parts, studio)
    _connect_edit(bind, parts, studio)
    _connect_result(bind, parts, studio)
    return bind


def _of_choice(handler: Callable[[int, Session], Views], count: int | None = None) -> Callable[..., Views]:
    """The event of a gallery for a handler that takes which picture was chosen, one of `count`."""

    def chosen(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from handler(index_of(event, count), session)

    return chosen


def _of_controls(handler: Callable[[Controls, Session], Views]) -> Callable[..., Views]:
    """The event for a handler that takes the values of the controls."""

    def with_values(*values: Any) -> Iterator[dict[str, Any]]:
        yield from handler(Controls.of(values[:-1]), values[-1])

    return with_values


def _connect_face(bind: Binder, parts: Components, studio: Studio) -> None:
    """Steps 1 and 2. A new face first ends the reconstruction of the old one."""
    session, truncation = parts["session"], parts["truncation"]
    given = [parts["photo"].upload, parts["photo"].clear]
    made = [parts["new_seed"].click, parts["make_face"].click, parts["seed"].submit]
    chosen_ones = [parts["faces"].select, parts["examples"].select, parts["session_file"].upload]
    bind.light([*given, *made, *chosen_ones], studio.abandon, [session])
    photo = [parts["photo"], parts["aligned_box"], parts["consent"], session]

    def changed(upload: Any, aligned: Any, agreed: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.photo_changed(bind.file(upload, session), aligned is True, agreed is True, session)

    def consented(upload: Any, aligned: Any, agreed: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.consent_changed(bind.file(upload, session), aligned is True, agreed is True, session)

    def opened(upload: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.open_session(bind.file(upload, session), session)

    raw: dict[str, Any] = {"preprocess": False, "fresh": True}
    bind.model(given, changed, photo, **NEWEST, **raw)
    bind.model([parts["aligned_box"].input], changed, photo, **NEWEST, **raw)
    bind.model([parts["consent"].input], consented, photo, **NEWEST, **raw)

    def example(index: int, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.random_face(example_faces()[index][0], DEFAULT_TRUNCATION, session)

    bind.model([parts["faces"].select], _of_choice(studio.face_chosen), [session], **EACH)
    example_chosen = _of_choice(example, len(example_faces()))
    bind.model([parts["examples"].select], example_chosen, [session], **EACH, fresh=True)
    bind.model(made[:1], studio.new_face, [truncation, session], fresh=True)
    bind.model(made[1:], studio.random_face, [parts["seed"], truncation, session], fresh=True)
    bind.model([parts["session_file"].upload], opened, [parts["session_file"], session], **raw)
    bind.model([parts["reconstruct"].click], studio.reconstruct, [parts["effort"], session])
    bind.model([parts["refine"].click], studio.refine, [session])
    bind.light([parts["stop"].click, parts["cancel"].click], studio.stop, [session])


def _connect_prompts(bind: Binder, parts: Components, studio: Studio) -> None:
    """Step 3 up to the button."""
    fields = [parts[f"prompt_{index}"] for index in range(validate.MAX_PROMPTS)]

    def hint(*values: Any) -> dict[str, Any]:
        return studio.prompt_hint(*values[:-1], mode=mode_of(values[-1]))

    bind.light([parts["category"].input], studio.category_chosen, [parts["category"], parts["prompts"]], **NEWEST)
    bind.light([parts["prompts"].input], studio.prompt_picked, [parts["prompts"], *fields], **NEWEST)
    asked = [*fields, parts["mode"]]
    bind.light([parts["mode"].change], hint, asked, **NEWEST)
    for index, field in enumerate(fields):
        bind.light([field.change], hint, asked, **NEWEST)
        if index + 1 < len(fields):

            def show_next(value: str, following: str, row: str = f"row_{index + 1}") -> dict[str, Any]:
                return {row: gr.update(visible=bool((value or "").strip() or (following or "").strip()))}

            bind.light([field.change], show_next, [field, fields[index + 1]])
    bind.light([fields[0].input], lambda: {"prompts": None})


def _connect_edit(bind: Binder, parts: Components, studio: Studio) -> None:
    """The edit itself, and everything that changes it live."""
    session, names = parts["session"], range(validate.MAX_PROMPTS)
    fields = [parts[f"prompt_{index}"] for index in names]
    strengths = [parts[f"strength_{index}"] for index in names]
    sliders = [*strengths, *(parts[name] for name in ("threshold", "feather", "keep_likeness"))]
    controls = [*fields, *sliders, parts["invert"], parts["mode"]]

    def live(*values: Any) -> dict[str, Any]:
        return studio.live(Controls.of(values[:-1]), values[-1])

    def paint(strokes: str, *values: Any) -> Iterator[dict[str, Any]]:
        yield from studio.paint(strokes, Controls.of(values[:-1]), values[-1])

    edit, rerender, unpaint = map(_of_controls, (studio.edit, studio.rerender, studio.unpaint))
    inputs = [*controls, session]
    bind.model([parts["edit"].click, *(field.submit for field in fields)], edit, inputs, **NEWEST)
    bind.model([slider.input for slider in sliders], live, inputs, **NEWEST)
    settled = [*(slider.release for slider in sliders), parts["render"].click, parts["invert"].input]
    bind.model(settled, rerender, inputs, **NEWEST)
    bind.model([parts["use_paint"].click], paint, [parts["strokes"], *inputs], js=painting.READ_STROKES)
    bind.model([parts["drop_paint"].click], unpaint, inputs, js=painting.CLEAR_STROKES)


def _connect_result(bind: Binder, parts: Components, studio: Studio) -> None:
    """History, strengths, variations, downloads."""
    session = parts["session"]
    bind.model([parts["undo"].click], studio.step_back, [session], **NEWEST)
    bind.model([parts["redo"].click], studio.step_forward, [session], **NEWEST)

    strength = _of_choice(studio.strength_chosen, len(STRIP))
    variation = _of_choice(studio.variation_chosen, len(VARIATIONS))
    bind.model([parts["history"].select], _of_choice(studio.go_to), [session], **EACH)
    bind.model([parts["strip"].select], strength, [session], **EACH)
    bind.model([parts["variations"].select], variation, [session], **EACH)
    compared = [parts["compare_left"], parts["compare_right"]]
    bind.light([part.input for part in compared], studio.compare, [*compared, session], **NEWEST)
    bind.model([parts["make_strip"].click], studio.strengths, [session])
    bind.model([parts["make_variations"].click], studio.variations, [session])
    bind.model([parts["make_sweep"].click], studio.sweep, [session])
    bind.model([parts["mark"].input], studio.files, [parts["mark"], session], **NEWEST)
