"""What the page shows in each state: from a `Session` to new values of components.

A view is a dictionary from a component's name to its new value or Gradio update. Pictures travel as data URLs:
nothing of them is written to a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from torch import Tensor

from mcaclip import validate
from mcaclip.config import ASSETS
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.types import EditResult, EditSettings, MovingEdit, Progress
from mcaclip.ui.display import images, markup, painting, text
from mcaclip.ui.display import prompt_gallery as library
from mcaclip.ui.state.controls import AUTOMATIC
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.loading import LoadStatus
from mcaclip.ui.state.session import Session

View = dict[str, Any]

TOOLS = ("threshold", "feather", "keep_likeness", "invert")
SLIDERS = (*TOOLS, *(f"strength_{index}" for index in range(validate.MAX_PROMPTS)))
"""What a visitor may be moving; see `without_sliders`."""
OF_EDITS = ("make_strip", "make_variations", "paint", "use_paint", "drop_paint", "save")
"""Buttons that need an edit."""
DOWNLOADS = ("download_edited", "download_pasted", "download_settings", "download_session")
EXAMPLE = ASSETS / "example"
PHOTO_SIDE = 1400
"""Longest side of a photo on which a face is chosen."""


def load_status(state: LoadStatus) -> str:
    """Whether the models can be used, for the top of the page."""
    if state.error is not None:
        return f'<p class="status status-error" role="alert">{escape(state.error)}</p>'
    if state.ready:
        return f'<p class="status status-ready">{text.READY}</p>'
    return f'<div class="status">{markup.progress(state.stage, state.fraction)}</div>'


def example_picture() -> dict[str, Any]:
    """What the stage shows before any face: an edit that is finished."""
    before, _ = example_files()
    return {"before": library.file_url(before), "example": True}


def example_edit() -> dict[str, Any]:
    """The edit of `example_picture`."""
    return {"after": library.file_url(example_files()[1])}


def example_files() -> tuple[Path, Path]:
    """Before and after; made by `python -m train thumbnails`."""
    return EXAMPLE / "before.jpg", EXAMPLE / "after.jpg"


# -- the face -------------------------------------------------------------------------------------------------


def face_view(session: Session) -> View:
    """The face of a session as it is unedited: one that can be edited, or one that is being looked at."""
    ready, several = session.inversion is not None, len(session.faces) > 1
    return {
        **original_view(session),
        "stage_view": {"before": full_picture(session)},
        "previews": None,
        "face": session.number if ready else None,
        "likeness": likeness_line(session),
        "consent": gr.update(visible=False),
        "other_faces": gr.update(visible=several),
        "best": gr.update(visible=session.aligned is not None and ready and session.learning is None),
        **{name: gr.update(value=value, interactive=ready) for name, value in _tools(EditSettings("")).items()},
    }


def original_view(session: Session) -> View:
    """No edit on the stage."""
    closed = gr.update(interactive=False)
    return {
        "session": session,
        "edit": None,
        "layers": [],
        "strokes_shown": "",
        "choices": [],
        "result_line": markup.note(text.RESULT_HINT if session.inversion is not None else ""),
        **idle_edit(),
        **dict.fromkeys(OF_EDITS, closed),
        **_steps(session),
        **chips_view(None),
        **files_closed(),
        "film": film(session),
    }


def choice_view(session: Session) -> View:
    """A photo with several faces, one of which has to be clicked."""
    assert session.photo is not None
    height, width = session.photo.shape[:2]
    boxes = []
    for number, face in enumerate(session.faces, 1):
        left, top, right, bottom = (float(value) for value in face.box)
        boxes.append(
            {
                "x": 100 * left / width,
                "y": 100 * top / height,
                "width": 100 * (right - left) / width,
                "height": 100 * (bottom - top) / height,
                "label": text.FACE_NUMBER.format(number),
            }
        )
    picture = images.url(images.fitted(session.photo, PHOTO_SIDE), 88)
    return {
        **original_view(session),
        "stage_view": {"before": picture, "ratio": width / height, "boxes": boxes, "view": "picture"},
        "result_line": markup.note(text.SEVERAL_FACES.format(len(session.faces)), "strong"),
        "likeness": "",
        "consent": gr.update(visible=False),
        "face": None,
    }


def full_picture(session: Session) -> str | None:
    """The face before any edit, as a data URL."""
    original = original_of(session)
    return None if original is None else images.url(images.shown(original))


def original_of(session: Session) -> Tensor | None:
    """The face before any edit."""
    if session.aligned is not None:
        return session.aligned.image
    return None if session.inversion is None else session.inversion.reconstruction


def likeness_line(session: Session) -> str:
    """How well the studio knows the face."""
    if session.inversion is None:
        return ""
    return markup.note(text.likeness(session.inversion.likeness)) + "".join(map(markup.note, session.inversion.notes))


def thumbnail(session: Session) -> str:
    """The unedited face, small."""
    original = original_of(session)
    return "" if original is None else images.small_url(original)


def learning_view(step: Progress, label: str = text.LEARNING) -> View:
    """One step of the better inversion that is looked for in the background."""
    bar = markup.progress(label, step.fraction)
    view: View = {"learning_bar": bar, "stop": gr.update(visible=True), "best": gr.update(visible=False)}
    if step.image is not None:
        view["learning"] = {"frame": images.small_url(step.image, 256)}
    return view


def learned_view() -> View:
    """Nothing is looked for in the background any more."""
    return {**abandoned_view(), "best": gr.update(visible=True)}


def abandoned_view() -> View:
    """The face for which something was looked for in the background leaves the stage."""
    return {"learning": None, "learning_bar": "", "stop": gr.update(visible=False)}


# -- the edit -------------------------------------------------------------------------------------------------


def edit_bar(step: Progress) -> View:
    """One step of an edit."""
    return {"progress": markup.progress(step.stage.capitalize(), step.fraction)}


def busy_edit(label: str) -> View:
    """An edit has begun, and may be cancelled."""
    return {"cancel": gr.update(visible=True), "progress": markup.progress(label, 0.0)}


def idle_edit() -> View:
    """No edit runs."""
    return {"cancel": gr.update(visible=False), "progress": ""}


def result_view(session: Session) -> View:
    """A full-size edit with everything about it."""
    result = session.result
    assert result is not None
    settings = result.settings
    return {
        "session": session,
        **idle_edit(),
        "edit": edit_value(result),
        "layers": images.layers(result),
        "strokes_shown": "" if session.paint is None else painting.strokes_of(session.paint),
        "choices": [],
        "result_line": markup.note(text.result_line(result), "strong") + markup.note(" ".join(result.notes)),
        **dict.fromkeys(OF_EDITS, gr.update(interactive=True)),
        **_steps(session),
        **chips_view(settings),
        **{name: gr.update(value=value, interactive=True) for name, value in _tools(settings).items()},
        "mode": settings.mode or AUTOMATIC,
        "film": film(session),
        **files_closed(),
    }


def without_sliders(view: View) -> View:
    """A view that leaves the sliders as they are."""
    return {name: value for name, value in view.items() if name not in SLIDERS}


def edit_value(result: EditResult | MovingEdit, moving: bool = False) -> dict[str, Any]:
    """The picture of an edit and where it changed."""
    mask = images.mask_url(result.combined_mask)
    return {"after": images.url(images.shown(result.image)), "mask": mask, "moving": moving}


def live_view(moving: MovingEdit) -> View:
    """An edit while a slider moves: nothing that is kept may come from it."""
    return {"edit": edit_value(moving, True), "result_line": markup.note(text.LIVE_BADGE, "badge"), **files_closed()}


def compared_view(left: str, right: str, names: tuple[str, str]) -> View:
    """Two pictures of the film on either side of the line."""
    return {
        "edit": {"left": left, "after": right, "view": "split"},
        "result_line": markup.note(text.COMPARED.format(*names), "badge"),
    }


def chips_view(settings: EditSettings | None) -> View:
    """A row for every change of an edit: its words and its strength."""
    parts = () if settings is None else settings.parts
    view: View = {"parts": [{"prompt": part.prompt, "strength": part.strength} for part in parts]}
    for index in range(validate.MAX_PROMPTS):
        part = parts[index] if index < len(parts) else None
        view[f"row_{index}"] = gr.update(visible=part is not None)
        if part is not None:
            view[f"strength_{index}"] = gr.update(value=part.strength, label=f"{part.prompt}")
    return view


def words_of(settings: EditSettings) -> str:
    """The prompt line of an edit."""
    return in_one_line([part.prompt for part in settings.parts])


def in_one_line(prompts: Sequence[str]) -> str:
    """Several prompts as one; "and" would let "no beard" take away the glasses of "glasses" as well."""
    return ", ".join(prompts)


def strengths_of(settings: EditSettings | None) -> str:
    """The strengths of an edit's changes; empty for the original."""
    return "" if settings is None else " · ".join(f"{part.strength:.2f}" for part in settings.parts)


