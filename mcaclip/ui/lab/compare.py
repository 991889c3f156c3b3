"""The room in which several methods make the same edit, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.evaluation.compare import COLUMNS, CompareRow, cell
from mcaclip.imaging import visuals
from mcaclip.methods.base import METHODS
from mcaclip.types import Progress
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display.components import Components, words_field
from mcaclip.ui.handlers.base import HandlerBase, Views
from mcaclip.ui.handlers.binder import Binder
from mcaclip.ui.handlers.views import View
from mcaclip.ui.lab import examples, vote
from mcaclip.ui.lab.method_set import OWN, SHOWN, SLOW, EditorMethods, MethodSet, Opens
from mcaclip.ui.state.background import CancelledError, steps
from mcaclip.ui.state.editor import EditorProtocol
from mcaclip.ui.state.session import CancelToken, Session

UNIVERSAL = OWN[0]
PICTURE_SIDE = 512
MAP_SIDE = 384
"""Side of the pictures of what changed and of the masks."""
SHARES = ("moved", "area")
"""Figures that are shown in per cent."""


class CompareHandlers:
    """What the room's events do.

    Args:
        studio: the handlers of the page, for its editor.
        opens: from the editor to the methods; tests pass their own.
    """

    def __init__(self, studio: HandlerBase, opens: Opens = EditorMethods):
        self.studio = studio
        self.opens = opens

    def arrive(self, prompt: str | None, studio: str | None, unwanted: Sequence[str], session: Session) -> Views:
        """The face that is edited; where they are missing, the words of the studio; the methods for them."""
        own = bool((prompt or "").strip())
        words = prompt if own else studio
        yield {**face_view(session), **({} if own or not words else {"methods_prompt": words})}
        waited = not self.studio.source.status.ready
        yield from self.studio.await_editor("methods_bar")
        yield {**self.offered(words, unwanted), **({"methods_bar": ""} if waited else {})}

    def came_back(self, prompt: str | None, studio: str | None, unwanted: Sequence[str], session: Session) -> Views:
        """What `arrive` yields, after a reload that brought a face back."""
        if session.inversion is None:
            yield {}
        else:
            yield from self.arrive(prompt, studio, unwanted, session)

    def offered(self, prompt: str | None, unwanted: Sequence[str]) -> View:
        """The methods that can edit with the words, all chosen but those that the visitor does not want."""
        editor = self.studio.ready_editor()
        if editor is None:
            return {}
        try:
            methods = self.opens(editor)
            words = validate.clean_prompt(prompt or "") if (prompt or "").strip() else ""
            ready = _ready(editor, methods, words) if words else methods.known()
        except StudioError as error:
            return {"methods_ready": markup.note(text.sentence(str(error)))}
        return {
            "methods_chosen": gr.update(
                choices=[(METHODS[name].title, name) for name in ready],
                value=[name for name in ready if name not in unwanted],
            ),
            "methods_ready": "".join(map(markup.note, _about(methods, ready))),
        }

    def choose(self, chosen: object, prompt: object, unwanted: Sequence[str]) -> View:
        """Remembers which of the offered methods are not wanted, for other words."""
        editor = self.studio.ready_editor()
        if editor is None:
            return {}
        words, methods = prompt.strip() if isinstance(prompt, str) else "", self.opens(editor)
        there = set(_ready(editor, methods, words) if words else methods.known())
        return {"methods_unwanted": sorted((set(unwanted) | there) - set(_names(chosen)))}

    def run(self, chosen: object, prompt: object, session: Session) -> Views:
        """The chosen methods on the face of the studio, each shown as soon as it is done."""
        face = session.inversion
        if face is None:
            raise StudioError(text.METHODS_NEEDS_FACE)
        words, editor = validate.clean_prompt(validate.check_text(prompt, "prompt")), self.studio.source.wait(0)
        if editor is None:
            raise StudioError(text.STILL_LOADING)
        methods = self.opens(editor)
        ordered = _able(_ready(editor, methods, words), _names(chosen))
        meant = _wordings(editor, methods, words)
        self.studio.limits.compute(session.client)
        session = replace(session, running=CancelToken())
        rows: list[CompareRow] = []
        yield {"session": session, **busy_view(ordered[0], 0.0), "methods_rows": rows_html(rows, ordered)}
        try:
            for number, name in enumerate(ordered):

                def view(step: Progress, number: int = number, name: str = name) -> View:
                    return busy_view(name, (number + step.fraction) / len(ordered))

                yield view(Progress(name, 0.0))
                row = yield from steps(partial(methods.row, name, face, meant[name]), session.running, view)
                rows.append(row)
                yield {"methods_rows": rows_html(rows, ordered[number + 1 :])}
        except CancelledError:
            yield {**idle_view(text.METHODS_CANCELLED), "methods_rows": rows_html(rows), **vote.asked(words, rows)}
            return
        except Exception:
            yield {**idle_view(""), "methods_rows": rows_html(rows)}
            raise
        yield {**idle_view(""), **vote.asked(words, rows)}


def _names(chosen: object) -> list[str]:
    """The names of the methods that the browser sent."""
    return [name for name in chosen if name in SHOWN] if isinstance(chosen, list) else []


def _ready(editor: EditorProtocol, methods: MethodSet, words: str) -> list[str]:
    """The methods that can edit with the words. The network for any words needs words that are known.

    Raises:
        StudioError: see `EditorProtocol.wish`.
    """
    knows, wordings = not editor.wish(words).outside, _wordings(editor, methods, words)
    return [name for name in methods.known() if name in wordings and (knows or name != UNIVERSAL)]


def _wordings(editor: EditorProtocol, methods: MethodSet, words: str) -> dict[str, str]:
    """The methods that are ready, each with the words by which it knows what is wished for.

    They are those of the wish, and for one that was not fitted to these (an imported mapper) the words themselves.
    """
    meant = editor.wish(words).words or words
    return {name: wording for wording in (words, meant) for name in methods.ready(wording)}


def _able(ready: Sequence[str], names: Sequence[str]) -> list[str]:
    """The chosen methods that are ready, in the order of the page. Raises StudioError for none."""
    if not names:
        raise StudioError(text.METHODS_NONE)
    able = [name for name in ready if name in names]
    if not able:
        raise StudioError(text.METHODS_NOT_READY)
    return able


def _about(methods: MethodSet, ready: Sequence[str]) -> list[str]:
    """What is to be known of the methods that are offered, and why the others are not; a line each."""
    lacking: dict[str, list[str]] = {why: [] for why in text.METHODS_LACKING}
    known = methods.known()
    for name in SHOWN:
        if name not in ready:
            needs = METHODS[name].needs
            lacking["words" if needs == "once" and name in known else needs].append(METHODS[name].title)
    slow = text.METHODS_SLOW if SLOW in ready else ""
    return list(filter(None, [slow, text.methods_lacking(lacking)]))


def face_view(session: Session) -> View:
    """The face of the studio, or what to do for one."""
    face = session.inversion
    if face is None:
        return {"methods_face": examples.hint(text.METHODS_FACE, text.METHODS_NEEDS_FACE, text.TO_STUDIO)}
    shown = images.url(images.shown(face.original, PICTURE_SIDE), 88)
    return {"methods_face": markup.figure(shown, text.METHODS_FACE)}


def busy_view(name: str, fraction: float) -> View:
    """While a method works."""
    return {
        "methods_bar": markup.progress(text.METHODS_WORKING.format(METHODS[name].title), fraction),
        "methods_start": gr.update(interactive=False),
        "methods_stop": gr.update(visible=True),
    }


def idle_view(line: str) -> View:
    """When nothing works any more."""
    return {
        "methods_bar": markup.note(line),
        "methods_start": gr.update(interactive=True),
        "methods_stop": gr.update(visible=False),
    }


def rows_html(rows: Sequence[CompareRow], waiting: Sequence[str] = ()) -> str:
    """The rows that are done, and the places of those that are waited for."""
    if not rows and not waiting:
        return _empty()
    blank = "".join(map(markup.blank_figure, text.METHODS_PICTURES))
    places = (
        f'<article class="method-row waiting"><h3>{escape(METHODS[name].title)}</h3><div class="trio">{blank}</div>'
        f"{markup.note(text.METHODS_WAITING)}</article>"
        for name in waiting
    )
    return "".join([*map(row_html, rows), *places])


def row_html(row: CompareRow) -> str:
    """A method's pictures, its figures below them, and what else there is to say."""
    notes = [row.problem, *(row.edit.notes if row.edit else ())]
    said = "".join(markup.note(text.sentence(line)) for line in notes if line)
    return f'<article class="method-row"><h3>{escape(row.title)}</h3>{_pictures(row)}{_figures(row)}{said}</article>'


