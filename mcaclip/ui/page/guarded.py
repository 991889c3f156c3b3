"""Gradio's Blocks with two promises of our own: no foreign file comes in, every file that goes out has an owner."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import gradio as gr

from mcaclip.ui.display import text
from mcaclip.ui.state.limits import Limits
from mcaclip.ui.state.visitor_files import file_paths

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction
    from gradio.state_holder import SessionState

    from mcaclip.ui.state.tabs import Tabs

log = logging.getLogger(__name__)


class Page(gr.Blocks):
    """The page that is being built.

    Args:
        tabs: what every tab works on, and the files of all visitors.
        limits: of the clients.
        options: of `gr.Blocks`.
    """

    def __init__(self, tabs: Tabs, limits: Limits, **options: Any):
        super().__init__(**options)
        self.tabs, self.limits = tabs, limits
        self.tab_key: gr.State | None = None
        """Holds the key of a visitor's tab."""

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """As Gradio does, for values that fit; files must be ones that were uploaded or made here.

        Gradio itself would download an address that stands in place of a path, and checks paths only where a value
        says that it is a file.
        """
        if not all(self.tabs.files.knows(path) for path in file_paths(inputs) if path is not None):
            raise gr.Error(text.FILE_UNKNOWN, print_exception=False)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:  # values of a wrong type: the page sends none, whoever else does may send anything
            log.info("A request was refused: %s", error)
            raise gr.Error(text.BAD_REQUEST, print_exception=False) from None

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list | dict, state: SessionState | None
    ) -> list[Any]:
        """As Gradio does; the files that are sent belong to the tab from then on."""
        output = await super().postprocess_data(block_fn, predictions, state)
        key = self.tab_key
        tab = state[key._id].name if key is not None and state is not None and key in block_fn.inputs else None
        paths = [path for path in file_paths(output) if isinstance(path, str)]
        self.tabs.files.shown(paths, tab)
        return output
