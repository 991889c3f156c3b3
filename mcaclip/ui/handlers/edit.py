"""From a face and controls to edits: render, live, film, strengths, variations, painting."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from mcaclip.editing.reader import Answer, Reading, check_parts, read_parts
from mcaclip.errors import PromptError, StudioError
from mcaclip.types import EditResult, EditSettings, Inversion, ProgressCallback, PromptStrength
from mcaclip.ui.display import images, text
from mcaclip.ui.display.painting import paint_of
from mcaclip.ui.handlers import views
from mcaclip.ui.handlers.base import Views
from mcaclip.ui.handlers.face import FIRST_QUIET, FaceHandlers
from mcaclip.ui.handlers.views import View
from mcaclip.ui.state.background import CancelledError, steps
from mcaclip.ui.state.controls import Controls, suggestions
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.rest import taken
from mcaclip.ui.state.session import CancelToken, HistoryEntry, Session
from mcaclip.validate import FITTED, MAX_STRENGTH, check_strength, check_text

STRIP = (0.25, 0.5, 1.0, 1.5, 2.0)
"""Strengths to choose from, as factors on the prompts' own."""
VARIATIONS = (0, 1, 2, 3, 4)
"""Variations to choose from; 0 is the edit as learned."""
PREVIEWS = 12
"""Previews of cards that are made for one request."""
Result = TypeVar("Result")
Work = Callable[[EditorProtocol, ProgressCallback], Result]
Change = tuple[str, float | None]
"""Words of a change and its strength; None: what is best for it."""


