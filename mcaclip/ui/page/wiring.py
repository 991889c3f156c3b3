"""Events to handlers: which button does what, in which queue."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Any, get_type_hints

import gradio as gr

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.ui.page import painting, text
from mcaclip.ui.state.controls import Controls, mode_of
from mcaclip.ui.handlers.base import Desk
from mcaclip.ui.handlers.edit import STRIP, VARIATIONS
from mcaclip.ui.handlers.face import DEFAULT_TRUNCATION
from mcaclip.ui.handlers.studio import Studio
from mcaclip.ui.page.layout import Components, example_faces
from mcaclip.ui.state.session import Session

MODEL_QUEUE = "model"
"""Events of this concurrency id run one after the other: two at once would only slow each other down, and a
tab's session is then never written by two events at the same time."""


def connect(page: gr.Blocks, parts: Components, studio: Studio) -> Binder:
    """Everything on the first tab; the binder may connect more."""
    bind = Binder(parts, studio)
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

    def changed(upload: Any, aligned: Any, agreed: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.photo_changed(bind.file(upload, session), aligned is True, agreed is True, session)

    def consented(upload: Any, aligned: Any, agreed: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.consent_changed(bind.file(upload, session), aligned is True, agreed is True, session)

    def opened(upload: Any, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.open_session(bind.file(upload, session), session)

    # with Gradio's default, "once", a photo given while its predecessor is still being cleared would be dropped
    raw: dict[str, Any] = {"preprocess": False, "fresh": True}
    bind.model(given, changed, photo, trigger_mode="always_last", **raw)
    bind.model([parts["aligned_box"].input], changed, photo, **raw)
    bind.model([parts["consent"].input], consented, photo, trigger_mode="always_last", **raw)

    def chosen(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from studio.face_chosen(index_of(event), session)

    def example(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        faces = example_faces()
        yield from studio.random_face(faces[index_of(event, len(faces))][0], DEFAULT_TRUNCATION, session)

    bind.model([parts["faces"].select], chosen, [session])
    bind.model([parts["examples"].select], example, [session], trigger_mode="always_last", fresh=True)
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

    def go_to(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from studio.go_to(index_of(event), session)

    def strength(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from studio.strength_chosen(index_of(event, len(STRIP)), session)

    def variation(session: Session, event: Chosen = NOTHING_CHOSEN) -> Iterator[dict[str, Any]]:
        yield from studio.variation_chosen(index_of(event, len(VARIATIONS)), session)

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
    """Connects events with handlers that speak in component names and take the tab's session.

    Args:
        parts: the page's components.
        desk: of the page, for the sessions of its tabs.
    """

    def __init__(self, parts: Components, desk: Desk):
        self.parts = parts
        self.desk = desk

    def model(
        self,
        triggers: Sequence[Any],
        handler: Callable[..., Any],
        inputs: Sequence[Any],
        fresh: bool = False,
        **options: Any,
    ) -> None:
        """An event that needs the models: queued, one at a time, its place in the queue and its errors shown.

        Args:
            fresh: the handler starts with another face, so a tab at rest need not be woken.
        """
        gr.on(
            list(triggers),
            self._adapted(handler, inputs, whole=not fresh),
            inputs=list(inputs),
            outputs=self._outputs(),
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
        """An event that answers at once, does not write the session and has nothing to say in a toast.

        Its session may be at rest, without pictures.
        """
        self._beside(triggers, self._adapted(handler, inputs, whole=False), inputs, queue=False, **options)

    def spoken(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any] = (), **options: Any
    ) -> None:
        """Like `light`, for handlers with messages and errors: Gradio shows those of queued events only."""
        self._beside(triggers, self._adapted(handler, inputs, whole=True), inputs, concurrency_limit=None, **options)

    def file(self, value: object, session: Session) -> str | None:
        """Where a file lies that the visitor uploaded; None for no file. Raises StudioError."""
        return None if value is None else str(self.desk.tabs.files.given(value, session.key))

    def _outputs(self) -> list[Any]:
        return [part for name, part in self.parts.items() if name != "session"]

    def _beside(
        self, triggers: Sequence[Any], adapted: Callable[..., Any], inputs: Sequence[Any], **options: Any
    ) -> None:
        gr.on(
            list(triggers),
            adapted,
            inputs=list(inputs),
            outputs=self._outputs(),
            show_progress="hidden",
            api_visibility="private",
            **options,
        )

    def _adapted(self, handler: Callable[..., Any], inputs: Sequence[Any], whole: bool) -> Callable[..., Any]:
        """The handler with the tab's own session, views turned into Gradio's updates, errors into toasts.

        Args:
            whole: the session has to have all its pictures.
        """
        key_at = next((n for n, part in enumerate(inputs) if part is self.parts["session"]), None)

        def taken(request: gr.Request, values: Sequence[Any]) -> list[Any]:
            if key_at is None:
                return list(values)
            key, tabs = request.session_hash or "", self.desk.tabs
            session = tabs.session(key, self.desk.ready_editor()) if whole else tabs.resting(key)
            session = replace(session, key=key, client=address_of(request))
            return [*values[:key_at], session, *values[key_at + 1 :]]

        def given(request: gr.Request, view: dict[str, Any]) -> dict[Any, Any]:
            if "session" in view:
                session: Session = view["session"]
                self.desk.tabs.keep(session.key, session)
            return self._updates(view)

        def stream(request: gr.Request, *values: Any) -> Generator[Any, None, None]:
            with toasts():
                for view in handler(*taken(request, values)):
                    yield given(request, view)

        def call(request: gr.Request, *values: Any) -> Any:
            with toasts():
                return given(request, handler(*taken(request, values)))

        adapted = stream if inspect.isgeneratorfunction(inspect.unwrap(handler)) else call
        return with_request(adapted, handler)

    def _updates(self, view: dict[str, Any]) -> dict[Any, Any]:
        """A view with components in place of names; an empty one changes nothing."""
        updates = {self.parts[name]: value for name, value in view.items() if name != "session"}
        return updates or {self.parts["status"]: gr.skip()}


def with_request(adapted: Callable[..., Any], handler: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes the request before what a handler takes, with the handler's names for all the rest.

    Gradio reads names, defaults and the place of its own events from a function's signature.
    """
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY, annotation=gr.Request)
    parameters = [one.replace(kind=_positional(one)) for one in inspect.signature(handler).parameters.values()]
    adapted.__signature__ = inspect.Signature([request, *parameters])  # type: ignore[attr-defined]
    adapted.__annotations__ = {**get_type_hints(inspect.unwrap(handler)), "request": gr.Request}
    adapted.__name__, adapted.__doc__ = handler.__name__, handler.__doc__
    return adapted


def _positional(parameter: inspect.Parameter) -> Any:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter.POSITIONAL_OR_KEYWORD if parameter.kind is keyword else parameter.kind


def address_of(request: gr.Request | None) -> str:
    """The visitor's address; empty for a call from within."""
    client = getattr(request, "client", None)
    return getattr(client, "host", None) or ""


class Chosen(gr.EventData):
    """That something was chosen; `gr.SelectData` raises an error for what the page would not send."""

    def __init__(self, target: Any, data: Any):
        super().__init__(target, data if isinstance(data, dict) else {})


NOTHING_CHOSEN = Chosen(None, None)


def index_of(event: Chosen, count: int | None = None) -> int:
    """Which one was chosen. Raises StudioError for anything but a number, and for one of `count` or more."""
    index: object = event._data.get("index")
    if type(index) is not int or index < 0 or (count is not None and index >= count):
        raise StudioError(text.BAD_REQUEST)
    return index


class toasts:  # noqa: N801 - reads as the context manager it is
    """Turns StudioError into a toast without a traceback; lets everything else through.

    Args:
        html: the message is shown by the page, which takes it for HTML.
    """

    def __init__(self, html: bool = True):
        self.html = html

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, StudioError):
            message = text.sentence(str(error))
            raise gr.Error(escape(message) if self.html else message, print_exception=False) from None