def _pictures(row: CompareRow) -> str:
    """Edit, change and final mask; nothing for a method that made no edit."""
    edit = row.edit
    if edit is None:
        return ""
    first, second, third = text.METHODS_PICTURES
    face, made = (images.url(images.shown(one, PICTURE_SIDE), 88) for one in (edit.source, edit.image))
    changed = markup.figure(images.url(visuals.change_map(edit.source, edit.image, MAP_SIDE)), second)
    if edit.masks:
        mask = markup.figure(images.url(visuals.mask_tile(edit.masks[-1], MAP_SIDE)), third)
    else:
        mask = markup.blank_figure("", text.METHODS_NO_MASK)
    return f'<div class="trio">{markup.figure(made, first, face)}{changed}{mask}</div>'


def _figures(row: CompareRow) -> str:
    if row.figures is None:
        return ""
    values = ((name, getattr(row.figures, name)) for name in COLUMNS)
    said = (
        (name, f"{100 * value:.1f} %" if name in SHARES and value is not None else cell(value))
        for name, value in values
    )
    cells = (
        f"<div><dt>{escape(text.METHODS_COLUMNS[name])}</dt><dd>{escape(words)}</dd></div>" for name, words in said
    )
    return f'<dl class="figures">{"".join(cells)}</dl>'