def tools_of(settings: EditSettings) -> str:
    """What tells an edit from others of the same words and strengths; empty for the usual one."""
    chosen = [] if settings.mode is None else [text.MODE_NAMES[settings.mode]]
    return ", ".join([*text.made_with(settings), *chosen])


def title_of(settings: EditSettings | None) -> str:
    """An edit in words, strengths and tools; None is the original."""
    if settings is None:
        return text.ORIGINAL_NAME
    return " ".join(filter(None, [words_of(settings), strengths_of(settings), tools_of(settings)]))


def _tools(settings: EditSettings) -> dict[str, Any]:
    return {
        "threshold": settings.mask_threshold,
        "feather": settings.mask_feather,
        "keep_likeness": settings.likeness,
        "invert": settings.mask_invert,
    }


def _steps(session: Session) -> View:
    return {
        "undo": gr.update(interactive=session.at >= 0),
        "redo": gr.update(interactive=session.at < len(session.history) - 1),
    }


def film(session: Session) -> list[dict[str, Any]]:
    """The original and the edits of every face, in the order in which the faces came."""
    frames: list[dict[str, Any]] = []
    for face in sorted((*session.shelf, session), key=lambda one: one.number):
        here = face is session
        if face.inversion is not None:
            frames.append(_frame(face, -1, here))
            frames += [_frame(face, at, here) for at in range(len(face.history))]
    return frames


