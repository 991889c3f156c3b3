"""From a face and controls to edits: render, live, history, strengths, variations, painting, downloads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import gradio as gr

from mcaclip.editing.reader import Reading
from mcaclip.errors import PromptError, StudioError
from mcaclip.results import export as keep
from mcaclip.results.session_file import write_session
from mcaclip.types import EditResult, EditSettings, Inversion, ProgressCallback
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display import inspect as inspect_view
from mcaclip.ui.display import prompt_gallery as library
from mcaclip.ui.display.painting import paint_of
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.base import Views
from mcaclip.ui.handlers.face import FaceHandlers, saved_session
from mcaclip.ui.handlers.views import View
from mcaclip.ui.state.background import CancelledError, steps
from mcaclip.ui.state.controls import Controls, suggestions
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.session import CancelToken, Entry, Session
from mcaclip.ui.state.training_process import read_metrics
from mcaclip.validate import FITTED, MAX_STRENGTH

STRIP = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Strengths that are shown side by side, as factors on the prompts' own."""
SWEEP = tuple(step / 12 * 1.5 for step in range(13))
"""Strengths of the animation."""
VARIATIONS = (0, 1, 2, 3, 4)
"""Variations that are shown side by side; 0 is the edit as learned."""
Result = TypeVar("Result")
Work = Callable[[EditorProtocol, ProgressCallback], Result]


