"""The tab on which several methods make the same edit, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import gradio as gr
import numpy as np

from mcaclip import validate, visuals
from mcaclip.compare import COLUMNS, CompareRow, FaceJudge, cell, compare
from mcaclip.editing.methods.base import METHODS
from mcaclip.editing.methods.registry import build_methods, check_names, tools_of
from mcaclip.errors import StudioError
from mcaclip.stacks import load_parser
from mcaclip.types import Inversion, Progress, ProgressCallback
from mcaclip.ui import images, markup, text
from mcaclip.ui.background import CancelledError, steps
from mcaclip.ui.desk import Desk, Views
from mcaclip.ui.layout import Components, thumbnails
from mcaclip.ui.session import CancelToken, Session
from mcaclip.ui.views import View
from mcaclip.ui.wiring import Binder

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

CHOSEN_AT_FIRST = tuple(name for name in METHODS if name != "styleclip-optimisation")
"""All but the one that takes minutes."""

MakeRow = Callable[[str, Inversion, str, ProgressCallback], CompareRow]
"""From a method's name, a face and a prompt to its row."""


def open_comparison(editor: FaceEditor) -> MakeRow:
    """What makes the rows with a real editor; the face is parsed once. Raises StudioError."""
    tools = tools_of(editor)
    judge = FaceJudge(tools.preview, load_parser(editor.slots, editor.device), tools.identity, tools.device)

    def make(name: str, face: Inversion, prompt: str, callback: ProgressCallback) -> CompareRow:
        methods = build_methods(tools, [name])
        return next(compare(methods, judge, "face", face.w_plus, prompt, callback=callback))

    return make


class CompareHandlers:
    """What the tab's events do.

    Args:
        desk: of the page, for its editor.
        opens: from the editor to what makes rows; tests pass their own.
    """

    def __init__(self, desk: Desk, opens: Callable[[FaceEditor], MakeRow] = open_comparison):
        self.desk = desk
        self.opens = opens

    def run(self, names: Sequence[str], prompt: str, session: Session) -> Views:
        """The chosen methods on the face of the first tab, each shown as soon as it is there."""
        face = session.inversion
        if face is None:
            raise StudioError(text.NEEDS_FACE if session.aligned is None else text.NEEDS_RECONSTRUCTION)
        words, ordered = validate.clean_prompt(prompt), [name for name in METHODS if name in names]
        check_names(ordered)
        editor = self.desk.source.wait(0)
        if editor is None:
            raise StudioError(text.STILL_LOADING)
        session = replace(session.counted(time.monotonic()), running=CancelToken())
        yield {"session": session, **busy_view(ordered[0], 0.0), **rows_view([])}
        rows: list[CompareRow] = []
        try:
            make = self.opens(editor)
            for number, name in enumerate(ordered):
                yield busy_view(name, number / len(ordered))
                row = yield from self._row(make, name, face, words, session.running, (number, len(ordered)))
                rows.append(row)
                yield rows_view(rows)
        except CancelledError:
            yield idle_view(text.METHODS_CANCELLED)
            return
        except Exception:
            yield idle_view("")
            raise
        yield idle_view("")

    def _row(
        self,
        make: MakeRow,
        name: str,
        face: Inversion,
        prompt: str,
        token: CancelToken,
        place: tuple[int, int],
    ) -> Generator[View, None, CompareRow]:
        """One method's row, its progress as views; `place` is its number and how many there are.

        Each method has a token of its own, since `steps` uses one up; the tab's token ends it.
        """
        own = CancelToken()

        def work(callback: ProgressCallback) -> CompareRow:
            def report(step: Progress) -> None:
                if token.cancelled:
                    own.cancel()
                callback(step)

            report(Progress(name, 0.0))
            return make(name, face, prompt, report)

        running = steps(work, own)
        try:
            while True:
                try:
                    step = next(running)
                except StopIteration as end:
                    return end.value
                yield busy_view(name, (place[0] + step.fraction) / place[1])
        finally:
            running.close()


