"""The prompt library on the page: by category, each prompt with a small picture."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mcaclip.config import ASSETS
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.language.colours import srgb_of
from mcaclip.language.grammar import understand
from mcaclip.platform.naming import slug
from mcaclip.ui.display import text

THUMBNAILS = ASSETS / "thumbnails"
"""Generated faces only; made by `python -m train thumbnails`."""

NO_COLOUR = (160, 157, 151)


def category(entry: LibraryPrompt) -> str:
    """Label of an entry's category; of a prompt that the library does not name, the part of the face it changes."""
    if entry.category:
        return entry.category
    return text.CATEGORIES[entry.meaning.part] if entry.meaning else text.OTHER_CATEGORY


def categories(entries: Sequence[LibraryPrompt]) -> list[str]:
    """Labels of all categories after one for everything, in the library's order; "Other" comes last."""
    order = dict.fromkeys(category(entry) for entry in entries)
    last = [text.OTHER_CATEGORY] if text.OTHER_CATEGORY in order else []
    return [text.ALL_CATEGORIES, *(label for label in order if label != text.OTHER_CATEGORY), *last]


def within(entries: Sequence[LibraryPrompt], label: str | None) -> list[str]:
    """The prompts of one category, or all of them."""
    return [entry.prompt for entry in entries if label in (None, text.ALL_CATEGORIES, category(entry))]


def thumbnail_style(entries: Sequence[LibraryPrompt]) -> str:
    """A style sheet that puts a picture before the name of every prompt, or a patch of its colours without one."""
    rules = [
        f"#prompts label:has(input[value={_quoted(entry.prompt)}])::before {{ {_ground(entry)} }}"
        for entry in entries
    ]
    return f"<style>{' '.join(rules)}</style>"


def _ground(entry: LibraryPrompt) -> str:
    path = THUMBNAILS / f"{slug(entry.prompt)}.jpg"
    if path.is_file():
        return f"background-image: url({_data_url(path)}) !important"
    meanings = [understand(name) for name, _ in entry.recipe] or [entry.meaning]
    colours = ["rgb({} {} {})".format(*(srgb_of(one.colour) if one else NO_COLOUR)) for one in meanings]
    if len(colours) == 1:
        return f"background-color: {colours[0]} !important"
    return f"background-image: linear-gradient(to bottom, {', '.join(colours)}) !important"


def _quoted(words: str) -> str:
    """A CSS string. All but letters, digits and spaces are escaped, so that no prompt can end it."""
    return '"' + "".join(c if c.isalnum() or c == " " else f"\\{ord(c):x} " for c in words) + '"'


@cache
def _data_url(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