def _empty() -> str:
    return examples.hint(text.METHODS_TITLE, text.METHODS_INFO) + examples.edit()


def build_room(parts: Components) -> None:
    """The components."""
    parts["methods_unwanted"] = gr.State([SLOW])
    with gr.Column(elem_id="compare-room", elem_classes="room"):
        with gr.Column(elem_classes="room-panel"):
            with gr.Row(elem_classes="lab-line"):
                parts["methods_prompt"] = words_field("methods-prompt", text.PROMPT_LABEL, text.PROMPT_PLACEHOLDER)
                parts["methods_start"] = gr.Button(
                    text.COMPARE_LABEL, variant="primary", scale=0, min_width=92, elem_id="methods-start"
                )
            parts["methods_chosen"] = gr.CheckboxGroup(
                choices=[],
                value=[],
                label=text.METHODS_CHOSEN,
                elem_id="methods-chosen",
            )
            parts["methods_ready"] = gr.HTML(markup.note(text.METHODS_LOADING), elem_id="methods-ready")
            parts["methods_face"] = gr.HTML("", elem_id="methods-face")
        with gr.Column(elem_classes="room-main"):
            with gr.Row(elem_classes="room-head"):
                parts["methods_bar"] = gr.HTML("", elem_id="methods-bar")
                small: dict[str, Any] = {"size": "sm", "scale": 0, "min_width": 80, "visible": False}
                parts["methods_stop"] = gr.Button(text.STOP, elem_id="methods-stop", **small)
            parts["methods_rows"] = gr.HTML(_empty(), elem_id="methods-rows")


def connect(bind: Binder, opened: Sequence[Any], resumed: Any, parts: Components, handlers: CompareHandlers) -> None:
    """The events; see `mcaclip.ui.lab.inspect.connect`."""
    prompt, unwanted, chosen = parts["methods_prompt"], parts["methods_unwanted"], parts["methods_chosen"]
    arriving = [prompt, parts["prompt"], unwanted, parts["session"]]
    # "multiple": with Gradio's default, "once", an arrival while the last one is not yet done would be dropped
    bind.spoken(opened, handlers.arrive, arriving, trigger_mode="multiple")
    bind.spoken([resumed], handlers.came_back, arriving)
    bind.light([prompt.change], handlers.offered, [prompt, unwanted], trigger_mode="always_last")
    # Gradio would refuse a choice that was made a moment before others were offered
    raw: dict[str, Any] = {"preprocess": False}
    bind.light([chosen.input], handlers.choose, [chosen, prompt, unwanted], trigger_mode="always_last", **raw)
    asked = [chosen, prompt, parts["session"]]
    bind.model([parts["methods_start"].click, prompt.submit], handlers.run, asked, **raw)
    bind.light([parts["methods_stop"].click], handlers.studio.abandon, [parts["session"]])
