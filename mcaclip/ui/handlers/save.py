"""What a visitor takes away: pictures, settings, the session, the film."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mcaclip import __version__
from mcaclip.errors import StudioError
from mcaclip.imaging import align
from mcaclip.results import export
from mcaclip.results.folder import describe_settings
from mcaclip.results.session_file import write_session
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.base import Views
from mcaclip.ui.handlers.edit import EditHandlers, shown_edit
from mcaclip.ui.handlers.face import saved_session
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.session import Session

GROWING = tuple(step / 12 * 1.5 for step in range(13))
"""Strengths of the film of a growing edit, as factors on the prompts' own."""
FILM_SIDE = 512


class Studio(EditHandlers):
    """All handlers of the page."""

    def files(self, marked: bool, session: Session) -> Views:
        """Prepares the downloads of the edit that is shown, with or without the visible mark."""
        if session.result is None:
            raise StudioError(text.NEEDS_EDIT)
        session = replace(session.with_folder(self.root), marked=bool(marked))
        yield {"session": session, **views.files_closed(), "saving": markup.progress(text.SAVING, 0.0)}
        editor = yield from self.await_editor("saving")
        yield views.files_view(write_files(session, editor))

    def animation(self, kind: object, form: object, session: Session) -> Views:
        """A film of all edits of the face, or of the edit that is shown as its strength grows."""
        result, inversion = shown_edit(session)
        if form not in text.FORMATS:
            raise StudioError(text.BAD_REQUEST)
        session = session.with_folder(self.root)
        yield {"saving": markup.progress(text.SAVING, 0.0)}
        if kind == "strength":
            try:
                small = yield from self._previews(
                    text.STRIP_PROGRESS, session, lambda e, show: e.strip(inversion, result.settings, GROWING, show)
                )
            except Exception:
                yield {"saving": ""}
                raise
            frames, seconds = [images.shown(one.image) for one in small], 0.15
        else:
            frames, seconds = film_frames(session), 1.0
        assert session.folder is not None
        path = session.folder / f"{session.name}_film.{str(form).lower()}"
        write = {"GIF": export.write_gif, "MP4": export.write_mp4}[str(form)]
        write(path, [export.mark(frame) for frame in frames], seconds)
        yield {"saving": "", "animation_file": str(path)}


def write_files(session: Session, editor: EditorProtocol) -> dict[str, Path]:
    """Writes everything that can be downloaded of the edit that is shown; component to file."""
    result, folder, stem = session.result, session.folder, session.name
    assert result is not None and folder is not None
    hashes = editor.weight_hashes()
    record = {
        "note": export.MARK,
        "face": stem,
        **describe_settings(result.settings),
        "modes": list(result.modes),
        "stack": editor.stack,
        "version": __version__,
        "weights": hashes,
    }
    pictures = {"download_edited": (f"{stem}_edited.png", images.shown(result.image))}
    if session.aligned is not None:
        pasted = align.paste_back(session.aligned, result.image)
        pictures["download_pasted"] = (f"{stem}_photo_edited.png", pasted)
    files = {}
    for name, (file, picture) in pictures.items():
        files[name] = folder / file
        export.write_png(files[name], export.mark(picture) if session.marked else picture, record)
    files["download_settings"] = folder / f"{stem}_edited.json"
    files["download_settings"].write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    files["download_session"] = folder / f"{stem}.mcaclip.safetensors"
    write_session(files["download_session"], saved_session(session, hashes))
    return files


def film_frames(session: Session) -> list[np.ndarray]:
    """The original and all edits of the face on the stage, `uint8 [S, S, 3]` each; edits never shown are left out."""
    original = views.original_of(session)
    paths: Sequence[str] = [entry.picture for entry in session.history if entry.picture]
    edits = (images.opened(Path(path), FILM_SIDE) for path in paths)
    first = [] if original is None else [images.shown(original, FILM_SIDE)]
    return [*first, *(frame for frame in edits if frame is not None)]
