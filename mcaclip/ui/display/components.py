"""Components of the page; those with a script of ours are `gr.HTML`, whose script is a file of `assets/page`."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import gradio as gr

from mcaclip.config import ASSETS
from mcaclip.ui.display import painting, text

Components = dict[str, Any]
"""Name to component."""
FOLDER = ASSETS / "page"
CSS_PATH = FOLDER / "studio.css"
SCRIPTS = ("bus.js", "paint.js", "stage.js", "film.js", "cards.js", "pages.js")
CARDS = ("added", "wanted")
"""Events of the cards beside `select`."""


def scripts() -> str:
    """All our scripts, for the page's head."""
    words = f"window.studioWords = {json.dumps({'range': text.RANGE, 'noCamera': text.NO_CAMERA})};"
    return "".join(f"<script>{one}</script>" for one in (words, *((FOLDER / n).read_text("utf-8") for n in SCRIPTS)))


def own_html(name: str, template: str, value: Any, events: tuple[str, ...] = (), **options: Any) -> gr.HTML:
    """A component that the function `window.studio.<name>` of our scripts draws and watches."""
    listed = ", ".join(f'"{event}"' for event in events)
    return gr.HTML(
        value,
        html_template=template,
        js_on_load=f"window.studio.{name}({{ element, props, trigger, watch }}); // {listed}",
        apply_default_css=False,
        **options,
    )


def feed(name: str, value: Any = None) -> gr.HTML:
    """A value that our scripts hear under a name; nothing of it is seen."""
    said = f"window.studio.tell({name!r}, props.value)"
    return gr.HTML(
        value, html_template="", js_on_load=f"watch('value', () => {said}); {said};", visible="hidden", padding=False
    )


def stage_view(value: dict[str, Any]) -> gr.HTML:
    """The large picture with its views; `value`: see `mcaclip.ui.handlers.views.face_view`."""
    views = "".join(
        f'<label><input type="radio" name="stage-view" value="{name}"><span>{label}</span></label>'
        for name, label in text.VIEWS
    )
    template = f"""<div class="stage-view" data-view="split">
<div class="port"><div class="pan"><img class="before" alt="{text.PICTURE_LABEL}" hidden>
<img class="after" alt="" hidden><img class="layer" alt="" hidden><div class="tint"></div>
<canvas width="{painting.CANVAS}" height="{painting.CANVAS}" aria-hidden="true"></canvas>
<div class="boxes"></div><div class="line" role="slider" tabindex="0" aria-label="{text.LINE_LABEL}"
aria-valuemin="0" aria-valuemax="100" aria-valuenow="50"></div></div>
<figure class="inset" hidden><img alt="{text.INSET_LABEL}"></figure></div>
<div class="layers"></div><p class="layer-name"></p>
<div class="stage-bar"><fieldset class="views"><legend>{text.VIEWS_LABEL}</legend>{views}</fieldset>
<button type="button" class="original" title="{text.ORIGINAL_INFO}">{text.ORIGINAL_BUTTON}</button>
<button type="button" class="zoom" data-full="{text.ZOOM_FULL}" data-fit="{text.ZOOM_FIT}">{text.ZOOM_FULL}</button>
</div></div>"""
    return own_html("stage", template, value, ("select",), elem_id="stage-view")


def film() -> gr.HTML:
    """The original and all edits of every face; `select` goes to one, `compare` compares with it."""
    template = f'<div class="frames" role="group" aria-label="{text.FILM_LABEL}" title="{text.FILM_LABEL}"></div>'
    return own_html("film", template, [], ("select", "compare"), elem_id="film")


def cards() -> gr.HTML:
    """The prompts to choose from; `select` edits with one, `added` adds it, `wanted` asks for previews."""
    words = f'data-all="{text.ALL_CATEGORIES}" data-yours="{text.OWN_CATEGORY}" data-add="{text.ADD_CARD}"'
    template = f"""<div class="cards" {words} data-remove="{text.REMOVE_CARD}">
<div class="categories" role="group" aria-label="{text.CARDS_LABEL}"></div><div class="list"></div>
<div class="own"><button type="button" class="keep-card" disabled>{text.KEEP_CARD}</button>
<button type="button" class="export-cards">{text.EXPORT_CARDS}</button>
<label>{text.IMPORT_CARDS}<input class="import-cards" type="file" accept="application/json,.json"></label>
<p class="own-problem" role="alert" hidden>{escape(text.BAD_CARDS)}</p></div></div>"""
    return own_html("cards", template, {"cards": []}, ("select", *CARDS), elem_id="cards")


def verdict(value: dict[str, Any]) -> gr.HTML:
    """How well the words are known, in one line with suggestions; `select` takes one of these."""
    return own_html("verdict", '<p class="verdict" role="status"></p>', value, ("select",), elem_id="verdict")


def choices() -> gr.HTML:
    """The edit in other strengths or variations; `select` takes one."""
    template = f'<div class="choices" role="group" aria-label="{text.CHOICES_LABEL}"></div>'
    return own_html("choices", template, [], ("select",), elem_id="choices")


def words_field(name: str, label: str, placeholder: str) -> gr.Textbox:
    """One line for a prompt, with room for a button beside it. Too many words stay, for the server to say so."""
    return gr.Textbox(
        label=label,
        placeholder=placeholder,
        max_lines=1,
        scale=1,
        min_width=120,
        elem_id=name,
    )


def thumbnails(name: str, label: str, columns: int, **options: Any) -> gr.Gallery:
    """Small pictures to choose from."""
    options = {"allow_preview": False, "buttons": [], "format": "jpeg", **options}
    return gr.Gallery(label=label, columns=columns, elem_id=name, height="auto", interactive=False, **options)
