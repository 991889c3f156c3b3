"""Layout and wiring of the page. What events do is in `handlers`, what they show in `views`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import wraps
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.ui import markup, text
from mcaclip.ui.handlers import Studio
from mcaclip.ui.images import uploaded_path
from mcaclip.ui.session import TIME_TO_LIVE, Session, forget
from mcaclip.ui.theme import CSS_PATH, build_theme

logger = logging.getLogger(__name__)

MODEL_QUEUE = "model"
"""Events of this concurrency id run one after the other: two at once would only slow each other down, and a
tab's session is then never written by two events at the same time."""
QUEUE_SIZE = 24
CACHE_SECONDS = (600, TIME_TO_LIVE)
MAX_FILE_SIZE = "10mb"

Components = dict[str, Any]


def build(studio: Studio) -> gr.Blocks:
    """The page, ready for `launch(**launch_options())`."""
    parts: Components = {}
    page = gr.Blocks(title=text.TITLE, analytics_enabled=False, delete_cache=CACHE_SECONDS, fill_width=True)
    with page:
        parts["session"] = gr.State(Session(), time_to_live=TIME_TO_LIVE, delete_callback=forget)
        parts["timer"] = gr.Timer(1.0)
        with gr.Row(elem_id="top"):
            gr.HTML(markup.header(), elem_id="header")
            parts["status"] = gr.HTML(markup.status(studio.source.status), elem_id="status")
        with gr.Row(elem_id="columns", equal_height=False):
            with gr.Column(scale=4, min_width=320, elem_id="controls"):
                _photo_step(parts)
                _reconstruct_step(parts)
                _prompt_step(parts)
            with gr.Column(scale=9, min_width=320, elem_id="results"):
                _result_step(parts)
        gr.HTML(f'<footer class="notice">{text.NOTICE}</footer>', elem_id="notice")
        _connect(page, parts, studio)
    return page.queue(max_size=QUEUE_SIZE)


def launch_options() -> dict[str, Any]:
    """Arguments of `launch` about looks and privacy: no analytics, no run history, no folder is served."""
    return {
        "theme": build_theme(),
        "css_paths": [CSS_PATH],
        "run_history": False,
        "enable_monitoring": False,
        "allowed_paths": [],
        "max_file_size": MAX_FILE_SIZE,
        "footer_links": ["api", "settings"],
        "share": False,
        "ssr_mode": False,
        "pwa": False,
    }


def _picture(name: str, label: str, **options: Any) -> gr.Image:
    """A picture that is only looked at, under its caption."""
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


def _photo_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(1, text.STEP_PHOTO))
        with gr.Tabs(elem_id="source"):
            with gr.Tab(text.TAB_UPLOAD, elem_id="tab-upload"):
                parts["photo"] = gr.Image(
                    sources=["upload", "clipboard"],
                    show_label=False,
                    label=text.PHOTO_LABEL,
                    placeholder=text.PHOTO_PLACEHOLDER,
                    buttons=[],
                    height=220,
                    elem_id="photo",
                )
                parts["faces"] = gr.Gallery(
                    label=text.FACES_LABEL,
                    columns=5,
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    visible=False,
                    format="jpeg",
                    elem_id="faces",
                )
                parts["aligned_box"] = gr.Checkbox(
                    label=text.ALIGNED_CHECKBOX, container=False, elem_id="aligned-box"
                )
            with gr.Tab(text.TAB_RANDOM, elem_id="tab-random"):
                parts["new_seed"] = gr.Button(text.NEW_SEED, variant="primary", elem_id="new-seed")
                with gr.Row(elem_classes="seed-row"):
                    parts["seed"] = gr.Number(
                        label=text.SEED_LABEL,
                        info=text.SEED_INFO,
                        value=1,
                        precision=0,
                        minimum=0,
                        elem_id="seed",
                    )
                    parts["make_face"] = gr.Button(text.MAKE_FACE, elem_id="make-face", min_width=130)


