"""Connects Gradio's events with handlers: component names, the tab's session, errors as toasts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from html import escape
from typing import Any, get_type_hints

import gradio as gr
from gradio.events import Dependency

from mcaclip.errors import StudioError
from mcaclip.ui.display import text
from mcaclip.ui.display.components import Components
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.state.session import Session

MODEL_QUEUE = "model"
"""Events of this concurrency id run one after the other: two at once would only slow each other down, and a
tab's session is then never written by two events at the same time."""


class Binder:
    """Connects events with handlers that name components and take the tab's session.

    Args:
        parts: the page's components.
        studio: the handlers of the page, for the sessions of its tabs.
    """

    def __init__(self, parts: Components, studio: HandlerBase):
        self.parts = parts
        self.studio = studio

    def model(
        self,
        triggers: Sequence[Any],
        handler: Callable[..., Any],
        inputs: Sequence[Any],
        fresh: bool = False,
        **options: Any,
    ) -> Any:
        """An event that needs the models: queued, one at a time, its place in the queue and its errors shown.

        Args:
            triggers: what begins it.
            handler: see the class.
            inputs: of the handler.
            fresh: the handler starts with another face, so a tab at rest need not be woken.
            options: of Gradio's event.

        Returns:
            The event, for others to follow it.
        """
        return self._on(
            triggers,
            self._adapted(handler, inputs, whole=not fresh, first=True),
            inputs,
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=1,
            show_progress="minimal",
            show_progress_on=self.parts["waiting"],
            **options,
        )

    def background(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any], line: str, **options: Any
    ) -> Any:
        """An event that computes while others are served first; one at a time in its own line.

        It may not write a face of the session: the events of the models do.
        """
        alone: dict[str, Any] = {"concurrency_id": line, "concurrency_limit": 1, **options}
        return self._on(triggers, self._adapted(handler, inputs, whole=True), inputs, **alone)

    def light(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any] = (), **options: Any
    ) -> Any:
        """An event that is answered at once, does not write the session and shows no toast.

        Its session may be at rest, without pictures.
        """
        return self._on(triggers, self._adapted(handler, inputs, whole=False), inputs, queue=False, **options)

    def spoken(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any] = (), **options: Any
    ) -> None:
        """Like `light`, for handlers with messages and errors: Gradio shows those of queued events only."""
        self._on(triggers, self._adapted(handler, inputs, whole=True), inputs, concurrency_limit=None, **options)

    def file(self, value: object, session: Session) -> str | None:
        """The path of a file that the visitor uploaded; None for no file. Raises StudioError."""
        return None if value is None else str(self.studio.tabs.files.given(value, session.key))

    def _on(self, triggers: Sequence[Any], adapted: Callable[..., Any], inputs: Sequence[Any], **options: Any) -> Any:
        """An event of some triggers, or one that follows another event."""
        outputs = [part for name, part in self.parts.items() if name != "session"]
        settings = {"show_progress": "hidden", "api_visibility": "private", **options}
        if len(triggers) == 1:  # `gr.on` takes neither what follows an event nor an event of our own
            listen = triggers[0].then if isinstance(triggers[0], Dependency) else triggers[0]
            return listen(adapted, inputs=list(inputs), outputs=outputs, **settings)
        return gr.on(list(triggers), adapted, inputs=list(inputs), outputs=outputs, **settings)

    def _adapted(
        self, handler: Callable[..., Any], inputs: Sequence[Any], whole: bool, first: bool = False
    ) -> Callable[..., Any]:
        """The handler with the tab's own session, views turned into Gradio's updates, errors into toasts.

        Args:
            handler: see the class.
            inputs: of the event.
            whole: the session has to have all its pictures.
            first: a visitor waits for it, so work in the background waits.
        """
        turn = self.studio.turn.taken if first else nullcontext
        key_at = next((n for n, part in enumerate(inputs) if part is self.parts["session"]), None)

        def taken(request: gr.Request, values: Sequence[Any]) -> list[Any]:
            if key_at is None:
                return list(values)
            key, tabs = request.session_hash or "", self.studio.tabs
            session = tabs.session(key, self.studio.ready_editor()) if whole else tabs.resting(key)
            session = replace(session, key=key, client=address_of(request))
            return [*values[:key_at], session, *values[key_at + 1 :]]

        def given(request: gr.Request, view: dict[str, Any]) -> dict[Any, Any]:
            if "session" in view:
                session: Session = view["session"]
                self.studio.tabs.keep(session.key, session)
            updates = {self.parts[name]: value for name, value in view.items() if name != "session"}
            return updates or {self.parts["status"]: gr.skip()}  # Gradio takes no empty dictionary

        def stream(request: gr.Request, *values: Any) -> Generator[Any, None, None]:
            with toasts(), turn():
                for view in handler(*taken(request, values)):
                    yield given(request, view)

        def call(request: gr.Request, *values: Any) -> Any:
            with toasts(), turn():
                return given(request, handler(*taken(request, values)))

        adapted = stream if inspect.isgeneratorfunction(inspect.unwrap(handler)) else call
        return with_request(adapted, handler)


def with_request(adapted: Callable[..., Any], handler: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes the request before what a handler takes, with the handler's names for all the rest.

    Gradio reads names, defaults and the place of its own events from a function's signature.
    """
    request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY, annotation=gr.Request)
    keyword, either = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    taken = inspect.signature(handler).parameters.values()
    parameters = [one.replace(kind=either) if one.kind is keyword else one for one in taken]
    adapted.__signature__ = inspect.Signature([request, *parameters])  # type: ignore[attr-defined]
    adapted.__annotations__ = {**get_type_hints(inspect.unwrap(handler)), "request": gr.Request}
    adapted.__name__, adapted.__doc__ = handler.__name__, handler.__doc__
    return adapted


def address_of(request: gr.Request | None) -> str:
    """The visitor's address; empty for a call from within."""
    client = getattr(request, "client", None)
    return getattr(client, "host", None) or ""


class Chosen(gr.EventData):
    """A choice in a gallery or a component of ours. Unlike `gr.SelectData` it takes any data, to be checked."""

    def __init__(self, target: Any, data: Any):
        super().__init__(target, data if isinstance(data, dict) else {})

    @property
    def data(self) -> dict[str, Any]:
        """What the browser sent with the event."""
        return self._data


NOTHING_CHOSEN = Chosen(None, None)


def index_of(event: Chosen, count: int | None = None) -> int:
    """Which one was chosen. Raises StudioError for anything but a whole number from 0 to below `count`."""
    index: object = event.data.get("index")
    if type(index) is not int or index < 0 or (count is not None and index >= count):
        raise StudioError(text.BAD_REQUEST)
    return index


def with_event(handler: Callable[..., Any], count: int) -> Callable[..., Any]:
    """A function of `*values` as one of so many inputs and of Gradio's event, which comes last."""
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    inputs = [inspect.Parameter(f"value_{number}", plain) for number in range(count)]
    event = inspect.Parameter("event", plain, annotation=Chosen, default=NOTHING_CHOSEN)
    handler.__signature__ = inspect.Signature([*inputs, event])  # type: ignore[attr-defined]
    handler.__annotations__ = {"event": Chosen}
    return handler


@contextmanager
def toasts(html: bool = True) -> Iterator[None]:
    """Turns StudioError into a toast without a traceback; lets everything else through.

    Args:
        html: the message is shown by the page, which takes it for HTML.
    """
    try:
        yield
    except StudioError as error:
        message = text.sentence(str(error))
        raise gr.Error(escape(message) if html else message, print_exception=False) from None
