"""Gradio's Blocks with three guarantees: no foreign file comes in, every file that goes out has an owner, and every
view reaches the page."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import gradio as gr

from mcaclip.ui.display import text
from mcaclip.ui.server.gate import client_of
from mcaclip.ui.state.limits import network_of
from mcaclip.ui.state.visitor_files import file_paths

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction
    from gradio.state_holder import SessionState

    from mcaclip.ui.handlers.base import HandlerBase

log = logging.getLogger(__name__)


class Page(gr.Blocks):
    """The page that is being built.

    Args:
        studio: the handlers, for the tabs, the limits of clients and the editor's source.
        options: of `gr.Blocks`.
    """

    def __init__(self, studio: HandlerBase, **options: Any):
        super().__init__(**options)
        self.tabs, self.limits, self.source = studio.tabs, studio.limits, studio.source
        self._connection: ContextVar[str | None] = ContextVar("connection", default=None)

    async def process_api(self, block_fn: Any, inputs: list[Any], *args: Any, **options: Any) -> dict[str, Any]:
        """As Gradio does, and remembers for which tab."""
        token = self._connection.set(options.get("session_hash"))
        try:
            return await super().process_api(block_fn, inputs, *args, **options)
        finally:
            self._connection.reset(token)

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """As Gradio does, for values of the right types and files that were uploaded or made here.

        Gradio itself downloads an address that stands in place of a path, and checks a path only where the value
        claims to be a file.
        """
        if not all(self.tabs.files.knows(path) for path in file_paths(inputs) if path is not None):
            raise gr.Error(text.FILE_UNKNOWN, print_exception=False)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except Exception as error:  # of a wrong type; the page sends none, but other programs may
            log.info("A request was refused: %s", type(error).__name__)
            raise gr.Error(text.BAD_REQUEST, print_exception=False) from None

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list | dict, state: SessionState | None
    ) -> list[Any]:
        """As Gradio does; the files that are sent belong to the tab from then on.

        What a view leaves as it is goes past Gradio, which would make every one of these components anew.
        """
        output = await self._postprocessed(block_fn, predictions, state)
        tab = self._connection.get() if block_fn.api_visibility == "private" else None
        self.tabs.files.shown([path for path in file_paths(output) if isinstance(path, str)], tab)
        return output

    async def _postprocessed(
        self, block_fn: BlockFunction, predictions: list | dict, state: SessionState | None
    ) -> list[Any]:
        if not isinstance(predictions, dict) or not all(isinstance(part, gr.blocks.Block) for part in predictions):
            return await super().postprocess_data(block_fn, predictions, state)
        outputs = list(block_fn.outputs)
        left = [part for part in outputs if part not in predictions]
        # Gradio takes a dictionary for the value itself where there is one output only
        changed = [part for part in outputs if part in predictions] + left[: max(0, 2 - len(predictions))]
        narrow = copy(block_fn)
        narrow.outputs = changed
        values = dict(zip(changed, await super().postprocess_data(narrow, predictions, state), strict=True))
        return [values.get(part, None if part.stateful else gr.skip()) for part in outputs]

    def handle_streaming_diffs(
        self,
        block_fn: BlockFunction,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        """As Gradio does, but a value that changed is sent whole.

        Gradio 6 sends how a view differs from the one before, and its page writes the difference into the objects of
        the view before, which it may not have shown yet: what stood there is lost.
        """
        runs = self.pending_diff_streams.get(session_hash, {}) if session_hash is not None else {}
        differs = run in runs and not final and not simple_format
        sent = super().handle_streaming_diffs(block_fn, data, session_hash, run, final, simple_format)
        if not differs:
            return sent
        return [[["replace", [], value]] if edits else [] for edits, value in zip(sent, runs[run], strict=True)]

    def waiting(self, client: str) -> int:
        """How many events of a client wait in a queue or are served."""
        queues = (queue.queue for queue in self._queue.event_queue_per_concurrency_id.values())
        served = (events or [] for events in self._queue.active_jobs)
        events = (event for some in (*queues, *served) for event in some)
        return sum(network_of(client_of(event.request.scope)) == network_of(client) for event in events)

    def expects(self, query: bytes) -> bool:
        """Whether anything was asked for by the session that a request for answers names."""
        names = parse_qs(query.decode("latin-1")).get("session_hash", [])
        return bool(names) and names[-1] in self._queue.pending_messages_per_session

    def parameters(self, endpoint: str) -> dict[str, bool] | None:
        """The names of an endpoint's arguments, and which of them have no default; None where there is none."""
        known = self.endpoints.get(f"/{endpoint}")
        if known is None:
            return None
        return {one["parameter_name"]: not one["parameter_has_default"] for one in known["parameters"]}

    @cached_property
    def endpoints(self) -> dict[str, Any]:
        """Gradio's description of the public endpoints."""
        return self.get_api_info()["named_endpoints"]
