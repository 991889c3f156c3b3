"""The tab on which several methods make the same edit, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape

import gradio as gr
import numpy as np

from mcaclip import validate
from mcaclip.errors import StudioError
from mcaclip.evaluation.compare import COLUMNS, CompareRow, cell
from mcaclip.imaging import visuals
from mcaclip.methods.base import METHODS
from mcaclip.methods.registry import check_names
from mcaclip.types import Progress
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display.components import Components, picture, thumbnails
from mcaclip.ui.handlers.base import HandlerBase, Views
from mcaclip.ui.handlers.binder import Binder
from mcaclip.ui.handlers.views import View
from mcaclip.ui.lab.method_set import SHOWN, SLOW, EditorMethods, Opens
from mcaclip.ui.state.background import CancelledError, steps
from mcaclip.ui.state.session import CancelToken, Session


class CompareHandlers:
    """What the tab's events do.

    Args:
        studio: the handlers of the page, for its editor.
        opens: from the editor to the methods; tests pass their own.
    """

    def __init__(self, studio: HandlerBase, opens: Opens = EditorMethods):
        self.studio = studio
        self.opens = opens

    def arrive(self, prompt: str | None, first_prompt: str | None, chosen: Sequence[str], session: Session) -> Views:
        """The face that is edited; where they are missing, the prompt of the first tab and a choice of methods."""
        own = bool((prompt or "").strip())
        words = prompt if own else first_prompt
        yield {**face_view(session), **({} if own else {"methods_prompt": words or ""})}
        waited = not self.studio.source.status.ready
        editor = yield from self.studio.await_editor("methods_bar")
        view = {**self.hint(words), **({"methods_bar": ""} if waited else {})}
        if not chosen:
            view["methods_chosen"] = [name for name in self.opens(editor).known() if name != SLOW]
        yield view

    def hint(self, prompt: str | None) -> View:
        """Which methods can work with the prompt as it is."""
        editor = self.studio.ready_editor()
        if editor is None or not (prompt or "").strip():
            return {"methods_ready": ""}
        try:
            words = validate.clean_prompt(prompt or "")
            ready = self.opens(editor).ready(words)
        except StudioError as error:
            return {"methods_ready": markup.note(text.sentence(str(error)))}
        titles = [METHODS[name].title for name in SHOWN if name in ready]
        lacking = [METHODS[name].title for name in SHOWN if name not in ready]
        lines = text.methods_ready(words, titles, lacking)
        return {"methods_ready": "".join(markup.note(line) for line in lines)}

    def run(self, names: Sequence[str], prompt: str, session: Session) -> Views:
        """The chosen methods on the face of the first tab, each shown as soon as it is done."""
        face = session.inversion
        if face is None:
            raise StudioError(text.NEEDS_FACE)
        words, ordered = validate.clean_prompt(prompt), [name for name in SHOWN if name in names]
        check_names(ordered)
        editor = self.studio.source.wait(0)
        if editor is None:
            raise StudioError(text.STILL_LOADING)
        self.studio.limits.compute(session.client)
        session = replace(session, running=CancelToken())
        yield {"session": session, **busy_view(ordered[0], 0.0), **rows_view([])}
        rows: list[CompareRow] = []
        try:
            methods = self.opens(editor)
            for number, name in enumerate(ordered):

                def view(step: Progress, number: int = number, name: str = name) -> View:
                    return busy_view(name, (number + step.fraction) / len(ordered))

                yield view(Progress(name, 0.0))
                row = yield from steps(partial(methods.row, name, face, words), session.running, view)
                rows.append(row)
                yield rows_view(rows)
        except CancelledError:
            yield idle_view(text.METHODS_CANCELLED)
            return
        except Exception:
            yield idle_view("")
            raise
        yield idle_view("")


def face_view(session: Session) -> View:
    """The face of the first tab, or what to do for one."""
    face = session.inversion
    if face is None:
        return {"methods_face": None, "methods_needs": markup.note(text.NEEDS_FACE)}
    shown = images.shown(face.reconstruction, images.GALLERY_SIDE)
    return {"methods_face": shown, "methods_needs": ""}


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
    """The figures, and below them the problems and notes of each method."""
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
            parts["methods_needs"] = gr.HTML("", elem_id="methods-needs")
            # always visible: a component that is shown for the first time while it gets its picture can miss it
            parts["methods_face"] = picture("methods-face", text.METHODS_FACE)
            parts["methods_prompt"] = gr.Textbox(
                label=text.PROMPT_LABEL,
                placeholder="green lipstick",
                max_lines=1,
                max_length=validate.MAX_PROMPT_LENGTH,
                elem_id="methods-prompt",
            )
            parts["methods_ready"] = gr.HTML("", elem_id="methods-ready")
            parts["methods_chosen"] = gr.CheckboxGroup(
                choices=[(METHODS[name].title, name) for name in SHOWN],
                value=[],
                label=text.METHODS_CHOSEN,
                elem_id="methods-chosen",
            )
            with gr.Row(elem_classes="buttons"):
                parts["methods_start"] = gr.Button(text.COMPARE_LABEL, variant="primary", elem_id="methods-start")
                parts["methods_stop"] = gr.Button(text.STOP, variant="stop", visible=False, elem_id="methods-stop")
        with gr.Column(scale=9, min_width=300, elem_classes="stage"):
            parts["methods_bar"] = gr.HTML("", elem_id="methods-bar")
            parts["methods_pictures"] = thumbnails(
                "methods-pictures", text.METHODS_TITLE, 3, visible=False, allow_preview=True, show_label=False
            )
            parts["methods_table"] = gr.HTML(markup.note(text.METHODS_EMPTY), elem_id="methods-table")


def connect(bind: Binder, tabs: Sequence[gr.Tab], parts: Components, handlers: CompareHandlers) -> None:
    """The events."""
    prompt = parts["methods_prompt"]
    arriving = [prompt, parts["prompt"], parts["methods_chosen"], parts["session"]]
    # "multiple": with Gradio's default, "once", an arrival while the last one is not yet done would be dropped
    bind.spoken([tab.select for tab in tabs], handlers.arrive, arriving, trigger_mode="multiple")
    bind.light([prompt.change], handlers.hint, [prompt], trigger_mode="always_last")
    asked = [parts["methods_chosen"], prompt, parts["session"]]
    bind.model([parts["methods_start"].click, prompt.submit], handlers.run, asked)
    bind.light([parts["methods_stop"].click], handlers.studio.abandon, [parts["session"]])
