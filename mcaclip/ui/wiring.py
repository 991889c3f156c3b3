"""Events to handlers: which button does what, in which queue."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import wraps
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.ui import painting, text
from mcaclip.ui.controls import Controls, mode_of
from mcaclip.ui.handlers import Studio
from mcaclip.ui.images import uploaded_path
from mcaclip.ui.layout import Components, example_faces
from mcaclip.ui.session import Session

MODEL_QUEUE = "model"
"""Events of this concurrency id run one after the other: two at once would only slow each other down, and a
tab's session is then never written by two events at the same time."""


def connect(page: gr.Blocks, parts: Components, studio: Studio) -> Binder:
    """Everything on the first tab; the binder may connect more."""
    bind = Binder(parts)
    bind.light([page.load, parts["timer"].tick], studio.status)
    _connect_face(bind, parts, studio)
    _connect_prompts(bind, parts, studio)
    _connect_edit(bind, parts, studio)
    _connect_result(bind, parts, studio)
    return bind


def _connect_face(bind: Binder, parts: Components, studio: Studio) -> None:
    """Steps 1 and 2. A new face first ends the reconstruction of the old one."""
    session, truncation = parts["session"], parts["truncation"]
    given = [parts["photo"].upload, parts["photo"].clear]
    made = [parts["new_seed"].click, parts["make_face"].click, parts["seed"].submit]
    chosen_ones = [parts["faces"].select, parts["examples"].select, parts["session_file"].upload]
    bind.light([*given, *made, *chosen_ones], studio.abandon, [session])
    photo = [parts["photo"], parts["aligned_box"], parts["consent"], session]

    def changed(upload: Any, aligned: bool, agreed: bool, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.photo_changed(uploaded_path(upload), aligned, agreed, session)

    def consented(upload: Any, aligned: bool, agreed: bool, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.consent_changed(uploaded_path(upload), aligned, agreed, session)

    # with Gradio's default, "once", a photo given while its predecessor is still being cleared would be dropped
    bind.model(given, changed, photo, preprocess=False, trigger_mode="always_last")
    bind.model([parts["aligned_box"].input], changed, photo, preprocess=False)
    bind.model([parts["consent"].input], consented, photo, preprocess=False, trigger_mode="always_last")

    def chosen(session: Session, event: gr.SelectData) -> Iterator[dict[str, Any]]:
        yield from studio.face_chosen(event.index, session)

    def example(session: Session, event: gr.SelectData) -> Iterator[dict[str, Any]]:
        yield from studio.random_face(example_faces()[event.index][0], 0.7, session)

    bind.model([parts["faces"].select], chosen, [session])
    bind.model([parts["examples"].select], example, [session], trigger_mode="always_last")
    bind.model(made[:1], studio.new_face, [truncation, session])
    bind.model(made[1:], studio.random_face, [parts["seed"], truncation, session])
    bind.model([parts["session_file"].upload], studio.open_session, [parts["session_file"], session])
    bind.model([parts["reconstruct"].click], studio.reconstruct, [parts["effort"], session])
    bind.model([parts["refine"].click], studio.refine, [session])
    bind.light([parts["stop"].click, parts["cancel"].click], studio.stop, [session])


def _connect_prompts(bind: Binder, parts: Components, studio: Studio) -> None:
    """Step 3 up to the button."""
    fields = [parts[f"prompt_{index}"] for index in range(validate.MAX_PROMPTS)]

    def hint(*values: Any) -> dict[str, Any]:
        return studio.prompt_hint(*values[:-1], mode=mode_of(values[-1]))

    bind.light([parts["category"].input], studio.category_chosen, [parts["category"], parts["prompts"]])
    bind.light([parts["prompts"].input], studio.prompt_picked, [parts["prompts"], *fields])
    asked = [*fields, parts["mode"]]
    bind.light([parts["mode"].change], hint, asked, trigger_mode="always_last")
    for index, field in enumerate(fields):
        bind.light([field.change], hint, asked, trigger_mode="always_last")
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
    sliders = [*strengths, parts["threshold"], parts["feather"]]
    controls = [*fields, *strengths, parts["threshold"], parts["feather"], parts["invert"], parts["mode"]]

    def edit(*values: Any) -> Iterator[dict[str, Any]]:
        yield from studio.edit(Controls.of(values[:-1]), values[-1])

    def preview(*values: Any) -> dict[str, Any]:
        return studio.preview(Controls.of(values[:-1]), values[-1])

    def rerender(*values: Any) -> Iterator[dict[str, Any]]:
        yield from studio.rerender(Controls.of(values[:-1]), values[-1])

    def paint(strokes: str, *values: Any) -> Iterator[dict[str, Any]]:
        yield from studio.paint(strokes, Controls.of(values[:-1]), values[-1])

    def unpaint(*values: Any) -> Iterator[dict[str, Any]]:
        yield from studio.unpaint(Controls.of(values[:-1]), values[-1])

    inputs = [*controls, session]
    bind.model([parts["edit"].click, *(field.submit for field in fields)], edit, inputs)
    bind.model([slider.input for slider in sliders], preview, inputs, trigger_mode="always_last")
    settled = [*(slider.release for slider in sliders), parts["render"].click, parts["invert"].input]
    bind.model(settled, rerender, inputs, trigger_mode="always_last")
    bind.model([parts["use_paint"].click], paint, [parts["strokes"], *inputs], js=painting.READ_STROKES)
    bind.model([parts["drop_paint"].click], unpaint, inputs, js=painting.CLEAR_STROKES)


def _connect_result(bind: Binder, parts: Components, studio: Studio) -> None:
    """History, strengths, variations, downloads."""
    session = parts["session"]
    bind.model([parts["undo"].click], studio.step_back, [session])
    bind.model([parts["redo"].click], studio.step_forward, [session])

    def go_to(session: Session, event: gr.SelectData) -> Iterator[dict[str, Any]]:
        yield from studio.go_to(event.index, session)

    def strength(session: Session, event: gr.SelectData) -> Iterator[dict[str, Any]]:
        yield from studio.strength_chosen(event.index, session)

    def variation(session: Session, event: gr.SelectData) -> Iterator[dict[str, Any]]:
        yield from studio.variation_chosen(event.index, session)

    bind.model([parts["history"].select], go_to, [session])
    bind.model([parts["strip"].select], strength, [session])
    bind.model([parts["variations"].select], variation, [session])
    compared = [parts["compare_left"], parts["compare_right"]]
    bind.light([part.input for part in compared], studio.compare, [*compared, session])
    bind.model([parts["make_strip"].click], studio.strengths, [session])
    bind.model([parts["make_variations"].click], studio.variations, [session])
    bind.model([parts["make_sweep"].click], studio.sweep, [session])
    bind.model([parts["mark"].input], studio.files, [parts["mark"], session], trigger_mode="always_last")


class Binder:
    """Connects events with handlers that speak in component names."""

    def __init__(self, parts: Components):
        self.parts = parts

    def model(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any], **options: Any
    ) -> None:
        """An event that needs the models: queued, one at a time, its place in the queue and its errors shown."""
        gr.on(
            list(triggers),
            self._adapted(handler),
            inputs=list(inputs),
            outputs=list(self.parts.values()),
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=1,
            show_progress="minimal",
            show_progress_on=self.parts["waiting"],
            api_visibility="private",
            **options,
        )

    def light(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any] = (), **options: Any
    ) -> None:
        """An event that answers at once, does not write the session and has nothing to say in a toast."""
        self._beside(triggers, handler, inputs, queue=False, **options)

    def spoken(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any] = (), **options: Any
    ) -> None:
        """Like `light`, for handlers with messages and errors: Gradio shows those of queued events only."""
        self._beside(triggers, handler, inputs, concurrency_limit=None, **options)

    def _beside(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any], **options: Any
    ) -> None:
        outputs = [part for name, part in self.parts.items() if name != "session"]
        gr.on(
            list(triggers),
            self._adapted(handler),
            inputs=list(inputs),
            outputs=outputs,
            show_progress="hidden",
            api_visibility="private",
            **options,
        )

    def _adapted(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The handler with views turned into Gradio's updates and expected errors into toasts."""
        if inspect.isgeneratorfunction(inspect.unwrap(handler)):

            @wraps(handler)
            def stream(*args: Any) -> Generator[Any, None, None]:
                with toasts():
                    for view in handler(*args):
                        yield self._updates(view)

            return stream

        @wraps(handler)
        def call(*args: Any) -> Any:
            with toasts():
                return self._updates(handler(*args))

        return call

    def _updates(self, view: dict[str, Any]) -> dict[Any, Any]:
        """A view with components in place of names; an empty one changes nothing."""
        return {self.parts[name]: value for name, value in view.items()} or {self.parts["status"]: gr.skip()}


class toasts:  # noqa: N801 - reads as the context manager it is
    """Turns StudioError into a toast without a traceback; lets everything else through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, StudioError):
            raise gr.Error(text.sentence(str(error)), print_exception=False) from None