def _reconstruct_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(2, text.STEP_RECONSTRUCT))
        with gr.Row(elem_classes="pair"):
            parts["aligned_view"] = _picture("aligned", text.ALIGNED_LABEL)
            parts["reconstruction_view"] = _picture("reconstruction", text.RECONSTRUCTION_LABEL)
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
        parts["reconstruct"] = gr.Button(
            text.RECONSTRUCT, variant="primary", interactive=False, elem_id="reconstruct"
        )
        parts["stop"] = gr.Button(text.STOP, variant="stop", visible=False, elem_id="stop")


def _prompt_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(3, text.STEP_PROMPT))
        parts["prompts"] = gr.Radio(
            choices=[],
            show_label=False,
            label=text.PROMPTS_LABEL,
            container=False,
            visible=False,
            elem_id="prompts",
        )
        parts["prompt"] = gr.Textbox(
            label=text.PROMPT_LABEL,
            placeholder=text.PROMPT_PLACEHOLDER,
            max_lines=1,
            max_length=validate.MAX_PROMPT_LENGTH,
            elem_id="prompt",
        )
        parts["prompt_help"] = gr.HTML("", elem_id="prompt-help")
        parts["edit"] = gr.Button(text.EDIT, variant="primary", interactive=False, elem_id="edit")


def _result_step(parts: Components) -> None:
    with gr.Column(elem_classes="stage"):
        gr.HTML(markup.step(4, text.STEP_RESULT))
        with gr.Row(elem_classes="triptych"):
            parts["original"] = _picture("original", text.ORIGINAL_LABEL)
            parts["edited"] = _picture("edited", text.EDITED_LABEL)
            parts["overlay"] = _picture("overlay", text.OVERLAY_LABEL)
        parts["edit_progress"] = gr.HTML("", elem_id="edit-progress")
        with gr.Row(elem_classes="result-row"):
            parts["result_line"] = gr.HTML(markup.note(text.RESULT_HINT), elem_id="result-line")
            parts["render"] = gr.Button(
                text.RENDER, visible=False, size="sm", scale=0, min_width=150, elem_id="render"
            )
        with gr.Row(elem_classes="sliders"):
            parts["strength"] = gr.Slider(
                0,
                validate.MAX_STRENGTH,
                value=1.0,
                step=0.05,
                label=text.STRENGTH_LABEL,
                info=text.STRENGTH_INFO,
                interactive=False,
                elem_id="strength",
            )
            parts["threshold"] = gr.Slider(
                0,
                validate.MAX_THRESHOLD,
                value=0.0,
                step=0.05,
                label=text.THRESHOLD_LABEL,
                info=text.THRESHOLD_INFO,
                interactive=False,
                elem_id="threshold",
            )
        with gr.Row(elem_classes="downloads"):
            parts["download_edited"] = gr.DownloadButton(
                text.DOWNLOAD_EDITED, interactive=False, elem_id="download-edited"
            )
            parts["download_pasted"] = gr.DownloadButton(
                text.DOWNLOAD_PASTED, interactive=False, elem_id="download-pasted"
            )
        with gr.Column(visible=False, elem_id="masks-group") as parts["masks_group"]:
            gr.HTML(f'<h3>{text.MASKS_LABEL}</h3><p class="note note-quiet">{text.MASKS_INFO}</p>')
            parts["masks"] = gr.Gallery(
                label=text.MASKS_LABEL,
                show_label=False,
                columns=6,
                height="auto",
                object_fit="contain",
                interactive=False,
                buttons=["fullscreen"],
                format="png",
                elem_id="masks",
            )
        with gr.Column(visible=False, elem_id="pasted-group") as parts["pasted_group"]:
            parts["pasted"] = _picture("pasted", text.PASTED_LABEL)


