"""The room in which a visitor ranks the pictures of a comparison without knowing their methods.

What was voted belongs to the tab, and is gone when the page is loaded again; a file of it can be saved.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from random import SystemRandom
from typing import Any

import gradio as gr

from mcaclip.errors import StudioError
from mcaclip.evaluation.compare import CompareRow
from mcaclip.evaluation.vote import (
    CRITERIA,
    PLACES,
    Ballot,
    Question,
    answer,
    as_csv,
    ask,
    by_question,
    table,
    tally,
)
from mcaclip.methods.base import title_of
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display.components import Components
from mcaclip.ui.handlers.binder import Binder
from mcaclip.ui.handlers.views import View
from mcaclip.ui.lab import examples

PICTURE_SIDE = 512
VOTER = "visitor"
CHOICES = [f"vote_{criterion}_{place}" for criterion in CRITERIA for place in PLACES]
"""Names of the choices of a letter, in the order of the page."""


def asked(words: str, rows: Sequence[CompareRow]) -> View:
    """The room for a comparison that has just been made; nothing changes for fewer than two pictures.

    Args:
        words: what the visitor asked for.
        rows: of the methods; those without an edit are left out.
    """
    made = {row.method: row.edit for row in rows if row.edit is not None}
    if len(made) < 2:
        return {}
    question = ask("", "face", words, list(made), SystemRandom())
    source = next(iter(made.values())).source
    pictures = [source, *(made[method].image for method in question.methods)]
    named = [text.METHODS_FACE, *map(text.VOTE_PICTURE.format, question.letters)]
    figures = "".join(
        markup.figure(images.url(images.shown(one, PICTURE_SIDE), 88), name)
        for one, name in zip(pictures, named, strict=True)
    )
    letters, places = list(question.letters), len(question.places)
    return {
        "vote_question": question,
        "vote_line": markup.note(text.VOTE_ASKED.format(words), "strong"),
        "vote_pictures": f'<div class="trio">{figures}</div>',
        "vote_panel": gr.update(visible=True),
        "vote_cast": gr.update(interactive=True),
        **{
            name: gr.update(choices=letters, value=None, visible=number % len(PLACES) < places)
            for number, name in enumerate(CHOICES)
        },
    }


def cast(question: Question | None, ballots: tuple[Ballot, ...], *letters: object) -> View:
    """Counts the visitor's vote, and says which picture is of which method.

    Args:
        question: what is asked; None where it has been answered.
        ballots: the visitor's earlier votes.
        letters: what the browser sent for each of `CHOICES`.

    Raises:
        StudioError: there is no question, or the letters are no answer to it.
    """
    if question is None:
        raise StudioError(text.VOTE_NEEDS)
    question = replace(question, name=str(len(ballots) + 1))
    count = len(question.places)
    chosen = {criterion: letters[number * len(PLACES) :][:count] for number, criterion in enumerate(CRITERIA)}
    ballots = (*ballots, answer(VOTER, question, chosen))
    named = zip(question.letters, map(title_of, question.methods), strict=True)
    names = ", ".join(text.VOTE_NAMES.format(*pair) for pair in named)
    return {
        "vote_question": None,
        "vote_ballots": ballots,
        "vote_cast": gr.update(interactive=False),
        "vote_line": markup.note(f"{names}.", "strong"),
        "vote_table": table_html(ballots),
    }


def table_html(ballots: Sequence[Ballot]) -> str:
    """The mean points of the visitor's votes, and a link that saves these."""
    head, lines = table(tally(ballots, by_question))
    heads = "".join(f'<th scope="col">{escape(cell.capitalize())}</th>' for cell in head)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in others)}</tr>'
        for first, *others in lines
    )
    data = base64.b64encode(as_csv(ballots).encode()).decode()
    link = f'<a class="to-studio" download="votes.csv" href="data:text/csv;base64,{data}">{text.VOTE_EXPORT}</a>'
    about = markup.note(text.VOTE_TABLE.format(len(ballots)))
    shown = f'<table class="votes"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    frame = f'<div class="votes-frame" role="region" aria-label="{text.VOTE_REGION}" tabindex="0">{shown}</div>'
    return frame + about + link


def build_room(parts: Components) -> None:
    """The components."""
    parts["vote_question"] = gr.State(None)
    parts["vote_ballots"] = gr.State(())
    with gr.Column(elem_id="vote-room", elem_classes="room"):
        with gr.Column(elem_classes="room-panel", visible=False) as parts["vote_panel"]:
            for criterion, question in CRITERIA.items():
                gr.HTML(f"<h3>{criterion.capitalize()}</h3>{markup.note(question)}")
                for place in PLACES:
                    name = f"vote_{criterion}_{place}"
                    parts[name] = gr.Radio(
                        choices=[],
                        label=text.VOTE_PLACE.format(place.capitalize(), criterion),
                        elem_id=name.replace("_", "-"),
                        elem_classes="vote-place",
                    )
            parts["vote_cast"] = gr.Button(text.VOTE_CAST, variant="primary", elem_id="vote-cast")
        with gr.Column(elem_classes="room-main"):
            parts["vote_line"] = gr.HTML("", elem_id="vote-line")
            empty = examples.hint(text.VOTE_TITLE, text.VOTE_INFO, text.TO_COMPARISON, "compare")
            parts["vote_pictures"] = gr.HTML(empty, elem_id="vote-pictures")
            parts["vote_table"] = gr.HTML("", elem_id="vote-table")


def connect(bind: Binder, parts: Components) -> None:
    """The event. `asked` is shown by the comparison itself."""
    chosen = [parts[name] for name in CHOICES]
    # Gradio would refuse a letter that was chosen a moment before others were offered
    raw: dict[str, Any] = {"preprocess": False}
    bind.spoken([parts["vote_cast"].click], cast, [parts["vote_question"], parts["vote_ballots"], *chosen], **raw)
