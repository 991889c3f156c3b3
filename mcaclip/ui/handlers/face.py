"""From a photo, a seed or a session file to a face that can be edited."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import gradio as gr

from mcaclip import validate
from mcaclip.errors import NoFaceError, StudioError
from mcaclip.imaging import align
from mcaclip.results import session_file
from mcaclip.results.session_file import SavedSession
from mcaclip.types import AlignedFace, Inversion, ProgressCallback
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.base import HandlerBase, Views
from mcaclip.ui.state.background import CancelledError, steps
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.rest import cropped
from mcaclip.ui.state.session import CancelToken, Entry, Session

MAX_SEED = 2**32 - 1
NEW_SEEDS = 1_000_000
"""New seeds are below this: six digits are easy to write down."""
MIN_TRUNCATION, MAX_TRUNCATION = 0.3, 1.0
DEFAULT_TRUNCATION = 0.7


class FaceHandlers(HandlerBase):
    """Steps 1 and 2 of the page."""

    # -- 1 photo ------------------------------------------------------------------------------------------

    def photo_changed(self, path: str | None, aligned: bool, agreed: bool, session: Session) -> Views:
        """A photo was given, removed, or declared to be already aligned; without consent it is not opened."""
        session = session.restarted()
        if path is None:
            yield views.empty_view(session)
            return
        if not agreed:
            yield {**views.empty_view(session), "face_progress": markup.note(text.CONSENT_NEEDED, "badge")}
            return
        self.limits.compute(session.client)
        yield {**views.empty_view(session), "face_progress": markup.progress(text.ALIGNING, 0.0)}
        try:
            photo = align.load_photo(path)
            session = replace(session, name=images.file_stem(path), photo=photo, photo_file=Path(path))
            if aligned:
                session = replace(session, aligned=align.already_aligned(photo))
            else:
                editor = yield from self.await_editor("face_progress")
                session = replace(session, faces=tuple(editor.find_faces(photo)))
                if not session.faces:
                    raise NoFaceError(text.NO_FACE)
                session = replace(session, aligned=editor.align(photo, 0))
        except Exception:
            yield views.empty_view(session.restarted())
            raise
        if len(session.faces) > 1:
            gr.Info(text.SEVERAL_FACES.format(len(session.faces)))
        yield {**views.face_view(session), "faces": views.faces_update(session, 0)}

    def consent_changed(self, path: str | None, aligned: bool, agreed: bool, session: Session) -> Views:
        """Consent opens the photo that waited for it; without consent, its face is removed from the page."""
        if path is None:
            yield {}
            return
        yield from self.photo_changed(path, aligned, agreed, session)

    def face_chosen(self, index: int, session: Session) -> Views:
        """Another face of the same photo."""
        if session.photo is None:
            raise StudioError(text.NEEDS_FACE)
        self.limits.compute(session.client)
        editor = yield from self.await_editor("face_progress")
        aligned = editor.align(session.photo, index)
        session = replace(session.without_edits(), aligned=aligned, inversion=None)
        yield views.face_view(session)

    def new_face(self, truncation: object, session: Session) -> Views:
        """A generated face with a new seed."""
        yield from self.random_face(secrets.randbelow(NEW_SEEDS), truncation, session)

    def random_face(self, seed: object, truncation: object, session: Session) -> Views:
        """The generated face of a seed."""
        number = checked_seed(seed)
        psi = checked_truncation(truncation)
        session = session.restarted()
        self.limits.compute(session.client)
        generating = markup.progress(text.GENERATING, 0.0)
        yield {**views.empty_view(session), "seed": number, "face_progress": generating}
        try:
            editor = yield from self.await_editor("face_progress")
            session = replace(session, name=f"seed_{number}", inversion=editor.sample(number, psi))
        except Exception:
            yield views.empty_view(session)
            raise
        yield {**views.empty_view(session), **views.face_view(session)}

    # -- 2 reconstruct ------------------------------------------------------------------------------------

    def reconstruct(self, effort: object, session: Session) -> Views:
        """Finds the face's latent code, showing frames as it goes."""
        aligned, chosen = _photo_face(session), validate.check_effort(effort)
        yield from self._inverted(lambda editor, callback: editor.invert(aligned, chosen, callback), session)

    def refine(self, session: Session) -> Views:
        """Improves the reconstruction further."""
        aligned, inversion = _photo_face(session), session.inversion
        if inversion is None:
            raise StudioError(text.NEEDS_RECONSTRUCTION)
        yield from self._inverted(lambda editor, callback: editor.refine(aligned, inversion, callback), session)

    def _inverted(self, work: Callable[[EditorProtocol, ProgressCallback], Inversion], session: Session) -> Views:
        """Runs an inversion with live frames. However it ends, the page shows what the session holds."""
        self.limits.compute(session.client)
        session = replace(session, running=CancelToken())
        yield {"session": session, **views.busy_view(text.RECONSTRUCTING)}
        try:
            editor = yield from self.await_editor("face_progress")
            inversion = yield from steps(partial(work, editor), session.running, views.frame_view)
        except CancelledError:
            yield views.face_view(session)
            return
        except Exception:
            yield views.face_view(session)
            raise
        if session.running.stopping:
            gr.Info(text.STOPPED)
        session = replace(session.without_edits(), inversion=inversion)
        yield {**views.no_result_view(), **views.face_view(session)}

    # -- a saved session ----------------------------------------------------------------------------------

    def open_session(self, path: str | None, session: Session) -> Views:
        """Shows the face and edits of a session file; the last edit that was shown is computed again."""
        if path is None:
            return
        session = session.restarted()
        self.limits.compute(session.client)
        yield {**views.empty_view(session), "face_progress": markup.progress(text.OPENING, 0.0)}
        try:
            saved = session_file.read_session(Path(path))
            editor = yield from self.await_editor("face_progress")
            aligned = saved_face(saved)
            inversion = saved_inversion(editor, saved, aligned)
            session = session.with_folder(self.root)
            file = _kept_photo(saved, session.folder)
        except Exception:
            yield views.empty_view(session)
            raise
        session = replace(
            session,
            name=saved.name,
            photo=saved.pixels,
            photo_file=file,
            aligned=aligned,
            inversion=inversion,
            history=tuple(Entry(number + 1, settings) for number, settings in enumerate(saved.edits)),
        )
        if saved.weights and saved.weights != editor.weight_hashes():
            gr.Warning(text.OTHER_WEIGHTS)
        yield {**views.empty_view(session), **views.face_view(session)}
        if saved.current >= 0:
            yield from self.go_to(saved.current, session)

    def go_to(self, at: int, session: Session) -> Views:
        """Shows another edit of the history; implemented where edits are."""
        raise NotImplementedError