def _connect(page: gr.Blocks, parts: Components, studio: Studio) -> None:
    """Events to handlers."""
    bind = _Binder(parts)
    session = parts["session"]
    bind.light([page.load, parts["timer"].tick], studio.status)
    _connect_photo(bind, parts, studio)
    bind.model([parts["reconstruct"].click], studio.reconstruct, [parts["effort"], session], api_name="invert")
    bind.light([parts["stop"].click], studio.stop, [session])

    sliders = [parts["strength"], parts["threshold"]]
    bind.model(
        [parts["edit"].click, parts["prompt"].submit],
        studio.edit,
        [parts["prompt"], *sliders, session],
        api_name="edit",
    )
    moved = [slider.input for slider in sliders]
    bind.model(moved, studio.preview, [*sliders, session], trigger_mode="always_last")
    released = [slider.release for slider in sliders]
    bind.model([*released, parts["render"].click], studio.rerender, [*sliders, session], trigger_mode="always_last")
    bind.light([parts["prompts"].input], lambda prompt: {"prompt": prompt}, [parts["prompts"]])
    bind.light([parts["prompt"].input], lambda: {"prompts": None})


def _connect_photo(bind: _Binder, parts: Components, studio: Studio) -> None:
    """The events of the first step. A new face first ends the reconstruction of the old one."""
    session = parts["session"]
    given = [parts["photo"].upload, parts["photo"].clear]
    made = [parts["new_seed"].click, parts["make_face"].click, parts["seed"].submit]
    bind.light([*given, *made, parts["faces"].select], studio.stop, [session])
    photo = [parts["photo"], parts["aligned_box"], session]

    def changed(upload: dict[str, Any] | None, aligned: bool, session: Session) -> Iterator[dict[str, Any]]:
        yield from studio.photo_changed(uploaded_path(upload), aligned, session)

    # with Gradio's default, "once", a photo given while its predecessor is still being cleared would be dropped
    bind.model(given, changed, photo, api_name="align", preprocess=False, trigger_mode="always_last")
    bind.model([parts["aligned_box"].input], changed, photo, preprocess=False)

    def chosen(session: Session, event: gr.SelectData) -> Iterator[dict[str, Any]]:
        yield from studio.face_chosen(event.index, session)

    bind.model([parts["faces"].select], chosen, [session])
    bind.model(made[:1], studio.new_face, [session])
    bind.model(made[1:], studio.random_face, [parts["seed"], session], api_name="sample")


class _Binder:
    """Connects events with handlers that speak in component names."""

    def __init__(self, parts: Components):
        self.parts = parts

    def model(
        self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any], **options: Any
    ) -> None:
        """An event that needs the models: queued, one at a time, its errors shown as toasts."""
        public = "api_name" in options
        gr.on(
            list(triggers),
            self._adapted(handler),
            inputs=list(inputs),
            outputs=list(self.parts.values()),
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=1,
            show_progress="hidden",
            api_visibility="public" if public else "private",
            **options,
        )

    def light(self, triggers: Sequence[Any], handler: Callable[..., Any], inputs: Sequence[Any] = ()) -> None:
        """An event that answers at once and does not write the session."""
        outputs = [part for name, part in self.parts.items() if name != "session"]
        gr.on(
            list(triggers),
            self._adapted(handler),
            inputs=list(inputs),
            outputs=outputs,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    def _adapted(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The handler with views turned into Gradio's updates and expected errors into toasts."""
        if inspect.isgeneratorfunction(inspect.unwrap(handler)):

            @wraps(handler)
            def stream(*args: Any) -> Generator[Any, None, None]:
                with _toasts():
                    for view in handler(*args):
                        yield self._updates(view)

            return stream

        @wraps(handler)
        def call(*args: Any) -> Any:
            with _toasts():
                return self._updates(handler(*args))

        return call

    def _updates(self, view: dict[str, Any]) -> dict[Any, Any]:
        """A view with components in place of names; an empty one changes nothing."""
        return {self.parts[name]: value for name, value in view.items()} or {self.parts["status"]: gr.skip()}


class _toasts:  # noqa: N801 - reads as the context manager it is
    """Turns StudioError into a toast without a traceback; lets everything else through."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, StudioError):
            raise gr.Error(text.sentence(str(error)), print_exception=False) from None
