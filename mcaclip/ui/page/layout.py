"""The components of the page. Their events are in `wiring`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.config import ASSETS
from mcaclip.types import EditSettings
from mcaclip.ui.display import markup, painting, text
from mcaclip.ui.display.components import Components, before_after, picture, thumbnails
from mcaclip.ui.handlers.face import DEFAULT_TRUNCATION, MAX_TRUNCATION, MIN_TRUNCATION
from mcaclip.ui.handlers.views import DOWNLOADS

EXAMPLES = ASSETS / "examples"


def example_faces() -> list[tuple[int, Path]]:
    """Seeds of faces that do not exist, with their thumbnails."""
    found = [(int(path.stem.removeprefix("seed_")), path) for path in EXAMPLES.glob("seed_*.jpg")]
    return sorted(found)


def studio_tab(parts: Components) -> None:
    """Everything from the photo to the downloads."""
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=4, min_width=320, elem_id="controls"):
            _photo_step(parts)
            _reconstruct_step(parts)
            _prompt_step(parts)
        with gr.Column(scale=9, min_width=320, elem_id="results"):
            _result_step(parts)


def _photo_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(1, text.STEP_PHOTO))
        with gr.Tabs(elem_id="source"):
            with gr.Tab(text.TAB_UPLOAD, elem_id="tab-upload"):
                _photo_source(parts)
            with gr.Tab(text.TAB_RANDOM, elem_id="tab-random"):
                _random_source(parts)
            with gr.Tab(text.TAB_SESSION, elem_id="tab-session"):
                gr.HTML(markup.note(text.SESSION_INFO))
                parts["session_file"] = gr.File(
                    label=text.SESSION_LABEL,
                    show_label=False,
                    file_types=[".safetensors"],
                    height=120,
                    elem_id="session-file",
                )


def _photo_source(parts: Components) -> None:
    parts["photo"] = gr.Image(
        sources=["upload", "clipboard", "webcam"],
        show_label=False,
        label=text.PHOTO_LABEL,
        alt_text=text.PHOTO_LABEL,
        placeholder=text.PHOTO_PLACEHOLDER,
        buttons=[],
        height=220,
        elem_id="photo",
    )
    parts["consent"] = gr.Checkbox(label=text.CONSENT, container=False, elem_id="consent")
    parts["faces"] = thumbnails("faces", text.FACES_LABEL, 5, visible=False)
    parts["aligned_box"] = gr.Checkbox(label=text.ALIGNED_CHECKBOX, container=False, elem_id="aligned-box")
    gr.HTML(markup.caption(text.EXAMPLES_LABEL), elem_id="examples-label")
    pictures = [(str(path), f"seed {seed}") for seed, path in example_faces()]
    parts["examples"] = thumbnails("examples", text.EXAMPLES_LABEL, 8, value=pictures, show_label=False)


def _random_source(parts: Components) -> None:
    parts["new_seed"] = gr.Button(text.NEW_SEED, variant="primary", elem_id="new-seed")
    with gr.Row(elem_classes="seed-row"):
        parts["seed"] = gr.Number(
            label=text.SEED_LABEL, info=text.SEED_INFO, value=1, precision=0, minimum=0, elem_id="seed"
        )
        parts["make_face"] = gr.Button(text.MAKE_FACE, elem_id="make-face", min_width=130)
    parts["truncation"] = gr.Slider(
        MIN_TRUNCATION,
        MAX_TRUNCATION,
        value=DEFAULT_TRUNCATION,
        step=0.05,
        label=text.TRUNCATION_LABEL,
        info=text.TRUNCATION_INFO,
        buttons=[],
        elem_id="truncation",
    )


def _reconstruct_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(2, text.RECONSTRUCT))
        with gr.Row(elem_classes="pair"):
            parts["aligned_view"] = picture("aligned", text.ALIGNED_LABEL)
            parts["reconstruction_view"] = picture("reconstruction", text.RECONSTRUCTION_LABEL)
        parts["likeness"] = gr.HTML("", elem_id="likeness")
        parts["face_progress"] = gr.HTML("", elem_id="face-progress")
        parts["effort"] = gr.Radio(
            choices=list(text.EFFORT_CHOICES),
            value="good",
            show_label=False,
            label=text.EFFORT_LABEL,
            container=False,
            elem_id="effort",
        )
        with gr.Row(elem_classes="buttons"):
            parts["reconstruct"] = gr.Button(
                text.RECONSTRUCT, variant="primary", interactive=False, min_width=120, elem_id="reconstruct"
            )
            parts["refine"] = gr.Button(text.REFINE, visible=False, min_width=90, elem_id="refine")
            parts["stop"] = gr.Button(text.STOP, variant="stop", visible=False, min_width=90, elem_id="stop")


def _prompt_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(3, text.STEP_PROMPT))
        parts["prompt_style"] = gr.HTML("", elem_id="prompt-style")
        for name, label in (("category", text.CATEGORY_LABEL), ("prompts", text.PROMPTS_LABEL)):
            parts[name] = gr.Radio(
                choices=[], show_label=False, label=label, container=False, visible=False, elem_id=name
            )
        for index in range(validate.MAX_PROMPTS):
            _prompt_row(parts, index)
        parts["mode"] = gr.Radio(
            choices=list(text.MODE_CHOICES),
            value=text.MODE_CHOICES[0][1],
            label=text.MODE_LABEL,
            info=text.MODE_INFO,
            visible=False,
            elem_id="mode",
        )
        parts["prompt_help"] = gr.HTML(markup.note(text.PROMPT_HELP), elem_id="prompt-help")
        parts["edit"] = gr.Button(text.EDIT, variant="primary", interactive=False, elem_id="edit")


def _prompt_row(parts: Components, index: int) -> None:
    """One change with its own strength; a further one appears once the one before it is filled."""
    suffix = f"-{index + 1}" if index else ""
    with gr.Row(visible=index < 1, elem_classes="prompt-row", elem_id=f"prompt-row{suffix}") as row:
        parts[f"prompt_{index}"] = gr.Textbox(
            label=text.MORE_LABEL if index else text.PROMPT_LABEL,
            placeholder=text.PROMPT_PLACEHOLDERS[index],
            max_lines=1,
            max_length=validate.MAX_PROMPT_LENGTH,
            scale=3,
            min_width=150,
            elem_id=f"prompt{suffix}",
        )
        parts[f"strength_{index}"] = gr.Slider(
            0,
            validate.MAX_STRENGTH,
            value=1.0,
            step=0.05,
            label=text.STRENGTH_LABEL,
            scale=2,
            min_width=120,
            buttons=[],
            elem_id=f"strength{suffix}",
        )
    parts[f"row_{index}"] = row


def _result_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        with gr.Row(elem_classes="result-head"):
            gr.HTML(markup.step(4, text.STEP_RESULT))
            small: dict[str, Any] = {"size": "sm", "scale": 0, "interactive": False}
            parts["undo"] = gr.Button(text.UNDO, min_width=72, elem_id="undo", **small)
            parts["redo"] = gr.Button(text.REDO, min_width=72, elem_id="redo", **small)
        with gr.Tabs(elem_id="views"):
            with gr.Tab(text.TAB_SIDE, elem_id="tab-side"), gr.Row(elem_classes="triptych"):
                parts["original"] = picture("original", text.ORIGINAL_LABEL)
                parts["edited"] = picture("edited", text.EDITED_LABEL)
                parts["overlay"] = picture("overlay", text.OVERLAY_LABEL)
            with gr.Tab(text.TAB_SLIDER, elem_id="tab-slider"):
                parts["slider"] = before_after("slider", text.TAB_SLIDER)
            with gr.Tab(text.TAB_STRENGTHS, elem_id="tab-strengths"):
                _strengths_view(parts)
            with gr.Tab(text.TAB_VARIATIONS, elem_id="tab-variations"):
                _variations_view(parts)
            with gr.Tab(text.TAB_PAINT, elem_id="tab-paint"):
                _paint_view(parts)
            with gr.Tab(text.TAB_HISTORY, elem_id="tab-history"):
                _history_view(parts)
        parts["edit_progress"] = gr.HTML("", elem_id="edit-progress")
        with gr.Row(elem_classes="result-row"):
            parts["result_line"] = gr.HTML(markup.note(text.RESULT_HINT), elem_id="result-line")
            button: dict[str, Any] = {"visible": False, "size": "sm", "scale": 0}
            parts["cancel"] = gr.Button(text.CANCEL, variant="stop", min_width=90, elem_id="cancel", **button)
            parts["render"] = gr.Button(text.RENDER, min_width=150, elem_id="render", **button)
        _mask_tools(parts)
        _keep(parts)
        with gr.Column(visible=False, elem_id="masks-group") as parts["masks_group"]:
            gr.HTML(f'<h3>{text.MASKS_LABEL}</h3><p class="note note-quiet">{text.MASKS_INFO}</p>')
            parts["masks"] = thumbnails(
                "masks",
                text.MASKS_LABEL,
                6,
                show_label=False,
                allow_preview=True,
                format="png",
                object_fit="contain",
                buttons=["fullscreen"],
            )
        with gr.Column(visible=False, elem_id="pasted-group") as parts["pasted_group"]:
            parts["pasted"] = picture("pasted", text.PASTED_LABEL)


def _strengths_view(parts: Components) -> None:
    gr.HTML(markup.note(text.STRIP_INFO))
    parts["strip"] = thumbnails("strip", text.STRIP_LABEL, 5, show_label=False, visible=False)
    with gr.Column(visible=False, elem_id="sweep-group") as parts["sweep_group"]:
        parts["sweep_view"] = picture("sweep", text.SWEEP_LABEL)
    with gr.Row(elem_classes="buttons"):
        parts["make_strip"] = gr.Button(text.MAKE_STRIP, interactive=False, elem_id="make-strip")
        parts["make_sweep"] = gr.Button(text.MAKE_SWEEP, interactive=False, elem_id="make-sweep")
        parts["sweep_file"] = gr.DownloadButton(text.SWEEP_FILE, visible=False, elem_id="download-sweep")


def _variations_view(parts: Components) -> None:
    gr.HTML(markup.note(text.VARIATIONS_INFO))
    parts["variations"] = thumbnails("variations", text.TAB_VARIATIONS, 5, show_label=False, visible=False)
    with gr.Row(elem_classes="buttons"):
        parts["make_variations"] = gr.Button(text.MAKE_VARIATIONS, interactive=False, elem_id="make-variations")


def _paint_view(parts: Components) -> None:
    gr.HTML(f'<p class="note">{text.PAINT_INFO}</p>')
    gr.HTML(painting.tools(), elem_id="paint-tools")
    parts["canvas"] = gr.HTML(markup.note(text.PAINT_HINT), elem_id="canvas")
    parts["strokes"] = gr.Textbox(visible=False)
    with gr.Row(elem_classes="buttons"):
        parts["use_paint"] = gr.Button(text.USE_PAINT, variant="primary", interactive=False, elem_id="use-paint")
        parts["drop_paint"] = gr.Button(text.DROP_PAINT, interactive=False, elem_id="drop-paint")


def _history_view(parts: Components) -> None:
    parts["history_hint"] = gr.HTML(markup.note(text.HISTORY_HINT), elem_id="history-hint")
    parts["history"] = thumbnails("history", text.HISTORY_LABEL, 6, show_label=False, visible=False)
    with gr.Column(visible=False, elem_id="compare") as parts["compare_row"]:
        gr.HTML(f"<h3>{text.COMPARE_LABEL}</h3>")
        with gr.Row():
            parts["compare_left"] = gr.Dropdown(choices=[], label=text.COMPARE_LEFT, elem_id="compare-left")
            parts["compare_right"] = gr.Dropdown(choices=[], label=text.COMPARE_RIGHT, elem_id="compare-right")
        parts["comparison"] = before_after("comparison", text.COMPARE_LABEL)


def _mask_tools(parts: Components) -> None:
    with gr.Row(elem_classes="sliders"):
        for name, largest, value, step, label, info in (
            ("threshold", validate.MAX_THRESHOLD, 0.0, 0.05, text.THRESHOLD_LABEL, text.THRESHOLD_INFO),
            ("feather", validate.MAX_FEATHER, 0.0, 1, text.FEATHER_LABEL, text.FEATHER_INFO),
            ("keep_likeness", 1.0, EditSettings.likeness, 0.05, text.LIKENESS_LABEL, text.LIKENESS_INFO),
        ):
            parts[name] = gr.Slider(
                0,
                largest,
                value,
                step=step,
                label=label,
                info=info,
                interactive=False,
                buttons=[],
                elem_id=name.replace("_", "-"),
            )
        parts["invert"] = gr.Checkbox(
            label=text.INVERT_LABEL, interactive=False, container=False, min_width=130, elem_id="invert"
        )


def _keep(parts: Components) -> None:
    with gr.Column(elem_id="keep"):
        gr.HTML(f"<h3>{text.KEEP_LABEL}</h3>")
        with gr.Row(elem_classes="downloads"):
            for name, label in zip(DOWNLOADS, text.DOWNLOAD_LABELS, strict=True):
                elem_id = name.replace("_", "-")
                parts[name] = gr.DownloadButton(label, interactive=False, min_width=110, elem_id=elem_id)
        parts["mark"] = gr.Checkbox(label=text.MARK_LABEL, value=True, container=False, elem_id="mark")
