"""Components that several tabs use."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mcaclip.ui.display import markup

Components = dict[str, Any]
"""Name to component."""


def picture(name: str, label: str, **options: Any) -> gr.Image:
    """A picture that cannot be changed, under its caption."""
    with gr.Column(min_width=130, elem_classes="picture"):
        gr.HTML(markup.caption(label))
        return gr.Image(
            interactive=False,
            show_label=False,
            label=label,
            alt_text=label,
            format="jpeg",
            buttons=["fullscreen"],
            elem_id=name,
            **options,
        )


def thumbnails(name: str, label: str, columns: int, **options: Any) -> gr.Gallery:
    """Small pictures to choose from."""
    options = {"allow_preview": False, "buttons": [], "format": "jpeg", **options}
    return gr.Gallery(label=label, columns=columns, elem_id=name, height="auto", interactive=False, **options)


def before_after(name: str, label: str) -> gr.ImageSlider:
    """Two pictures with a line between them that can be moved."""
    return gr.ImageSlider(
        label=label,
        show_label=False,
        interactive=False,
        type="filepath",
        format="jpeg",
        buttons=["fullscreen"],
        max_height=640,
        elem_id=name,
    )