class Studio(FaceHandlers):
    """All handlers of the page's first tab: steps 1 and 2 of `FaceHandlers`, and the steps 3 and 4."""

    # -- 3 prompt -----------------------------------------------------------------------------------------

    def category_chosen(self, label: str | None, prompt: str | None) -> View:
        """The prompts of one category."""
        editor = self.ready_editor()
        if editor is None:
            return {}
        offered = library.within(editor.offered(), label)
        return {"prompts": gr.update(choices=offered, value=prompt if prompt in offered else None)}

    def prompt_picked(self, prompt: str, *prompts: str) -> View:
        """A prompt of the library goes into the first empty field, or replaces a single one, at its best strength."""
        filled = [bool((one or "").strip()) for one in prompts]
        target = 0 if sum(filled) < 2 or all(filled) else filled.index(False)
        view: View = {f"prompt_{target}": prompt, "prompts": None if target else gr.skip()}
        editor = self.ready_editor()
        entry = next((one for one in editor.offered() if one.prompt == prompt), None) if editor else None
        return {**view, f"strength_{target}": entry.best} if entry else view

    def prompt_hint(self, *prompts: str, mode: str | None = None) -> View:
        """How well the prompts are known, while they are typed: the first unknown one, else the last one."""
        line, editor = text.PROMPT_HELP, self.ready_editor()
        if editor is None:
            return {"prompt_help": markup.note(line)}
        for words in filter(None, (" ".join((prompt or "").split()) for prompt in prompts)):
            try:
                line = _known_hint(words, editor.read_prompt(words, mode))
            except PromptError as error:
                return {"prompt_help": _refused_hint(editor, words, mode, error)}
        return {"prompt_help": markup.note(line)}

    # -- 4 result -----------------------------------------------------------------------------------------

    def edit(self, controls: Controls, session: Session) -> Views:
        """Edits the face at full size, then prepares the downloads."""
        if session.inversion is None:
            raise StudioError(text.NEEDS_FACE if session.aligned is None else text.NEEDS_RECONSTRUCTION)
        yield from self._render(controls.settings(session.paint), session)

    def rerender(self, controls: Controls, session: Session) -> Views:
        """The edit that is shown with other slider values, at full size."""
        result = session.result
        if result is None:  # a strength may be set before the first edit
            yield {}
            return
        settings = controls.changed(result.settings)
        if settings == result.settings:
            yield {**self._result_view(session), **views.history_view(session)}
            return
        yield from self._render(settings, session)

    def live(self, controls: Controls, session: Session) -> View:
        """The edit that is shown, with other slider values while they move. The session does not change.

        It may be requested before an edit that is kept and answered after it; when that one has the same values, it
        is shown instead.
        """
        result, inversion = session.result, session.inversion
        if result is None or inversion is None:
            return {}
        settings = controls.changed(result.settings)
        if settings == result.settings:
            return self._result_view(session)
        editor = self.source.wait(0)
        if editor is None:
            return {}
        moving = editor.moving(inversion, editor.resolve(settings))
        return views.live_view(moving, inversion, session)

    def go_to(self, at: int, session: Session) -> Views:
        """Shows another edit of the history; one whose result was dropped is computed again."""
        if not 0 <= at < len(session.history):
            raise StudioError(text.NO_SUCH_EDIT)
        entry = session.history[at]
        if entry.result is None:
            yield from self._render(entry.settings, session, at)
            return
        session = session.moved(at, entry).with_folder(self.root)
        yield {**self._result_view(session), **views.controls_view(session)}
        yield {**self._files(session), **views.history_view(session)}

    def step_back(self, session: Session) -> Views:
        """Undo."""
        yield from self.go_to(session.at - 1, session)

    def step_forward(self, session: Session) -> Views:
        """Redo."""
        yield from self.go_to(session.at + 1, session)

    def compare(self, left: int | None, right: int | None, session: Session) -> View:
        """Two states of the face in one slider; -1 is the original."""
        pictures = [_picture(session, index) for index in (left, right)]
        return {"comparison": tuple(pictures) if all(pictures) else None}

    def strengths(self, session: Session) -> Views:
        """The edit that is shown at five strengths."""
        result, inversion = _shown(session)
        small = yield from self._previews(
            text.STRIP_PROGRESS, session, lambda editor, show: editor.strip(inversion, result.settings, STRIP, show)
        )
        yield {"strip": _gallery(small, [f"{factor:g} ×" for factor in STRIP])}

    def strength_chosen(self, index: int, session: Session) -> Views:
        """One of the five strengths, at full size."""
        result, _ = _shown(session)
        parts = [replace(p, strength=min(p.strength * STRIP[index], MAX_STRENGTH)) for p in result.settings.parts]
        yield from self._render(result.settings.with_parts(parts), session)

    def variations(self, session: Session) -> Views:
        """The edit that is shown as learned, and in other shades."""
        result, inversion = _shown(session)
        small = yield from self._previews(
            text.VARIATIONS_PROGRESS,
            session,
            lambda editor, show: editor.variations(inversion, result.settings, VARIATIONS, show),
        )
        yield {"variations": _gallery(small, [text.variation_caption(number) for number in VARIATIONS])}

    def variation_chosen(self, index: int, session: Session) -> Views:
        """One of the variations, at full size. The others stay on the page: only the number differs."""
        result, _ = _shown(session)
        wanted = replace(result.settings, variation=VARIATIONS[index])
        if wanted == result.settings:
            yield {}
            return
        for view in self._render(wanted, session):
            yield {name: value for name, value in view.items() if name != "variations"}

    def sweep(self, session: Session) -> Views:
        """The edit that is shown, from no strength to one and a half times, as an animation to download."""
        result, inversion = _shown(session)
        session = session.with_folder(self.root)
        small = yield from self._previews(
            text.STRIP_PROGRESS, session, lambda editor, show: editor.strip(inversion, result.settings, SWEEP, show)
        )
        assert session.folder is not None
        path = session.folder / f"{session.name}_sweep.gif"
        keep.write_gif(path, [keep.mark(images.shown(one.image)) for one in small])
        yield {
            "sweep_file": gr.update(value=str(path), visible=True, interactive=True),
            "sweep_group": gr.update(visible=True),
            "sweep_view": str(path),
        }

    def _previews(
        self, label: str, session: Session, work: Work[list[EditResult]]
    ) -> Generator[View, None, list[EditResult]]:
        """The small pictures that `work` makes."""
        self.limits.compute(session.client)
        try:
            small = yield from self._computed(label, replace(session, running=CancelToken()), work)
        except CancelledError:
            raise StudioError(text.CANCELLED) from None
        yield views.idle_edit()
        return small

    def _computed(self, label: str, session: Session, work: Work[Result]) -> Generator[View, None, Result]:
        """Runs `work` in the background. While its progress is shown it can be cancelled.

        Raises:
            CancelledError: it was.
        """
        yield {
            "session": session,
            "edit_progress": markup.progress(label, 0.0),
            "cancel": gr.update(visible=True),
        }
        try:
            editor = yield from self.await_editor("edit_progress")
            return (yield from steps(partial(work, editor), session.running, views.edit_bar))
        except Exception:
            yield views.idle_edit()
            raise

    # -- painting -----------------------------------------------------------------------------------------

    def paint(self, strokes: str | None, controls: Controls, session: Session) -> Views:
        """Puts what was painted into the masks."""
        result, _ = _shown(session)
        painted = paint_of(strokes)
        if painted is None:
            raise StudioError(text.NOTHING_PAINTED)
        session = replace(session, paint=painted)
        yield from self._render(replace(controls.changed(result.settings), paint=painted), session)

    def unpaint(self, controls: Controls, session: Session) -> Views:
        """Goes back to the learned masks."""
        result, _ = _shown(session)
        session = replace(session, paint=None)
        yield {"session": session, "canvas": views.canvas(session)}
        if result.settings.paint is not None:
            yield from self._render(replace(controls.changed(result.settings), paint=None), session)

    # -- keep ---------------------------------------------------------------------------------------------

    def files(self, marked: bool, session: Session) -> Views:
        """The downloads again, with or without the visible mark."""
        if session.result is None:
            return
        session = replace(session.with_folder(self.root), marked=bool(marked))
        yield {"session": session, **self._files(session)}

    def _files(self, session: Session) -> View:
        editor = self.source.wait(0)
        assert editor is not None and session.folder is not None
        hashes = editor.weight_hashes()
        view = views.files_view(session, editor.stack, hashes)
        path = session.folder / f"{session.name}.mcaclip.safetensors"
        write_session(path, saved_session(session, hashes))
        return {**view, "download_session": gr.update(value=str(path), interactive=True)}

    def _result_view(self, session: Session) -> View:
        """The edit, and how its prompts were learned where their metrics are on this disk."""
        editor = self.source.wait(0)
        assert session.result is not None and editor is not None
        parts = zip(session.result.settings.parts, session.result.modes, strict=True)
        files = {part.prompt: editor.metrics_file(part.prompt) for part, mode in parts if mode == FITTED}
        terms = {prompt: read_metrics(file) if file else () for prompt, file in files.items()}
        return {**views.result_view(session), "inspect": inspect_view.report(session.result, terms)}

    # -- rendering ----------------------------------------------------------------------------------------

    def _render(self, settings: EditSettings, session: Session, at: int | None = None) -> Views:
        """The edit at full size: a new one, or number `at` of the history."""
        inversion = session.inversion
        assert inversion is not None
        self.limits.compute(session.client)
        session = replace(session.with_folder(self.root), running=CancelToken())
        try:
            result = yield from self._computed(
                text.EDITING, session, lambda editor, show: editor.render(inversion, editor.resolve(settings), show)
            )
        except CancelledError:
            return
        session = _recorded(result, session, at)
        saving = {"edit_progress": markup.progress(text.SAVING, 1.0)}
        yield {**views.idle_edit(), **self._result_view(session), **views.controls_view(session), **saving}
        yield {**self._files(session), **views.history_view(session), "edit_progress": ""}