class EditHandlers(FaceHandlers):
    """Everything from the words to the picture."""

    # -- words --------------------------------------------------------------------------------------------

    def prompt_hint(self, prompt: str | None, mode: str | None = None) -> View:
        """How well the words are known, while they are typed."""
        self.turn.touched()
        words, editor = " ".join((prompt or "").split()), self.ready_editor()
        if editor is None or not words:
            return {"verdict": {"kind": "idle", "line": text.PROMPT_HELP}}
        try:
            answer = editor.read_prompt(words, mode)
            check_parts(EditSettings(words).with_parts([PromptStrength(one.prompt) for one in answer.readings]))
        except PromptError as error:
            return {"verdict": _refusal(editor, words, mode, error)}
        return {"verdict": _verdict(editor, answer, words, mode)}

    def cards_wanted(self, face: object, prompts: Sequence[object], session: Session) -> Views:
        """Previews of cards on the face on the stage, one after another; never before an edit."""
        made: dict[str, str] = {}
        inversion, editor = session.inversion, self.ready_editor()
        wanted = [one for one in prompts if isinstance(one, str)][:PREVIEWS]
        if inversion is not None and editor is not None and face == session.number:
            entries = {entry.prompt: entry for entry in editor.offered()}
            for entry in [entries[prompt] for prompt in wanted if prompt in entries]:
                self.turn.wait(FIRST_QUIET, 10.0)
                try:
                    small = editor.preview(inversion, EditSettings(entry.prompt, entry.best))
                except StudioError:  # a card that cannot be made keeps its picture
                    continue
                made[entry.prompt] = images.small_url(small.image, images.CARD_SIDE)
                yield {"previews": {"face": face, "made": dict(made), "done": False}}
        yield {"previews": {"face": face, "made": dict(made), "done": True}}

    # -- edits --------------------------------------------------------------------------------------------

    def edit(self, controls: Controls, session: Session) -> Views:
        """What the prompt line asks for, at full size.

        A change that is shown already keeps its strength, any other one gets the best of its prompt.
        """
        yield from self._changed_to([(controls.prompt, None)], controls, session, _strengths(controls, session))

    def card_chosen(self, data: dict[str, Any], controls: Controls, session: Session) -> Views:
        """A card: of a prompt at its best strength, or of several changes with their own."""
        parts = _parts(data["parts"]) if "parts" in data else [(check_text(data.get("prompt"), "prompt"), None)]
        yield {"prompt": views.in_one_line([prompt for prompt, _ in parts])}
        yield from self._changed_to(parts, controls, session)

    def card_added(self, data: dict[str, Any], controls: Controls, session: Session) -> Views:
        """A card's prompt beside the changes that are shown, once."""
        shown, added = _strengths(controls, session), check_text(data.get("prompt"), "prompt")
        if added in shown:
            yield {}
            return
        parts: list[Change] = [*shown.items(), (added, None)]
        yield {"prompt": views.in_one_line([prompt for prompt, _ in parts])}
        yield from self._changed_to(parts, controls, session)

    def change_dropped(self, index: int, controls: Controls, session: Session) -> Views:
        """The edit without one of its changes."""
        result, _ = shown_edit(session)
        settings = controls.changed(result.settings)
        left = [part for number, part in enumerate(settings.parts) if number != index]
        if not left:
            yield {**views.original_view(session.unedited()), "prompt": ""}
            return
        yield {"prompt": views.in_one_line([part.prompt for part in left])}
        yield from self._render(settings.with_parts(left), session)

    def _changed_to(
        self,
        parts: Sequence[Change],
        controls: Controls,
        session: Session,
        known: Mapping[str, float] | None = None,
    ) -> Views:
        """An edit by some words, each with its strength, or that of `known`, or else the best of its prompt."""
        if session.inversion is None:
            raise StudioError(text.CHOOSE_FACE if len(session.faces) > 1 else text.NEEDS_FACE)
        editor = yield from self.await_editor("progress")
        try:
            found, _ = read_parts(lambda words: editor.read_prompt(words, controls.mode), parts)
            made = []
            for reading, strength in found:
                best = (known or {}).get(reading.prompt, reading.best)
                made.append(PromptStrength(reading.prompt, best if strength is None else strength))
            settings = check_parts(controls.settings(made[0].prompt, session.paint).with_parts(made))
        except PromptError as error:  # the line by the prompt says it
            words = views.in_one_line([words for words, _ in parts])
            yield {**views.idle_edit(), "verdict": _refusal(editor, words, controls.mode, error)}
            return
        yield from self._render(settings, session, readings=[reading for reading, _ in found])

    def rerender(self, controls: Controls, session: Session) -> Views:
        """The edit that is shown with other slider values, at full size. The sliders may have been moved on since."""
        if session.result is None:
            yield {}
            return
        settings = controls.changed(session.result.settings)
        if settings == session.result.settings:
            yield views.without_sliders(views.result_view(session))
            return
        yield from map(views.without_sliders, self._render(settings, session))

    def live(self, controls: Controls, session: Session) -> View:
        """The edit that is shown, with other slider values while they move. The session does not change.

        It may be requested before an edit that is kept and answered after it; when that one has the same values, it
        is shown instead.
        """
        result, inversion, editor = session.result, session.inversion, self.ready_editor()
        if result is None or inversion is None or editor is None:
            return {}
        settings = controls.changed(result.settings)
        if settings == result.settings:
            return views.without_sliders(views.result_view(session))
        return views.live_view(editor.moving(inversion, editor.resolve(settings)))

    def made_again(self, session: Session) -> Views:
        """The edit that is wanted, or else the one that is shown, on the face as it is known now.

        The sliders of an edit that is shown stay as they are: somebody may be moving them.
        """
        if session.wanted is not None:
            yield from self._render(session.wanted, session)
        elif 0 <= session.at < len(session.history):
            shown = self._render(session.history[session.at].settings, session, session.at)
            yield from map(views.without_sliders, shown)

    # -- the film -----------------------------------------------------------------------------------------

    def go_to(self, at: int, session: Session) -> Views:
        """Shows the original (-1) or an edit; one whose result was dropped is computed again."""
        if not -1 <= at < len(session.history):
            raise StudioError(text.NO_SUCH_EDIT)
        if at < 0:
            yield views.original_view(session.unedited())
            return
        entry = session.history[at]
        prompt = {"prompt": views.words_of(entry.settings)}
        if entry.result is None:
            yield prompt
            yield from self._render(entry.settings, session, at)
            return
        session = session.moved(at, entry).with_folder(self.root)
        yield {**views.result_view(session), **prompt}

    def step_back(self, session: Session) -> Views:
        """Undo, at last to the original."""
        yield from self.go_to(max(session.at - 1, -1), session)

    def step_forward(self, session: Session) -> Views:
        """Redo."""
        yield from self.go_to(session.at + 1, session)

    def frame_chosen(self, face: object, at: object, session: Session) -> Views:
        """A picture of the film, perhaps of another face."""
        if type(face) is not int or type(at) is not int:
            raise StudioError(text.BAD_REQUEST)
        if face != session.number:
            self.abandon(session)
            editor = yield from self.await_editor("progress")
            session = taken(session, face, editor).unedited()
            yield {**views.face_view(session), **views.abandoned_view()}
        yield from self.go_to(at, session)

    def frame_compared(self, face: object, at: object, session: Session) -> View:
        """A picture of the film on the left of the line, what the stage shows on the right."""
        shown = session.history[session.at] if 0 <= session.at < len(session.history) else None
        if face != session.number or type(at) is not int or not -1 <= at < len(session.history) or shown is None:
            return {}
        other = session.history[at] if at >= 0 else None
        left = views.full_picture(session) if other is None else images.file_url(other.picture)
        right = images.file_url(shown.picture)
        names = (views.title_of(None if other is None else other.settings), views.title_of(shown.settings))
        return views.compared_view(left, right, names) if left and right else {}

    # -- other ways to make the same edit ------------------------------------------------------------------

    def strengths(self, session: Session) -> Views:
        """The edit that is shown at five strengths."""
        result, inversion = shown_edit(session)
        small = yield from self._previews(
            text.STRIP_PROGRESS, session, lambda editor, show: editor.strip(inversion, result.settings, STRIP, show)
        )
        yield {"choices": _choices(small, [f"{factor:g} ×" for factor in STRIP])}

    def variations(self, session: Session) -> Views:
        """The edit that is shown as learned, and in other shades."""
        result, inversion = shown_edit(session)
        small = yield from self._previews(
            text.VARIATIONS_PROGRESS,
            session,
            lambda editor, show: editor.variations(inversion, result.settings, VARIATIONS, show),
        )
        captions = [text.variation_caption(number) for number in VARIATIONS]
        yield {"choices": _choices(small, captions, "variation")}

    def choice_taken(self, index: int, kind: object, session: Session) -> Views:
        """One of the strengths or variations, at full size; the others stay to choose from."""
        result, _ = shown_edit(session)
        settings = result.settings
        if index >= len(VARIATIONS):
            raise StudioError(text.BAD_REQUEST)
        if kind == "variation":
            wanted = replace(settings, variation=VARIATIONS[index])
        else:
            parts = [replace(p, strength=min(p.strength * STRIP[index], MAX_STRENGTH)) for p in settings.parts]
            wanted = settings.with_parts(parts)
        if wanted == settings:
            yield {}
            return
        for view in self._render(wanted, session):
            yield {name: value for name, value in view.items() if kind != "variation" or name != "choices"}

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

    # -- painting -----------------------------------------------------------------------------------------

    def paint(self, strokes: str | None, controls: Controls, session: Session) -> Views:
        """Puts what was painted into the masks."""
        result, _ = shown_edit(session)
        painted = paint_of(strokes)
        if painted is None:
            raise StudioError(text.NOTHING_PAINTED)
        session = replace(session, paint=painted)
        yield from self._render(replace(controls.changed(result.settings), paint=painted), session)

    def unpaint(self, controls: Controls, session: Session) -> Views:
        """Goes back to the learned masks."""
        result, _ = shown_edit(session)
        session = replace(session, paint=None)
        yield {"session": session, "strokes_shown": ""}
        if result.settings.paint is not None:
            yield from self._render(replace(controls.changed(result.settings), paint=None), session)

    # -- rendering ----------------------------------------------------------------------------------------

    def _computed(self, label: str, session: Session, work: Work[Result]) -> Generator[View, None, Result]:
        """Runs `work` in the background. While its progress is shown it can be cancelled.

        Raises:
            CancelledError: it was.
        """
        yield {"session": session, **views.busy_edit(label)}
        try:
            editor = yield from self.await_editor("progress")
            return (yield from steps(partial(work, editor), session.running, views.edit_bar))
        except Exception:
            yield {**views.idle_edit(), "session": replace(session, wanted=None)}
            raise

    def _render(
        self,
        settings: EditSettings,
        session: Session,
        at: int | None = None,
        readings: Sequence[Reading] | None = None,
    ) -> Views:
        """The edit at full size: a new one, or number `at` of the history. `readings`: of its prompts, if at hand."""
        inversion = session.inversion
        assert inversion is not None
        self.limits.compute(session.client)
        wanted = settings if at is None else None
        session = replace(session.with_folder(self.root), running=CancelToken(), wanted=wanted)
        try:
            result = yield from self._computed(
                text.EDITING,
                session,
                lambda editor, show: editor.render(inversion, editor.resolve(settings, readings), show),
            )
        except CancelledError:
            return
        yield views.result_view(_recorded(result, session, at))


