"""The whole page: its tabs, and how it is launched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from mcaclip.ui.display import markup, text
from mcaclip.ui.display.components import CSS_PATH, Components, scripts
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.handlers.views import load_status
from mcaclip.ui.lab import compare, inspect, train, vote
from mcaclip.ui.lab.method_set import EditorMethods, Opens
from mcaclip.ui.page import layout, wiring
from mcaclip.ui.page.guarded import Page
from mcaclip.ui.page.theme import build_theme
from mcaclip.ui.server import api, gate
from mcaclip.ui.state.tabs import MAX_TABS

QUEUE_SIZE = 24
MAX_FILE_SIZE = "48mb"
"""Of a session file; a photo may have 40."""


def build(studio: Studio, opens: Opens = EditorMethods) -> Page:
    """The page, ready for `launch(**launch_options())`.

    Args:
        opens: from the editor to the methods of the room Compare; another one where the editor is a stand-in.
    """
    parts: Components = {}
    options: dict[str, Any] = {"title": text.TITLE, "analytics_enabled": False, "fill_width": True}
    page = Page(studio, **options)
    with page:
        # first, so that no event of the page takes their names
        api.connect(api.Endpoints(studio))
        parts["session"] = gr.State()  # marks the place of the tab's session among the inputs, see `Binder`
        parts["tickets"] = gr.BrowserState([], storage_key="mcaclip-tabs")
        parts["ticket"] = gr.Textbox(visible=False)  # the tab's own ticket, see `wiring`
        parts["timer"] = gr.Timer(1.0)
        with gr.Row(elem_id="top"):
            gr.HTML(markup.header(), elem_id="header")
            parts["status"] = gr.HTML(load_status(studio.source.status), elem_id="status")
        parts["waiting"] = gr.HTML("", elem_id="waiting")  # shows the place in the queue
        with gr.Tabs(elem_id="pages"):
            with gr.Tab(text.PAGE_STUDIO, elem_id="page-studio"):
                layout.studio_tab(parts)
            with gr.Tab(text.PAGE_LAB, elem_id="page-lab") as lab, gr.Tabs(elem_id="lab"):
                with gr.Tab(text.COMPARE_LABEL, elem_id="page-compare") as comparing:
                    compare.build_room(parts)
                with gr.Tab(text.PAGE_VOTE, elem_id="page-vote"):
                    vote.build_room(parts)
                with gr.Tab(text.PAGE_TRAIN, elem_id="page-train") as training:
                    if studio.training is None:
                        train.build_closed()
                    else:
                        train.build_room(parts)
                with gr.Tab(text.PAGE_INSPECT, elem_id="page-inspect") as inspecting:
                    inspect.build_room(parts)
        bind, resumed = wiring.connect(page, parts, studio)
        methods = compare.CompareHandlers(studio, opens)
        compare.connect(bind, (comparing.select, lab.select), resumed, parts, methods)
        vote.connect(bind, parts)
        inspect.connect(bind, (inspecting.select, lab.select), resumed, parts, studio)
        if studio.training is not None:
            train.connect(bind, page, training, parts, train.TrainHandlers(studio, studio.training))
    page.queue(max_size=QUEUE_SIZE, api_open=False)
    return page


def launch_options(host: str = "127.0.0.1", names: Sequence[str] = ()) -> dict[str, Any]:
    """Arguments of `launch` for the design, painting and safety: no analytics, no run history, no served folder.

    Args:
        host: the address to listen on.
        names: further names under which the page is reached, see `gate.own_names`.
    """
    return {
        "app_kwargs": {"lifespan": gate.lifespan(gate.own_names(host, names))},
        "state_session_capacity": MAX_TABS,
        "theme": build_theme(),
        "css_paths": [CSS_PATH],
        "head": scripts(),
        "run_history": False,
        "enable_monitoring": False,
        "allowed_paths": [],
        "max_file_size": MAX_FILE_SIZE,
        "footer_links": [],
        "share": False,
        "ssr_mode": False,
        "pwa": False,
    }