def busy_view(name: str, fraction: float) -> View:
    """While a method works."""
    return {
        "methods_bar": markup.progress(text.comparing(METHODS[name].title), fraction),
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


def rows_view(rows: Sequence[CompareRow]) -> View:
    """The rows so far: three pictures each, and the table."""
    pictures = [picture for row in rows for picture in row_pictures(row)]
    return {
        "methods_pictures": gr.update(value=pictures, visible=bool(pictures)),
        "methods_table": table(rows) if rows else markup.note(text.METHODS_EMPTY),
    }


def row_pictures(row: CompareRow) -> list[tuple[np.ndarray, str]]:
    """Edit, change and final mask of a row; nothing for a method that made no edit."""
    if row.edit is None:
        return []
    edit, side = row.edit, images.GALLERY_SIDE
    mask = visuals.mask_tile(edit.masks[-1], side) if edit.masks else np.full((side, side, 3), 240, np.uint8)
    return [
        (images.shown(edit.image, 2 * side), row.title),
        (visuals.change_map(edit.source, edit.image, side), text.METHODS_CHANGE),
        (mask, text.METHODS_MASK if edit.masks else text.METHODS_NO_MASK),
    ]


def table(rows: Sequence[CompareRow]) -> str:
    """The figures, and below them what a method could not do or what to know of it."""
    head = "".join(f"<th>{escape(text.METHODS_COLUMNS[name])}</th>" for name in ("method", *COLUMNS))
    body = "".join(f"<tr><td>{escape(row.title)}</td>{_cells(row)}</tr>" for row in rows)
    lines = [f"{row.title}: {row.problem}" for row in rows if row.problem]
    lines += [f"{row.title}: {note}" for row in rows if row.edit for note in row.edit.notes]
    notes = "".join(markup.note(line) for line in lines)
    return f'<table class="figures"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}'


def _cells(row: CompareRow) -> str:
    values = [getattr(row.figures, name) if row.figures else None for name in COLUMNS]
    return "".join(f"<td>{escape(cell(value))}</td>" for value in values)


def build_tab(parts: Components) -> None:
    """The components."""
    with gr.Row(elem_id="compare-columns", equal_height=False):
        with gr.Column(scale=4, min_width=300, elem_classes="stage"):
            gr.HTML(f'<h2 class="step">{text.METHODS_TITLE}</h2>')
            gr.HTML(markup.note(text.METHODS_INFO))
            parts["methods_prompt"] = gr.Textbox(
                label=text.METHODS_PROMPT,
                placeholder="green lipstick",
                max_lines=1,
                max_length=validate.MAX_PROMPT_LENGTH,
                elem_id="methods-prompt",
            )
            parts["methods_chosen"] = gr.CheckboxGroup(
                choices=[(info.title, name) for name, info in METHODS.items()],
                value=list(CHOSEN_AT_FIRST),
                label=text.METHODS_CHOSEN,
                elem_id="methods-chosen",
            )
            with gr.Row(elem_classes="buttons"):
                parts["methods_start"] = gr.Button(text.METHODS_START, variant="primary", elem_id="methods-start")
                parts["methods_stop"] = gr.Button(text.STOP, variant="stop", visible=False, elem_id="methods-stop")
        with gr.Column(scale=9, min_width=300, elem_classes="stage"):
            parts["methods_bar"] = gr.HTML("", elem_id="methods-bar")
            parts["methods_pictures"] = thumbnails(
                "methods-pictures", text.METHODS_TITLE, 3, visible=False, allow_preview=True
            )
            parts["methods_table"] = gr.HTML(markup.note(text.METHODS_EMPTY), elem_id="methods-table")


def connect(bind: Binder, parts: Components, handlers: CompareHandlers) -> None:
    """The events."""
    asked = [parts["methods_chosen"], parts["methods_prompt"], parts["session"]]
    bind.model([parts["methods_start"].click, parts["methods_prompt"].submit], handlers.run, asked)
    bind.light([parts["methods_stop"].click], handlers.desk.abandon, [parts["session"]])