def _parts(given: object) -> list[Change]:
    """The changes of a card of the visitor's own. Raises StudioError."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given) or not given:
        raise StudioError(text.BAD_REQUEST)
    return [(check_text(one.get("prompt"), "prompt"), check_strength(one.get("strength"))) for one in given]


def _strengths(controls: Controls, session: Session) -> dict[str, float]:
    """The changes that are shown with the strengths that stand in the controls."""
    if session.result is None:
        return {}
    return {part.prompt: part.strength for part in controls.changed(session.result.settings).parts}


def _verdict(editor: EditorProtocol, answer: Answer, words: str, mode: str | None) -> dict[str, Any]:
    """What to say of a prompt that can be edited, at least in part, and what to choose for the rest."""
    refusals = [_refusal(editor, change, mode, error) for change, error in answer.refused.items()]
    doubtful = refusals or any(reading.note for reading in answer.readings)
    said = [text.known_prompt(answer.readings, words), *(text.LEFT_OUT.format(one["line"]) for one in refusals)]
    made = [reading.prompt for reading in answer.readings]
    nearest = dict.fromkeys(prompt for one in refusals for prompt in one.get("suggestions", ()))
    return {
        "kind": "fair" if doubtful else "good",
        "line": " ".join(said),
        "suggestions": [views.in_one_line([*made, prompt]) for prompt in nearest],
    }


def _refusal(editor: EditorProtocol, words: str, mode: str | None, error: PromptError) -> dict[str, Any]:
    """What to say of a prompt that cannot be edited, and what to choose instead."""
    if editor.has_universal and mode != FITTED:
        return {"kind": "bad", "line": text.sentence(error.problem), "suggestions": list(error.nearest)}
    try:
        line = text.unknown_prompt(words, editor.wish(words).problem)
    except PromptError:  # no prompt at all
        return {"kind": "bad", "line": text.sentence(str(error))}
    line = f"{line} {text.TRY_UNIVERSAL}" if editor.has_universal else line
    return {"kind": "bad", "line": line, "suggestions": suggestions(words, editor.prompts())}


def shown_edit(session: Session) -> tuple[EditResult, Inversion]:
    """The edit that is shown and its face. Raises StudioError."""
    if session.result is None or session.inversion is None:
        raise StudioError(text.NEEDS_EDIT)
    return session.result, session.inversion


def _choices(small: Sequence[EditResult], captions: Sequence[str], kind: str = "strength") -> list[dict[str, str]]:
    """Previews to choose from."""
    return [
        {"url": images.small_url(one.image, images.CARD_SIDE), "caption": caption, "kind": kind}
        for one, caption in zip(small, captions, strict=True)
    ]


def _recorded(result: EditResult, session: Session, at: int | None) -> Session:
    """The session with a result in its history."""
    assert session.folder is not None
    numbers = [entry.number for entry in session.history]
    number = max(numbers, default=0) + 1 if at is None else numbers[at]
    entry = HistoryEntry(
        number=number,
        settings=result.settings,
        thumbnail=images.small_url(result.image),
        picture=images.screen_file(images.shown(result.image), session.folder, f"face_{session.number}_{number}"),
        result=result,
    )
    return session.added(entry) if at is None else session.moved(at, entry)