def _photo_face(session: Session) -> AlignedFace:
    if session.aligned is None:
        raise StudioError(text.GENERATED if session.inversion is not None else text.NEEDS_FACE)
    return session.aligned


def _kept_photo(saved: SavedSession, folder: Path | None) -> Path | None:
    """The photo of a session file as a file in the tab's folder; None for a generated face."""
    if saved.photo is None or folder is None:
        return None
    path = folder / "photo"
    path.write_bytes(saved.photo)
    return path


def saved_face(saved: SavedSession) -> AlignedFace | None:
    """The photo's face as it was cropped; None for a generated face. Raises ImageError."""
    return None if saved.pixels is None else cropped(saved.pixels, saved.quad)


def saved_inversion(editor: EditorProtocol, saved: SavedSession, aligned: AlignedFace | None) -> Inversion:
    """The face of a session file, its picture rendered again; `aligned` is its `saved_face`. Raises StudioError."""
    photo = None if aligned is None else aligned.image
    return editor.reconstruct(saved.w_plus, saved.identity, saved.residual, photo)


def saved_session(session: Session, weights: dict[str, str]) -> SavedSession:
    """The session as a file keeps it; of a photo without a file, a PNG file is made. Raises ImageError."""
    assert session.inversion is not None
    aligned, photo = session.aligned, None
    if aligned is not None:
        file = session.photo_file
        there = file is not None and file.is_file()
        photo = session_file.photo_bytes(aligned.photo, file.read_bytes() if file is not None and there else None)
    return SavedSession(
        name=session.name,
        w_plus=session.inversion.w_plus,
        identity=session.inversion.identity,
        photo=photo,
        quad=None if aligned is None else aligned.quad,
        edits=tuple(entry.settings for entry in session.history),
        current=session.at,
        weights=weights,
        residual=session.inversion.residual,
    )


def checked_seed(seed: object) -> int:
    """The seed as a whole number. Raises StudioError."""
    usable = isinstance(seed, (int, float)) and not isinstance(seed, bool) and 0 <= seed <= MAX_SEED
    if not usable or seed != int(seed):  # type: ignore[call-overload]
        raise StudioError(text.BAD_SEED)
    return int(seed)  # type: ignore[call-overload]


def checked_truncation(truncation: object) -> float:
    """The truncation itself. Raises StudioError outside its range."""
    return validate.check_number(truncation, "variety", MIN_TRUNCATION, MAX_TRUNCATION)
