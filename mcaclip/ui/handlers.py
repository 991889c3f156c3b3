"""What happens on every event, without any layout.

A handler takes plain values and the tab's `Session` and yields *views*: dictionaries from a component's
name to its new value or update. `mcaclip.ui.blocks` connects names and components.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import gradio as gr

from mcaclip import align, validate, visuals
from mcaclip.errors import NoFaceError, StudioError
from mcaclip.types import EditSettings, Progress, ProgressCallback
from mcaclip.ui import images, markup, text, views
from mcaclip.ui.background import CancelledError, steps
from mcaclip.ui.loading import EditorSource
from mcaclip.ui.session import CancelToken, Session
from mcaclip.ui.views import View

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

Views = Iterator[View]
Result = TypeVar("Result")

MAX_SEED = 2**32 - 1
NEW_SEEDS = 1_000_000
"""New seeds stay below this: six digits are easy to note down."""
POLL_SECONDS = 0.3


class Studio:
    """The handlers, with the one editor all tabs share and the folder for their files.

    Args:
        source: of the editor.
        root: an existing folder only this process's user can read; every tab gets a folder in it.
    """

    def __init__(self, source: EditorSource, root: Path):
        self.source = source
        self.root = root

    # -- models -------------------------------------------------------------------------------------------

    def status(self) -> View:
        """Polled until the models are there."""
        state = self.source.status
        view: View = {"status": markup.status(state)}
        if state.ready:
            editor = self.source.wait(0)
            assert editor is not None
            view["prompts"] = gr.update(choices=list(editor.prompts()), visible=True)
            view["prompt_help"] = markup.hint(text.prompt_help(editor.prompts()))
            view["timer"] = gr.update(active=False)
        return view

    def _editor(self, bar: str) -> Generator[View, None, FaceEditor]:
        """Waits for the editor, showing in `bar` how far it is. Raises WeightsError."""
        while (editor := self.source.wait(POLL_SECONDS)) is None:
            state = self.source.status
            yield {bar: markup.progress(state.stage, state.fraction)}
        return editor

    # -- 1 photo ------------------------------------------------------------------------------------------

    def photo_changed(self, path: str | None, aligned: bool, session: Session) -> Views:
        """A photo was given, taken away, or declared to be aligned already."""
        session = session.restarted()
        if path is None:
            yield views.empty_view(session)
            return
        yield {**views.empty_view(session), "face_progress": markup.progress(text.ALIGNING, 0.0)}
        try:
            photo = align.load_photo(path)
            session = replace(session, name=images.file_stem(path), photo=photo)
            if aligned:
                session = replace(session, aligned=align.already_aligned(photo))
            else:
                editor = yield from self._editor("face_progress")
                session = replace(session, faces=tuple(editor.find_faces(photo)))
                if not session.faces:
                    raise NoFaceError(text.NO_FACE)
                session = replace(session, aligned=editor.align(photo, 0))
        except Exception:
            yield views.empty_view(session.restarted())
            raise
        if len(session.faces) > 1:
            gr.Info(text.several_faces(len(session.faces)))
        yield {**views.face_view(session), "faces": views.faces_update(session, 0)}

    def face_chosen(self, index: int, session: Session) -> Views:
        """Another face of the same photo."""
        if session.photo is None:
            raise StudioError(text.NEEDS_FACE)
        editor = yield from self._editor("face_progress")
        aligned = editor.align(session.photo, index)
        session = replace(session, aligned=aligned, inversion=None, result=None)
        yield views.face_view(session)

    def new_face(self, session: Session) -> Views:
        """A generated face with a new seed."""
        yield from self.random_face(secrets.randbelow(NEW_SEEDS), session)

    def random_face(self, seed: float | None, session: Session) -> Views:
        """The generated face of a seed."""
        if seed is None or seed != int(seed) or not 0 <= seed <= MAX_SEED:
            raise StudioError(text.BAD_SEED)
        seed = int(seed)
        session = session.restarted()
        generating = markup.progress(text.GENERATING, 0.0)
        yield {**views.empty_view(session), "seed": seed, "face_progress": generating}
        try:
            editor = yield from self._editor("face_progress")
            session = replace(session, name=f"seed_{seed}", inversion=editor.sample(seed))
        except Exception:
            yield views.empty_view(session)
            raise
        yield {**views.empty_view(session), **views.reconstructed_view(session)}

    # -- 2 reconstruct ------------------------------------------------------------------------------------

    def reconstruct(self, effort: str, session: Session) -> Views:
        """Finds the face's latent code, showing frames as it goes."""
        aligned = session.aligned
        if aligned is None:
            raise StudioError(text.GENERATED if session.inversion is not None else text.NEEDS_FACE)
        session = replace(session, running=CancelToken())
        yield {"session": session, **views.busy_view(text.RECONSTRUCTING)}
        try:
            validate.check_effort(effort)
            editor = yield from self._editor("face_progress")
            inversion = yield from self._computed(
                lambda callback: editor.invert(aligned, effort, callback), session.running, views.frame_view
            )
        except CancelledError:
            gr.Info(text.STOPPED)
            yield views.face_view(session) if session.inversion is None else views.reconstructed_view(session)
            return
        except Exception:
            yield views.face_view(session)
            raise
        session = replace(session, inversion=inversion, result=None)
        yield {**views.no_result_view(), **views.reconstructed_view(session)}

    def stop(self, session: Session) -> View:
        """Ends the reconstruction at its next step."""
        session.running.cancel()
        return {}

    # -- 3 prompt, 4 result -------------------------------------------------------------------------------

    def edit(self, prompt: str, strength: float, threshold: float, session: Session) -> Views:
        """Edits the face at full size, then prepares the downloads."""
        if session.inversion is None:
            raise StudioError(text.NEEDS_FACE if session.aligned is None else text.NEEDS_RECONSTRUCTION)
        settings = EditSettings(
            validate.clean_prompt(prompt),
            validate.check_strength(strength),
            validate.check_threshold(threshold),
        )
        yield from self._render(settings, session)

    def rerender(self, strength: float, threshold: float, session: Session) -> Views:
        """The last edit with other slider values, at full size."""
        result = session.result
        if result is None:
            raise StudioError(text.NEEDS_EDIT)
        settings = _moved(result.settings, strength, threshold)
        if settings == result.settings:
            yield views.result_view(session)
            return
        yield from self._render(settings, session)

    def preview(self, strength: float, threshold: float, session: Session) -> View:
        """The last edit with other slider values, small and at once. The session is left as it is.

        A preview may be asked for before a full edit and come after it; when the full edit has these very
        values it is shown instead.
        """
        result, inversion = session.result, session.inversion
        if result is None or inversion is None:
            return {}
        settings = _moved(result.settings, strength, threshold)
        if settings == result.settings:
            return views.result_view(session)
        editor = self.source.wait(0)
        if editor is None:
            return {}
        small = editor.preview(inversion, settings)
        side = small.image.shape[-1]
        source = images.resized(inversion.reconstruction, side)
        return {
            "edited": images.shown(small.image),
            "overlay": visuals.overlay(source, small.combined_mask),
            "result_line": markup.note(text.PREVIEW_BADGE, "badge"),
            "render": gr.update(visible=True),
            "download_edited": gr.update(interactive=False),
            "download_pasted": gr.update(interactive=False),
        }

    def _render(self, settings: EditSettings, session: Session) -> Views:
        """The edit at full size."""
        inversion = session.inversion
        assert inversion is not None
        session = replace(session.with_folder(self.root), running=CancelToken())
        yield {"session": session, "edit_progress": markup.progress(text.EDITING, 0.0)}
        try:
            editor = yield from self._editor("edit_progress")
            wanted = replace(settings, prompt=editor.check_prompt(settings.prompt))
            result = yield from self._computed(
                lambda callback: editor.edit(inversion, wanted, callback), session.running, views.edit_bar
            )
        except CancelledError:
            yield {"edit_progress": ""}
            return
        except Exception:
            yield {"edit_progress": ""}
            raise
        session = replace(session, result=result)
        yield {**views.result_view(session), "edit_progress": markup.progress(text.SAVING, 1.0)}
        yield {**views.files_view(session), "edit_progress": ""}

    def _computed(
        self,
        work: Callable[[ProgressCallback], Result],
        token: CancelToken,
        view: Callable[[Progress], View],
    ) -> Generator[View, None, Result]:
        """Runs `work` in the background, turning its progress into views."""
        running = steps(work, token)
        try:
            while True:
                try:
                    step = next(running)
                except StopIteration as end:
                    return end.value
                yield view(step)
        finally:
            running.close()


def _moved(settings: EditSettings, strength: float, threshold: float) -> EditSettings:
    """The same prompt with checked slider values."""
    return replace(
        settings,
        strength=validate.check_strength(strength),
        mask_threshold=validate.check_threshold(threshold),
    )
