"""Between Gradio's events and handlers: names for components, sessions for keys, toasts for errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from html import escape
from typing import Any, get_type_hints

import gradio as gr

from mcaclip.errors import StudioError
from mcaclip.ui.display import text
from mcaclip.ui.display.components import Components
from mcaclip.ui.handlers.base import HandlerBase
from mcaclip.ui.state.session import Session

MODEL_QUEUE = "model"
"""Events of this concurrency id run one after the other: two at once would only slow each other down, and a
tab's session is then never written by two events at the same time."""


class Binder:
    """Connects events with handlers that speak in component names and take the tab's session.

    Args:
        parts: the page's components.
        desk: of the page, for the sessions of its tabs.
    """

    def __init__(self, parts: Components, desk: HandlerBase):
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
