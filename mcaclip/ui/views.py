"""What the page shows at each point of the road: from a `Session` to new values of components.

A view is a dictionary from a component's name to its new value or Gradio update.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from mcaclip import pipeline, visuals
from mcaclip.types import Progress
from mcaclip.ui import images, markup, text
from mcaclip.ui.session import Session

View = dict[str, Any]

SMALL_SIDE = 512
"""Side of the pictures beside the controls."""


def empty_view(session: Session) -> View:
    """No face yet."""
    return {
        **no_result_view(),
        "session": session,
        "faces": gr.update(value=None, visible=False),
        "aligned_view": None,
        "reconstruction_view": None,
        "likeness": "",
        "face_progress": "",
        "reconstruct": gr.update(visible=True, interactive=False),
        "stop": gr.update(visible=False),
        "edit": gr.update(interactive=False),
    }


def face_view(session: Session) -> View:
    """An aligned face that waits for its reconstruction."""
    assert session.aligned is not None
    return {
        **no_result_view(),
        "session": session,
        "aligned_view": images.shown(session.aligned.image, SMALL_SIDE),
        "reconstruction_view": None,
        "likeness": "",
        "face_progress": "",
        "reconstruct": gr.update(visible=True, interactive=True),
        "stop": gr.update(visible=False),
        "edit": gr.update(interactive=False),
    }


def reconstructed_view(session: Session) -> View:
    """A face that can be edited; a generated one stands in both places."""
    inversion = session.inversion
    assert inversion is not None
    original = inversion.reconstruction if session.aligned is None else session.aligned.image
    return {
        "session": session,
        "aligned_view": images.shown(original, SMALL_SIDE),
        "reconstruction_view": images.shown(inversion.reconstruction, SMALL_SIDE),
        "likeness": markup.note(text.likeness(inversion.identity), "strong"),
        "face_progress": "",
        "reconstruct": gr.update(visible=True, interactive=session.aligned is not None),
        "stop": gr.update(visible=False),
        "edit": gr.update(interactive=True),
    }


def busy_view(label: str) -> View:
    """A reconstruction has begun."""
    return {
        "face_progress": markup.progress(label, 0.0),
        "likeness": "",
        "reconstruct": gr.update(visible=False),
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


def no_result_view() -> View:
    """The result side as it is before any edit."""
    return {
        "original": None,
        "edited": None,
        "overlay": None,
        "result_line": markup.note(text.RESULT_HINT),
        "edit_progress": "",
        "strength": gr.update(interactive=False),
        "threshold": gr.update(interactive=False),
        "render": gr.update(visible=False),
        "masks_group": gr.update(visible=False),
        "masks": None,
        "pasted_group": gr.update(visible=False),
        "pasted": None,
        "download_edited": gr.update(value=None, interactive=False),
        "download_pasted": gr.update(value=None, interactive=False, visible=True),
    }


def result_view(session: Session) -> View:
    """A full-size edit."""
    result, inversion, folder = session.result, session.inversion, session.folder
    assert result is not None and inversion is not None and folder is not None
    original = inversion.reconstruction if session.aligned is None else session.aligned.image
    settings = result.settings
    line = text.result_line(
        settings.prompt, settings.strength, settings.mask_threshold, result.identity, result.seconds
    )
    overlay = visuals.overlay(inversion.reconstruction, result.combined_mask)
    return {
        "session": session,
        "original": images.screen_file(images.shown(original), folder, "original"),
        "edited": images.screen_file(images.shown(result.image), folder, "edited"),
        "overlay": images.screen_file(overlay, folder, "overlay"),
        "result_line": markup.note(line, "strong"),
        "strength": gr.update(interactive=True),
        "threshold": gr.update(interactive=True),
        "render": gr.update(visible=False),
        "masks_group": gr.update(visible=True),
        "masks": images.mask_gallery(result),
        "download_edited": gr.update(interactive=True),
        "download_pasted": gr.update(interactive=True),
    }


def files_view(session: Session) -> View:
    """The downloads, and the edit back in its photo."""
    result, folder = session.result, session.folder
    assert result is not None and folder is not None
    edited = images.download_file(images.shown(result.image), folder, f"{session.name}_edited")
    view: View = {"download_edited": gr.update(value=edited, interactive=True)}
    if session.aligned is None:
        return {**view, "download_pasted": gr.update(visible=False), "pasted_group": gr.update(visible=False)}
    pasted = pipeline.paste(session.aligned, result)
    photo = images.download_file(pasted, folder, f"{session.name}_photo_edited")
    return {
        **view,
        "download_pasted": gr.update(value=photo, interactive=True, visible=True),
        "pasted_group": gr.update(visible=True),
        "pasted": images.screen_file(images.fitted(pasted), folder, "pasted"),
    }


def faces_update(session: Session, chosen: int) -> Any:
    """Thumbnails of all faces; hidden when there is nothing to choose."""
    if len(session.faces) < 2 or session.photo is None:
        return gr.update(value=None, visible=False)
    pictures = [visuals.thumbnail(session.photo, face.box) for face in session.faces]
    return gr.update(value=pictures, visible=True, selected_index=chosen)