def _frame(face: Session, at: int, here: bool) -> dict[str, Any]:
    settings = face.history[at].settings if at >= 0 else None
    return {
        "face": face.number,
        "at": at,
        "url": face.history[at].thumbnail if at >= 0 else face.thumbnail,
        "name": text.ORIGINAL_NAME if settings is None else words_of(settings),
        "strength": strengths_of(settings),
        "tools": "" if settings is None else tools_of(settings),
        "title": title_of(settings),
        "shown": here and at == face.at,
        "first": at < 0,
    }


# -- saving, prompts ------------------------------------------------------------------------------------------


def files_closed() -> View:
    """No files are there for what the stage shows."""
    closed = gr.update(value=None, interactive=False)
    return {**dict.fromkeys(DOWNLOADS, closed), "animation_file": None, "saving": ""}


def files_view(files: dict[str, Path]) -> View:
    """The downloads that there are."""
    there = {name: gr.update(value=str(path), interactive=True) for name, path in files.items()}
    return {**there, "download_pasted": there.get("download_pasted", gr.update(interactive=False)), "saving": ""}


def library_view(entries: Sequence[LibraryPrompt], can_choose_mode: bool = False) -> View:
    """The prompts to choose from.

    Args:
        entries: of the library.
        can_choose_mode: there is a universal network and a fitted one.
    """
    return {"cards": {"cards": library.cards(entries)}, "mode": gr.update(visible=can_choose_mode)}


def editor_view(editor: EditorProtocol) -> View:
    """What can be edited with an editor."""
    return library_view(editor.offered(), editor.has_universal and bool(editor.prompts()))


def whole_view(session: Session) -> View:
    """Everything that a page shows that has just been loaded."""
    if session.inversion is None and session.aligned is None:
        picture = choice_view(session) if session.faces and session.photo is not None else {"session": session}
        return {**picture, "film": film(session), "consent": gr.update(visible=session.waiting is not None)}
    view = face_view(session)
    if session.result is not None:
        view |= {**result_view(session), "prompt": words_of(session.result.settings)}
    return {**view, "consent": gr.update(visible=session.waiting is not None)}
