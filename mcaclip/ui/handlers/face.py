"""From a photo, a seed or a session file to a face that can be edited."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import gradio as gr

from mcaclip import validate
from mcaclip.errors import NoFaceError, StudioError
from mcaclip.imaging import align
from mcaclip.imaging.photo import check_photo
from mcaclip.results import session_file
from mcaclip.results.session_file import SavedSession
from mcaclip.types import AlignedFace, Inversion, Progress, ProgressCallback
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.base import HandlerBase, Views
from mcaclip.ui.handlers.views import View
from mcaclip.ui.state.background import CancelledError, steps
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.rest import cropped, shelved
from mcaclip.ui.state.session import CancelToken, HistoryEntry, Session
from mcaclip.ui.state.training_process import TrainingProcess

MAX_SEED = 2**32 - 1
NEW_SEEDS = 1_000_000
"""New seeds are below this: six digits are easy to write down."""
MIN_TRUNCATION, MAX_TRUNCATION = 0.3, 1.0
DEFAULT_TRUNCATION = 0.7
QUIET, PATIENCE = 0.7, 2.0
"""Seconds without a request after which a step in the background is made, and after which it is made all the same."""
RELOAD_SECONDS = 8.0
"""So long a page that was loaded waits for the end of the connection that it had before."""
MAX_TICKETS = 8
"""Of one browser: its tabs."""
MOST_BETTER = 8
"""Inversions that wait to be taken over; each waits for a moment only."""
FIRST_QUIET = 1.2
"""The same before work in the background begins: a visitor who has just got a face is about to edit it."""
Improve = Callable[[EditorProtocol, AlignedFace, Inversion, ProgressCallback], Inversion]


class FaceHandlers(HandlerBase):
    """How a face comes onto the stage. The one before it stays in the film."""

    def __init__(self, source: EditorSource, root: Path, training: TrainingProcess | None = None):
        super().__init__(source, root, training)
        self._better: OrderedDict[str, tuple[int, Inversion]] = OrderedDict()

    # -- a photo ------------------------------------------------------------------------------------------

    def photo_given(self, path: str | None, is_crop: bool, session: Session) -> Views:
        """A photo was dropped, pasted or chosen. Before the person in it agreed, only its header is read."""
        if path is None:
            yield {}
        elif session.consented:
            yield from self._photo(Path(path), is_crop, session)
        else:
            try:
                check_photo(Path(path))
            except StudioError:
                self.tabs.files.dropped(path, session.key)
                raise
            session = replace(session, waiting=(Path(path), is_crop))
            yield {"session": session, "consent": gr.update(visible=True)}

    def agreed(self, session: Session) -> Views:
        """The visitor says, once, that the people in their photos agreed; the photo that waited is opened."""
        waiting, session = session.waiting, replace(session, consented=True, waiting=None)
        looking = {} if waiting is None else {"progress": markup.progress(text.ALIGNING, 0.0)}
        yield {"session": session, "consent": gr.update(visible=False), **looking}
        if waiting is not None:
            yield from self._photo(*waiting, session)

    def declined(self, session: Session) -> Views:
        """The photo that waits is removed."""
        if session.waiting is not None:
            self.tabs.files.dropped(str(session.waiting[0]), session.key)
        yield {"session": replace(session, waiting=None), "consent": gr.update(visible=False)}

    def _photo(self, path: Path, is_crop: bool, session: Session) -> Views:
        """Opens a photo. If that fails, the stage stays as it is."""
        self.limits.compute(session.client)
        self.abandon(session)
        yield {**views.abandoned_view(), "progress": markup.progress(text.ALIGNING, 0.0)}
        try:
            photo = align.load_photo(path)
            face = replace(shelved(session), name=images.file_stem(str(path)), photo=photo, photo_file=path)
            if is_crop:
                aligned = align.already_aligned(photo)
            else:
                editor = yield from self.await_editor("progress")
                face = replace(face, faces=tuple(editor.find_faces(photo)))
                if not face.faces:
                    raise NoFaceError(text.NO_FACE)
                if len(face.faces) > 1:
                    yield views.choice_view(face)
                    return
                aligned = editor.align(photo, face.faces[0])
        except Exception:
            yield {"progress": ""}
            raise
        yield from self._arrived(replace(face, aligned=aligned))

    def face_chosen(self, index: int, session: Session) -> Views:
        """One of the faces of a photo."""
        if session.photo is None or index >= len(session.faces):
            raise StudioError(text.NEEDS_FACE)
        self.limits.compute(session.client)
        self.abandon(session)
        editor = yield from self.await_editor("progress")
        face = replace(shelved(session), name=session.name, photo=session.photo, photo_file=session.photo_file)
        aligned = editor.align(session.photo, session.faces[index])
        yield from self._arrived(replace(face, faces=session.faces, aligned=aligned))

    def other_faces(self, session: Session) -> Views:
        """The photo again, to choose another of its faces."""
        yield views.choice_view(session) if len(session.faces) > 1 else {}

    def _arrived(self, session: Session) -> Views:
        """A photo's face, large at once; a moment later it can be edited."""
        assert session.aligned is not None
        aligned, session = session.aligned, replace(session, running=CancelToken())
        yield {**views.face_view(session), "progress": markup.progress(text.RECONSTRUCTING, 0.0)}
        try:
            editor = yield from self.await_editor("progress")
            work = partial(editor.invert, aligned, "instant")
            inversion = yield from steps(work, session.running, views.edit_bar)
        except CancelledError:
            yield {"progress": ""}
            return
        except Exception:
            yield {"progress": ""}
            raise
        session = replace(session, inversion=inversion, learning=CancelToken())
        yield self._ready(session)

    def _ready(self, session: Session) -> View:
        """A face that can be edited now."""
        return views.face_view(replace(session, thumbnail=views.thumbnail(session)))

    # -- a better inversion, in the background --------------------------------------------------------------

    def improve(self, session: Session) -> Views:
        """Looks for a better inversion of a photo's face while the visitor goes on; see `take_better`."""
        yield from self._improved(lambda editor, face, _, show: editor.invert(face, "good", show), session)

    def improve_more(self, session: Session) -> Views:
        """Goes on from the inversion that there is."""
        learning = CancelToken()
        yield {"session": replace(session, learning=learning)}
        yield from self._improved(
            lambda editor, face, known, show: editor.refine(face, known, show), replace(session, learning=learning)
        )

    def _improved(self, work: Improve, session: Session) -> Views:
        token, aligned, known = session.learning, session.aligned, session.inversion
        if token is None or aligned is None or known is None:
            yield {}
            return
        show = partial(views.learning_view, label=text.LEARNING_AGAIN if token.begun else text.LEARNING)
        token.begun = True
        yield show(Progress(text.LEARNING, 0.0, known.reconstruction))
        try:
            editor = yield from self.await_editor("learning_bar")

            def patient(report: ProgressCallback) -> Inversion:
                def step(news: Progress) -> None:
                    report(news)
                    self.turn.wait(QUIET, PATIENCE)

                self.turn.wait(FIRST_QUIET, PATIENCE)
                return work(editor, aligned, known, step)

            found = yield from steps(patient, token, show)
        except CancelledError:
            yield views.abandoned_view()
            return
        except Exception:
            yield views.learned_view()
            raise
        self._better[session.key] = (session.number, found)
        while len(self._better) > MOST_BETTER:
            self._better.popitem(last=False)
        yield {}

    def take_better(self, session: Session) -> Views:
        """Goes on with the inversion that was found in the background; an edit that is shown is made again."""
        number, found = self._better.pop(session.key, (-1, None))
        if found is None or number != session.number or session.inversion is None:
            yield {}
            return
        if session.learning is not None and session.learning.stopping:
            gr.Info(text.STOPPED)
        session = replace(session, inversion=found, learning=None)
        yield {"session": session, **views.learned_view(), "likeness": views.likeness_line(session)}
        if session.result is not None:
            yield from self.made_again(session)

    def made_again(self, session: Session) -> Views:
        """The edit that is shown, on a better inversion; implemented where edits are."""
        raise NotImplementedError

    # -- faces that do not exist ----------------------------------------------------------------------------

    def new_face(self, truncation: object, session: Session) -> Views:
        """A generated face with a new seed."""
        yield from self.random_face(secrets.randbelow(NEW_SEEDS), truncation, session)

    def random_face(self, seed: object, truncation: object, session: Session) -> Views:
        """The generated face of a seed."""
        number, psi = checked_seed(seed), checked_truncation(truncation)
        self.limits.compute(session.client)
        self.abandon(session)
        yield {"seed": number, **views.abandoned_view(), "progress": markup.progress(text.GENERATING, 0.0)}
        try:
            editor = yield from self.await_editor("progress")
            face = replace(shelved(session), name=f"seed_{number}", inversion=editor.sample(number, psi))
        except Exception:
            yield {"progress": ""}
            raise
        yield self._ready(face)

    # -- a saved session, a reload --------------------------------------------------------------------------

    def open_session(self, path: str | None, session: Session) -> Views:
        """Shows the face and edits of a session file; the last edit that was shown is computed again."""
        if path is None:
            yield {}
            return
        self.limits.compute(session.client)
        self.abandon(session)
        yield {**views.abandoned_view(), "progress": markup.progress(text.OPENING, 0.0)}
        try:
            saved = session_file.read_session(Path(path))
            editor = yield from self.await_editor("progress")
            face = self._saved(saved, editor, session)
        except Exception:
            yield {"progress": ""}
            raise
        if saved.weights and saved.weights != editor.weight_hashes():
            gr.Warning(text.OTHER_WEIGHTS)
        view = self._ready(face)
        yield view
        if saved.current >= 0:
            yield from self.go_to(saved.current, view["session"])

    def _saved(self, saved: SavedSession, editor: EditorProtocol, session: Session) -> Session:
        aligned = saved_face(saved)
        inversion = saved_inversion(editor, saved, aligned)
        face = shelved(session).with_folder(self.root)
        return replace(
            face,
            name=saved.name,
            photo=saved.pixels,
            photo_file=_kept_photo(saved, face),
            aligned=aligned,
            inversion=inversion,
            history=tuple(HistoryEntry(number + 1, settings) for number, settings in enumerate(saved.edits)),
        )

    def arrive(self, tickets: object, own: object, session: Session) -> View:
        """A page was loaded: it takes over what its tab had before a reload, or what a closed tab had.

        Args:
            tickets: what the browser holds, the newest first.
            own: the one of this tab of the browser; None in a new tab.
            session: of the tab's new connection.
        """
        held = [one for one in tickets if isinstance(one, str)] if isinstance(tickets, list) else []
        reloaded = isinstance(own, str) and own != ""
        asked = [str(own)] if reloaded else held[:MAX_TICKETS]
        end = time.monotonic() + (RELOAD_SECONDS if reloaded else 0.0)
        while self.tabs.reclaim(session.key, asked) is None and time.monotonic() < end:
            time.sleep(0.05)  # the connection before the reload is not over yet
        return {"tickets": [self.tabs.ticket(session.key), *held][:MAX_TICKETS]}

    def resume(self, session: Session) -> Views:
        """After a reload: what the tab had, and what it was about to do."""
        if session.empty:
            yield {}
            return
        yield views.whole_view(session)
        if session.aligned is not None and session.inversion is None:
            yield from self._arrived(session)
        elif session.wanted is not None:
            yield from self.made_again(session)

    def go_to(self, at: int, session: Session) -> Views:
        """Shows another edit of the history; implemented where edits are."""
        raise NotImplementedError


def _kept_photo(saved: SavedSession, session: Session) -> Path | None:
    """The photo of a session file as a file in the tab's folder; None for a generated face."""
    if saved.photo is None or session.folder is None:
        return None
    path = session.folder / f"photo_{session.number}"
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