def _known_hint(words: str, readings: Sequence[Reading]) -> str:
    """What to show under a prompt that can be edited."""
    if any(reading.mode != FITTED for reading in readings) or len(readings) > 1:
        return text.read_prompts(readings)
    known, useful = text.known_prompt(words, readings[0].prompt), text.useful_range(readings[0])
    return f"{known} {useful}" if useful else known


def _refused_hint(editor: EditorProtocol, words: str, mode: str | None, error: PromptError) -> str:
    """What to show under a prompt that cannot be edited: what is wrong with it, or how well it is known."""
    try:
        verdict = editor.check_familiarity(words)
    except PromptError:
        return markup.note(text.sentence(str(error)))
    if editor.has_universal and mode != FITTED:
        line = text.OUTSIDE_PROMPT.format(words, verdict.warning) if verdict.outside else text.sentence(str(error))
        return markup.note(line)
    near = suggestions(words, editor.prompts())
    line = text.unknown_prompt(words, near, verdict.warning)
    return markup.hint(f"{line} {text.TRY_UNIVERSAL}" if editor.has_universal else line)


def _shown(session: Session) -> tuple[EditResult, Inversion]:
    """The edit that is shown and its face. Raises StudioError."""
    if session.result is None or session.inversion is None:
        raise StudioError(text.NEEDS_EDIT)
    return session.result, session.inversion


def _gallery(small: Sequence[EditResult], captions: Sequence[str]) -> Any:
    """Previews to choose from, none of them chosen yet."""
    pictures = [(images.shown(one.image), caption) for one, caption in zip(small, captions, strict=True)]
    return gr.update(value=pictures, visible=True, selected_index=None)


def _recorded(result: EditResult, session: Session, at: int | None) -> Session:
    """The session with a result in its history."""
    assert session.folder is not None
    pixels = images.shown(result.image)
    numbers = [entry.number for entry in session.history]
    number = max(numbers, default=0) + 1 if at is None else numbers[at]
    entry = Entry(
        number=number,
        settings=result.settings,
        thumbnail=images.fitted(pixels, images.THUMBNAIL_SIDE),
        picture=images.screen_file(pixels, session.folder, f"edit_{number}"),
        result=result,
    )
    return session.added(entry) if at is None else session.moved(at, entry)


def _picture(session: Session, index: int | None) -> str | None:
    """File of a state of the face; -1 is the original."""
    if index is None:
        return None
    if index < 0:
        return session.original
    return session.history[index].picture if index < len(session.history) else None
