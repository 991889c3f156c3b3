"""The components of the studio. Their events are in `wiring`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.config import ASSETS
from mcaclip.types import EditSettings
from mcaclip.ui.display import components, markup, painting, text
from mcaclip.ui.display.components import Components, feed, thumbnails
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.face import DEFAULT_TRUNCATION, MAX_SEED, MAX_TRUNCATION, MIN_TRUNCATION
from mcaclip.ui.handlers.views import DOWNLOADS

EXAMPLES = ASSETS / "examples"
FEEDS = ("edit", "layers", "learning", "strokes_shown", "parts", "face", "previews")
"""Values that our scripts hear; see `mcaclip.ui.display.components.feed`."""


def example_faces() -> list[tuple[int, Path]]:
    """Seeds of faces that do not exist, with their thumbnails."""
    found = [(int(path.stem.removeprefix("seed_")), path) for path in EXAMPLES.glob("seed_*.jpg")]
    return sorted(found)


def studio_tab(parts: Components) -> None:
    """Everything from the photo to the downloads. The panel comes first, so that the Tab key finds it first."""
    with gr.Column(elem_id="studio"):
        with gr.Column(elem_id="panel"):
            _panel(parts)
        with gr.Column(elem_id="stage"):
            _stage(parts)
        parts["film"] = components.film()


# -- the panel ------------------------------------------------------------------------------------------------


def _panel(parts: Components) -> None:
    with gr.Row(elem_id="prompt-line"):
        parts["prompt"] = components.words_field("prompt", text.PROMPT_LABEL, text.PROMPT_PLACEHOLDER)
        parts["edit_now"] = gr.Button(text.EDIT, variant="primary", scale=0, min_width=72, elem_id="edit-now")
    parts["verdict"] = components.verdict({"kind": "idle", "line": text.PROMPT_HELP})
    for index in range(validate.MAX_PROMPTS):
        _chip(parts, index)
    with gr.Accordion(text.FINE_TUNE, open=False, elem_id="fine-tune"):
        _fine_tune(parts)
    parts["cards"] = components.cards()
    gr.HTML(f'<footer class="notice">{text.NOTICE}</footer>', elem_id="notice")


def _chip(parts: Components, index: int) -> None:
    """One change of the edit that is shown, with its own strength."""
    suffix = f"-{index + 1}" if index else ""
    with gr.Row(visible=False, elem_classes="chip", elem_id=f"change{suffix}") as row:
        parts[f"strength_{index}"] = gr.Slider(
            0,
            validate.MAX_STRENGTH,
            value=1.0,
            step=0.05,
            label=text.STRENGTH_LABEL,
            scale=1,
            min_width=120,
            buttons=[],
            elem_id=f"strength{suffix}",
        )
        parts[f"drop_{index}"] = gr.Button(
            text.DROP_CHANGE, scale=0, min_width=32, elem_classes="drop", elem_id=f"drop{suffix}"
        )
    parts[f"row_{index}"] = row


def _fine_tune(parts: Components) -> None:
    for name, largest, value, step, label, info in (
        ("keep_likeness", 1.0, EditSettings.likeness, 0.05, text.LIKENESS_LABEL, text.LIKENESS_INFO),
        ("threshold", validate.MAX_THRESHOLD, 0.0, 0.05, text.THRESHOLD_LABEL, text.THRESHOLD_INFO),
        ("feather", validate.MAX_FEATHER, 0.0, 1, text.FEATHER_LABEL, text.FEATHER_INFO),
    ):
        parts[name] = gr.Slider(
            0, largest, value, step=step, label=label, info=info, buttons=[], elem_id=name.replace("_", "-")
        )
    parts["invert"] = gr.Checkbox(label=text.INVERT_LABEL, container=False, elem_id="invert")
    small: dict[str, Any] = {"size": "sm", "min_width": 90, "interactive": False}
    with gr.Row(elem_classes="buttons"):
        parts["paint"] = gr.Button(text.PAINT, elem_id="paint", **small)
        parts["make_strip"] = gr.Button(text.MAKE_STRIP, elem_id="make-strip", **small)
        parts["make_variations"] = gr.Button(text.MAKE_VARIATIONS, elem_id="make-variations", **small)
    parts["choices"] = components.choices()
    parts["mode"] = gr.Radio(
        choices=list(text.MODE_CHOICES),
        value=text.MODE_CHOICES[0][1],
        label=text.MODE_LABEL,
        info=text.MODE_INFO,
        visible=False,
        elem_id="mode",
    )


# -- the stage ------------------------------------------------------------------------------------------------


def _stage(parts: Components) -> None:
    with gr.Row(elem_id="stage-head"):
        small: dict[str, Any] = {"size": "sm", "scale": 0}
        parts["new_photo"] = gr.Button(text.NEW_PHOTO, min_width=80, elem_id="new-photo", **small)
        parts["other_faces"] = gr.Button(
            text.OTHER_FACES, min_width=80, visible=False, elem_id="other-faces", **small
        )
        parts["likeness"] = gr.HTML("", elem_id="likeness")
        parts["best"] = gr.Button(text.BEST, min_width=80, visible=False, elem_id="best", **small)
        closed: dict[str, Any] = {**small, "interactive": False}
        parts["undo"] = gr.Button(text.UNDO, min_width=60, elem_id="undo", **closed)
        parts["redo"] = gr.Button(text.REDO, min_width=60, elem_id="redo", **closed)
        parts["save"] = gr.Button(text.SAVE, variant="primary", min_width=70, elem_id="save", **closed)
    parts["stage_view"] = components.stage_view(views.example_picture())
    parts["result_line"] = gr.HTML("", elem_id="result-line")
    with gr.Column(elem_id="busy"):
        parts["progress"] = gr.HTML("", elem_id="progress")
        parts["cancel"] = gr.Button(text.CANCEL, visible=False, size="sm", min_width=70, elem_id="cancel")
    with gr.Column(elem_id="busy-learning"):
        parts["learning_bar"] = gr.HTML("", elem_id="learning-bar")
        parts["stop"] = gr.Button(text.STOP, visible=False, size="sm", min_width=70, elem_id="stop")
    _source_sheet(parts)
    _consent_sheet(parts)
    _save_sheet(parts)
    _brushes(parts)
    for name in FEEDS:
        parts[name] = feed(name, views.example_edit() if name == "edit" else None)


def _source_sheet(parts: Components) -> None:
    """Where a face comes from; open until there is one."""
    with gr.Column(elem_id="source", elem_classes="sheet"):
        gr.HTML(f'<h2>{text.DROP_TITLE}</h2><p class="note">{text.DROP_INFO}</p>')
        with gr.Row(elem_id="photo-box", elem_classes="buttons"):
            parts["photo"] = gr.UploadButton(
                text.CHOOSE_PHOTO, variant="primary", file_types=["image", ".heic", ".heif"], elem_id="photo"
            )
            parts["new_seed"] = gr.Button(text.NEW_SEED, elem_id="new-seed")
        pictures = [(str(path), f"seed {seed}") for seed, path in example_faces()]
        parts["examples"] = thumbnails("examples", text.EXAMPLES_LABEL, 8, value=pictures, show_label=False)
        with gr.Accordion(text.MORE_SOURCES, open=False, elem_id="more-sources"):
            parts["aligned_box"] = gr.Checkbox(label=text.ALIGNED_CHECKBOX, container=False, elem_id="aligned-box")
            with gr.Row(elem_classes="seed-row"):
                parts["seed"] = gr.Number(
                    label=text.SEED_LABEL,
                    info=text.SEED_INFO,
                    value=1,
                    precision=0,
                    minimum=0,
                    maximum=MAX_SEED,
                    elem_id="seed",
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
            parts["camera"] = gr.Image(
                sources=["webcam"], label=text.CAMERA_LABEL, buttons=[], height=200, elem_id="camera"
            )
            parts["session_file"] = gr.File(
                label=f"{text.SESSION_LABEL}: {text.SESSION_INFO}",
                file_types=[".safetensors"],
                height=140,
                elem_id="session-file",
            )
        gr.HTML(f'<p class="note note-quiet example-line">{text.EXAMPLE_LINE}</p>')
        gr.HTML(_close(), elem_classes="close-row")


def _consent_sheet(parts: Components) -> None:
    """The button stands in the middle: it is what nearly everybody is looking for."""
    with gr.Column(visible=False, elem_id="consent", elem_classes="sheet") as parts["consent"]:
        gr.HTML(f"<h2>{text.CONSENT_TITLE}</h2>")
        parts["agree"] = gr.Button(text.CONSENT_YES, variant="primary", elem_id="agree")
        parts["decline"] = gr.Button(text.CONSENT_NO, size="sm", elem_id="decline")
        gr.HTML(f'<p class="note">{text.CONSENT_INFO}</p>')


def _save_sheet(parts: Components) -> None:
    with gr.Column(elem_id="save-sheet", elem_classes="sheet"):
        gr.HTML(f"<h2>{text.SAVE_TITLE}</h2>")
        with gr.Row(elem_classes="downloads"):
            for name, (label, info) in zip(DOWNLOADS, text.DOWNLOAD_LABELS, strict=True):
                with gr.Column(min_width=110):
                    elem_id = name.replace("_", "-")
                    parts[name] = gr.DownloadButton(label, interactive=False, elem_id=elem_id)
                    gr.HTML(markup.note(info))
        parts["mark"] = gr.Checkbox(label=text.MARK_LABEL, value=True, container=False, elem_id="mark")
        gr.HTML(f"<h3>{text.ANIMATION_LABEL}</h3>")
        with gr.Row(elem_classes="animation"):
            parts["animation_kind"] = gr.Radio(
                list(text.ANIMATIONS), value="film", show_label=False, container=False, elem_id="animation-kind"
            )
            parts["animation_format"] = gr.Radio(
                list(text.FORMATS),
                value=text.FORMATS[0],
                show_label=False,
                container=False,
                elem_id="animation-format",
            )
        parts["make_animation"] = gr.Button(text.MAKE_ANIMATION, elem_id="make-animation")
        parts["animation_file"] = gr.DownloadButton(visible="hidden")  # its file is fetched by `wiring.FETCH`
        parts["saving"] = gr.HTML("", elem_id="saving")
        parts["prepare"] = gr.Button(visible="hidden", elem_id="prepare")  # the page asks for the files
        gr.HTML(_close(), elem_classes="close-row")


def _brushes(parts: Components) -> None:
    with gr.Column(elem_id="brushes", elem_classes="sheet"):
        gr.HTML(f'<p class="note">{text.PAINT_INFO}</p>')
        gr.HTML(painting.tools(), elem_id="paint-tools")
        parts["strokes"] = gr.Textbox(visible=False)
        with gr.Row(elem_classes="buttons"):
            parts["use_paint"] = gr.Button(
                text.USE_PAINT, variant="primary", interactive=False, size="sm", min_width=80, elem_id="use-paint"
            )
            gr.Button(text.UNDO_STROKE, size="sm", min_width=80, elem_id="undo-stroke")
            parts["drop_paint"] = gr.Button(
                text.DROP_PAINT, interactive=False, size="sm", min_width=80, elem_id="drop-paint"
            )
            gr.Button(text.CLOSE_PAINT, size="sm", min_width=60, elem_id="stop-painting")


def _close() -> str:
    return f'<button type="button" class="close-sheet" aria-label="{text.CLOSE}">\N{MULTIPLICATION SIGN}</button>'
