"""Connects the events of the studio with its handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.ui.display import painting
from mcaclip.ui.display.components import Components
from mcaclip.ui.handlers.base import Views
from mcaclip.ui.handlers.binder import NOTHING_CHOSEN, Binder, Chosen, index_of, with_event
from mcaclip.ui.handlers.edit import VARIATIONS
from mcaclip.ui.handlers.face import DEFAULT_TRUNCATION
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.page.layout import example_faces
from mcaclip.ui.state.controls import Controls, mode_of
from mcaclip.ui.state.session import Session

NEWEST: dict[str, Any] = {"trigger_mode": "always_last"}
"""An event that comes while an earlier one of its kind runs follows it, with the values that the controls have then.

Gradio drops it by default. Here it repeats the data of the earlier event, so this is not for events with data.
"""
EACH: dict[str, Any] = {"trigger_mode": "multiple"}
"""Every event runs with its own data, such as which picture of a gallery was chosen."""
TICKET = "mcaclip-tab"
OWN_TICKET = f"(tickets, _, tab) => [tickets, sessionStorage.getItem('{TICKET}'), tab]"
KEEP_TICKET = f"([own]) => sessionStorage.setItem('{TICKET}', own)"
"""Of the browser's tickets, the one that is this tab's; a browser that restores its tabs gives each its own again."""
FETCH = """(file) => {
    const link = Object.assign(document.createElement("a"), { href: file.url, download: file.orig_name });
    link.click();
}"""
LEARNING, PREVIEWS = "learning", "previews"
"""Lines in the background."""


def connect(page: gr.Blocks, parts: Components, studio: Studio) -> tuple[Binder, Any]:
    """Everything of the studio; the binder may connect more, also after the event that brings back a tab's face."""
    bind = Binder(parts, studio)
    session = parts["session"]
    bind.light([page.load, parts["timer"].tick], studio.status)
    loaded = bind.light([page.load], studio.arrive, [parts["tickets"], parts["ticket"], session], js=OWN_TICKET)
    loaded.then(None, [parts["tickets"]], js=KEEP_TICKET)
    resumed = bind.model([loaded], studio.resume, [session])
    _then_learn(bind, parts, studio, resumed)
    _connect_face(bind, parts, studio)
    _connect_prompt(bind, parts, studio)
    _connect_edit(bind, parts, studio)
    _connect_film(bind, parts, studio)
    _connect_saving(bind, parts, studio)
    return bind, resumed


