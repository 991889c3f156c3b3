"""What the page shows in each state: from a `Session` to new values of components.

A view is a dictionary from a component's name to its new value or Gradio update.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import cv2
import gradio as gr
from torch import Tensor

from mcaclip import validate
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.imaging import align, visuals
from mcaclip.results import export as keep
from mcaclip.results.folder import describe_settings
from mcaclip.types import Inversion, MovingEdit, Progress
from mcaclip.ui.display import images, markup, painting, text
from mcaclip.ui.display import prompt_gallery as library
from mcaclip.ui.state.controls import AUTOMATIC
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.loading import LoadStatus
from mcaclip.ui.state.session import Session
from mcaclip.version import __version__

View = dict[str, Any]

SMALL_SIDE = 512
"""Side of the pictures beside the controls."""
SLIDERS = ("threshold", "feather", "keep_likeness", "invert")
TOOLS = ("make_strip", "make_sweep", "make_variations", "use_paint", "drop_paint")
"""Buttons that need an edit."""
DOWNLOADS = ("download_edited", "download_pasted", "download_settings", "download_session")


def load_status(state: LoadStatus) -> str:
    """Whether the models can be used, for the top of the page."""
    if state.error is not None:
        return f'<p class="status status-error" role="alert">{escape(state.error)}</p>'
    if state.ready:
        return f'<p class="status status-ready">{text.READY}</p>'
    return f'<div class="status">{markup.progress(state.stage, state.fraction)}</div>'


def empty_view(session: Session) -> View:
    """No face yet."""
    return {**face_view(session.restarted()), "faces": gr.update(value=None, visible=False)}


def face_view(session: Session) -> View:
    """The face of a session: none, one that waits for its reconstruction, or one that can be edited.

    A generated face is shown in both places.
    """
    aligned, inversion = session.aligned, session.inversion
    is_photo, is_ready = aligned is not None, inversion is not None
    pictures = [None if image is None else images.shown(image, SMALL_SIDE) for image in _pair(session)]
    return {
        **({} if is_ready else no_result_view()),
        "session": session,
        "aligned_view": pictures[0],
        "reconstruction_view": pictures[1],
        "likeness": "" if inversion is None else markup.note(text.likeness(inversion.likeness), "strong"),
        "face_progress": "",
        "reconstruct": gr.update(visible=is_photo or not is_ready, interactive=is_photo),
        "effort": gr.update(visible=is_photo or not is_ready),
        "refine": gr.update(visible=is_photo and is_ready),
        "stop": gr.update(visible=False),
        "edit": gr.update(interactive=is_ready),
    }


def _pair(session: Session) -> tuple[Tensor | None, Tensor | None]:
    """The face before any edit and its reconstruction."""
    reconstruction = None if session.inversion is None else session.inversion.reconstruction
    return reconstruction if session.aligned is None else session.aligned.image, reconstruction


def busy_view(label: str) -> View:
    """A reconstruction has begun."""
    return {
        "face_progress": markup.progress(label, 0.0),
        "likeness": "",
        "reconstruct": gr.update(visible=False),
        "refine": gr.update(visible=False),
        "stop": gr.update(visible=True),
        "edit": gr.update(interactive=False),
    }


def frame_view(step: Progress) -> View:
    """One step of a reconstruction."""
    view: View = {"face_progress": markup.progress(step.stage.capitalize(), step.fraction)}
    if step.image is not None:
        view["reconstruction_view"] = images.shown(step.image, SMALL_SIDE)
    return view


def edit_bar(step: Progress) -> View:
    """One step of an edit."""
    return {"edit_progress": markup.progress(step.stage.capitalize(), step.fraction)}


def idle_edit() -> View:
    """No edit runs."""
    return {"cancel": gr.update(visible=False), "edit_progress": ""}


def no_result_view() -> View:
    """The result side as it is before any edit."""
    closed = gr.update(interactive=False)
    return {
        "original": None,
        "edited": None,
        "overlay": None,
        "slider": None,
        "result_line": markup.note(text.RESULT_HINT),
        **idle_edit(),
        **dict.fromkeys((*SLIDERS, *TOOLS, "undo", "redo"), closed),
        "render": gr.update(visible=False),
        "masks_group": gr.update(visible=False),
        "masks": None,
        "pasted_group": gr.update(visible=False),
        "pasted": None,
        "canvas": markup.note(text.PAINT_HINT),
        **_no_previews(),
        "history": gr.update(value=None, visible=False),
        "history_hint": gr.update(visible=True),
        "compare_row": gr.update(visible=False),
        "comparison": None,
        "inspect": markup.note(text.INSPECT_HINT),
        **dict.fromkeys(DOWNLOADS, gr.update(value=None, interactive=False, visible=True)),
    }


def _no_previews() -> View:
    """No strengths, variations or animation of the edit that is shown."""
    hidden = gr.update(value=None, visible=False)
    return {
        **dict.fromkeys(("strip", "variations", "sweep_file"), hidden),
        "sweep_group": gr.update(visible=False),
        "sweep_view": None,
    }


def result_view(session: Session) -> View:
    """A full-size edit."""
    result, inversion, folder = session.result, session.inversion, session.folder
    assert result is not None and inversion is not None and folder is not None
    original, _ = _pair(session)
    assert original is not None
    overlay = visuals.overlay(original, result.combined_mask)
    before = images.screen_file(images.shown(original), folder, "original")
    after = images.screen_file(images.shown(result.image), folder, "edited")
    open_ = gr.update(interactive=True)
    return {
        "session": session,
        "original": before,
        "edited": after,
        "overlay": images.screen_file(overlay, folder, "overlay"),
        "slider": (before, after),
        "result_line": markup.note(text.result_line(result), "strong") + "".join(map(markup.note, result.notes)),
        **dict.fromkeys((*SLIDERS, *TOOLS), open_),
        "undo": gr.update(interactive=session.at > 0),
        "redo": gr.update(interactive=session.at < len(session.history) - 1),
        **_no_previews(),
        "render": gr.update(visible=False),
        "masks_group": gr.update(visible=True),
        "masks": images.mask_gallery(result),
        "download_edited": open_,
        "download_pasted": open_,
    }


def live_view(moving: MovingEdit, inversion: Inversion, session: Session) -> View:
    """An edit while a slider moves: nothing that is kept may come from it."""
    assert session.folder is not None
    source = images.shown(inversion.original, SMALL_SIDE)
    mask = cv2.resize(moving.combined_mask[0].numpy(), source.shape[:2], interpolation=cv2.INTER_AREA)
    edited = images.screen_file(images.shown(moving.image), session.folder, "live")
    closed = gr.update(interactive=False)
    return {
        "edited": edited,
        "overlay": images.screen_file(visuals.tinted(source, mask), session.folder, "live_overlay"),
        "slider": (session.original, edited),
        "result_line": markup.note(text.LIVE_BADGE, "badge"),
        "render": gr.update(visible=True),
        **dict.fromkeys(DOWNLOADS, closed),
    }


def controls_view(session: Session) -> View:
    """The controls as they were for the edit that is shown, and its picture to paint on."""
    assert session.result is not None
    settings = session.result.settings
    view: View = {
        "threshold": gr.update(value=settings.mask_threshold, interactive=True),
        "feather": gr.update(value=settings.mask_feather, interactive=True),
        "keep_likeness": gr.update(value=settings.likeness, interactive=True),
        "invert": gr.update(value=settings.mask_invert, interactive=True),
        "mode": settings.mode or AUTOMATIC,
    }
    for index in range(validate.MAX_PROMPTS):
        part = settings.parts[index] if index < len(settings.parts) else None
        view[f"row_{index}"] = gr.update(visible=index <= len(settings.parts))
        view[f"prompt_{index}"] = part.prompt if part else ""
        view[f"strength_{index}"] = part.strength if part else 1.0
    view["canvas"] = canvas(session)
    return view


def canvas(session: Session) -> str:
    """The edit that is shown, to paint on, with what is painted already."""
    assert session.result is not None
    return painting.board(images.shown(session.result.image), session.paint)


def history_view(session: Session) -> View:
    """Thumbnails of all edits, and what can be compared."""
    pictures = [
        (entry.thumbnail if entry.thumbnail is not None else images.BLANK, f"{entry.number} · {entry.settings.title}")
        for entry in session.history
    ]
    choices = [(text.ORIGINAL_LABEL, -1)] + [
        (caption, index) for index, (_, caption) in enumerate(pictures) if session.history[index].picture
    ]
    left = choices[-2][1]
    return {
        "history": gr.update(value=pictures, visible=True, selected_index=session.at),
        "history_hint": gr.update(visible=False),
        "compare_row": gr.update(visible=True),
        "compare_left": gr.update(choices=choices, value=left),
        "compare_right": gr.update(choices=choices, value=choices[-1][1]),
        "comparison": (
            session.original if left < 0 else session.history[left].picture,
            session.history[choices[-1][1]].picture,
        ),
    }


def files_view(session: Session, stack: str, weights: dict[str, str]) -> View:
    """The downloads, and the edit back in its photo."""
    result, folder = session.result, session.folder
    assert result is not None and folder is not None
    record = {
        "note": keep.MARK,
        "face": session.name,
        **describe_settings(result.settings),
        "modes": list(result.modes),
        "stack": stack,
        "version": __version__,
        "weights": weights,
    }
    face = images.shown(result.image)
    edited, settings = folder / f"{session.name}_edited.png", folder / f"{session.name}_edited.json"
    keep.write_png(edited, keep.mark(face) if session.marked else face, record)
    settings.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    view: View = {
        "download_edited": gr.update(value=str(edited), interactive=True),
        "download_settings": gr.update(value=str(settings), interactive=True),
    }
    if session.aligned is None:
        return {**view, "download_pasted": gr.update(visible=False), "pasted_group": gr.update(visible=False)}
    pasted = align.paste_back(session.aligned, result.image)
    photo = folder / f"{session.name}_photo_edited.png"
    keep.write_png(photo, keep.mark(pasted) if session.marked else pasted, record)
    return {
        **view,
        "download_pasted": gr.update(value=str(photo), interactive=True, visible=True),
        "pasted_group": gr.update(visible=True),
        "pasted": images.screen_file(images.fitted(pasted), folder, "pasted"),
    }


def library_view(entries: Sequence[LibraryPrompt], can_choose_mode: bool = False) -> View:
    """The prompts to choose from, with their categories and pictures.

    Args:
        can_choose_mode: there is a universal network and a fitted one.
    """
    labels = library.categories(entries)
    return {
        "prompts": gr.update(choices=[entry.prompt for entry in entries], visible=True),
        "category": gr.update(choices=labels, value=text.ALL_CATEGORIES, visible=len(labels) > 2),
        "prompt_style": library.thumbnail_style(entries),
        "mode": gr.update(visible=can_choose_mode),
    }


def editor_view(editor: EditorProtocol) -> View:
    """What can be edited with an editor."""
    return library_view(editor.offered(), editor.has_universal and bool(editor.prompts()))


def faces_update(session: Session, chosen: int) -> Any:
    """Thumbnails of all faces; hidden when there is nothing to choose."""
    if len(session.faces) < 2 or session.photo is None:
        return gr.update(value=None, visible=False)
    pictures = [visuals.thumbnail(session.photo, face.box) for face in session.faces]
    return gr.update(value=pictures, visible=True, selected_index=chosen)