def _of_choice(handler: Callable[..., Views], count: int | None = None) -> Callable[..., Views]:
    """The event of a gallery for a handler that takes which picture was chosen, one of `count`."""

    def chosen(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from handler(index_of(event, count), session)

    return chosen


def _of_controls(handler: Callable[[Controls, Session], Views]) -> Callable[..., Views]:
    """The event for a handler that takes the values of the controls."""

    def with_values(*values: Any) -> Iterator[dict[str, Any]]:
        yield from handler(Controls.of(values[:-1]), values[-1])

    return with_values


def _then_learn(bind: Binder, parts: Components, studio: Studio, event: Any) -> None:
    """After an event that may have brought a photo's face: a better inversion of it, in the background."""
    session = [parts["session"]]
    better = bind.background([event], studio.improve, session, LEARNING)
    bind.model([better], studio.take_better, session)


def _connect_face(bind: Binder, parts: Components, studio: Studio) -> None:
    """A new face first ends what is computed of the old one."""
    session, truncation, photo = parts["session"], parts["truncation"], parts["photo"]
    made = [parts["new_seed"].click, parts["make_face"].click, parts["seed"].submit]
    raw: dict[str, Any] = {"preprocess": False}

    def given(upload: Any, is_crop: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.photo_given(bind.file(upload, session), is_crop is True, session)

    def opened(upload: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.open_session(bind.file(upload, session), session)

    def example(index: int, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.random_face(example_faces()[index][0], DEFAULT_TRUNCATION, session)

    for source, event in ((photo, photo.upload), (parts["camera"], parts["camera"].input)):
        asked = [source, parts["aligned_box"], session]
        _then_learn(bind, parts, studio, bind.model([event], given, asked, **EACH, **raw))
    _then_learn(bind, parts, studio, bind.model([parts["agree"].click], studio.agreed, [session]))
    bind.model([parts["decline"].click], studio.declined, [session])
    chosen = bind.model([parts["stage_view"].select], _of_choice(studio.face_chosen), [session], **EACH)
    _then_learn(bind, parts, studio, chosen)
    bind.model([parts["other_faces"].click], studio.other_faces, [session])
    example_chosen = _of_choice(example, len(example_faces()))
    bind.model([parts["examples"].select], example_chosen, [session], **EACH)
    bind.model(made[:1], studio.new_face, [truncation, session])
    bind.model(made[1:], studio.random_face, [parts["seed"], truncation, session])
    bind.model([parts["session_file"].upload], opened, [parts["session_file"], session], **raw)
    more = bind.background([parts["best"].click], studio.improve_more, [session], LEARNING)
    bind.model([more], studio.take_better, [session])
    bind.light([parts["stop"].click], studio.stop, [session])
    bind.light([parts["cancel"].click], studio.cancel, [session])


def _connect_prompt(bind: Binder, parts: Components, studio: Studio) -> None:
    """What the words mean, while they are typed, and previews of the cards."""

    def hint(prompt: Any, mode: Any) -> dict[str, Any]:
        return studio.prompt_hint(prompt, mode_of(mode))

    def wanted(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        prompts = event.data.get("prompts")
        yield from studio.cards_wanted(event.data.get("face"), prompts if isinstance(prompts, list) else (), session)

    asked = [parts["prompt"], parts["mode"]]
    bind.light([parts["prompt"].change, parts["mode"].change], hint, asked, **NEWEST)
    bind.background([parts["cards"].wanted], wanted, [parts["session"]], PREVIEWS, **EACH)


def _connect_edit(bind: Binder, parts: Components, studio: Studio) -> None:
    """The edit itself, and everything that changes it live."""
    session, indices = parts["session"], range(validate.MAX_PROMPTS)
    strengths = [parts[f"strength_{index}"] for index in indices]
    sliders = [*strengths, *(parts[name] for name in ("threshold", "feather", "keep_likeness"))]
    inputs = [parts["prompt"], *sliders, parts["invert"], parts["mode"], session]

    def live(*values: Any) -> dict[str, Any]:
        return studio.live(Controls.of(values[:-1]), values[-1])

    def paint(strokes: str, *values: Any) -> Iterator[dict[str, Any]]:
        yield from studio.paint(strokes, Controls.of(values[:-1]), values[-1])

    def with_data(handler: Callable[..., Views]) -> Callable[..., Views]:
        def chosen(*values: Any) -> Iterator[dict[str, Any]]:
            *controls, session, event = values
            yield from handler(event.data, Controls.of(controls), session)

        return with_event(chosen, len(inputs))

    edit, rerender, unpaint = map(_of_controls, (studio.edit, studio.rerender, studio.unpaint))
    bind.model([parts["edit_now"].click, parts["prompt"].submit], edit, inputs, **NEWEST)
    chosen = [parts["cards"].select, parts["verdict"].select]
    bind.model(chosen, with_data(studio.card_chosen), inputs, **EACH)
    bind.model([parts["cards"].added], with_data(studio.card_added), inputs, **EACH)
    for index in indices:
        dropped = _of_controls(partial(studio.change_dropped, index))
        bind.model([parts[f"drop_{index}"].click], dropped, inputs)
    bind.model([slider.input for slider in sliders], live, inputs, **NEWEST)
    settled = [*(slider.release for slider in sliders), parts["invert"].input]
    bind.model(settled, rerender, inputs, **NEWEST)
    bind.model([parts["use_paint"].click], paint, [parts["strokes"], *inputs], js=painting.READ_STROKES)
    bind.model([parts["drop_paint"].click], unpaint, inputs)


def _connect_film(bind: Binder, parts: Components, studio: Studio) -> None:
    """The film, and other ways to make the edit."""
    session = parts["session"]

    def chosen(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from studio.frame_chosen(event.data.get("face"), event.data.get("at"), session)

    def compared(session: Session, event: Chosen = NOTHING_CHOSEN) -> dict[str, Any]:
        return studio.frame_compared(event.data.get("face"), event.data.get("at"), session)

    def taken(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        index = index_of(event, len(VARIATIONS))
        yield from studio.choice_taken(index, event.data.get("kind"), session)

    bind.model([parts["film"].select], chosen, [session], **EACH)
    bind.spoken([parts["film"].compare], compared, [session], **EACH)
    bind.model([parts["undo"].click], studio.step_back, [session], **NEWEST)
    bind.model([parts["redo"].click], studio.step_forward, [session], **NEWEST)
    bind.model([parts["make_strip"].click], studio.strengths, [session])
    bind.model([parts["make_variations"].click], studio.variations, [session])
    bind.model([parts["choices"].select], taken, [session], **EACH)


def _connect_saving(bind: Binder, parts: Components, studio: Studio) -> None:
    """The files are made when the page asks for them: its sheet is open, and none are there."""
    session = parts["session"]
    wanted = [parts["prepare"].click, parts["mark"].input]
    bind.model(wanted, studio.files, [parts["mark"], session], **NEWEST)
    asked = [parts["animation_kind"], parts["animation_format"], session]
    made = bind.model([parts["make_animation"].click], studio.animation, asked)
    made.success(None, [parts["animation_file"]], js=FETCH)
