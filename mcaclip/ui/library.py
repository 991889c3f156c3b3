"""The learned prompts as the page offers them: by part of the face, each with a small picture."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mcaclip.text.colours import srgb_of
from mcaclip.text.grammar import PART_NOUNS, understand
from mcaclip.ui import text

THUMBNAILS = Path(__file__).resolve().parents[2] / "assets" / "thumbnails"
"""Generated faces only; made by `python -m train thumbnails`."""


def slug(prompt: str) -> str:
    """A file name's stem for a prompt: letters, digits and underscores, at most 60."""
    return re.sub(r"[^a-z0-9]+", "_", prompt.lower()).strip("_")[:60] or "edit"


def category(prompt: str) -> str:
    """Label of the part of the face that a prompt changes."""
    meaning = understand(prompt)
    return text.CATEGORIES[meaning.part] if meaning else text.OTHER_CATEGORY


def categories(prompts: Sequence[str]) -> list[str]:
    """Labels of all parts that the prompts change, after one for everything; in the vocabulary's order."""
    present = {category(prompt) for prompt in prompts}
    order = dict.fromkeys([*(text.CATEGORIES[part] for part in PART_NOUNS), text.OTHER_CATEGORY])
    return [text.ALL_CATEGORIES, *(label for label in order if label in present)]


def within(prompts: Sequence[str], label: str | None) -> list[str]:
    """The prompts of one category, or all of them."""
    if label in (None, text.ALL_CATEGORIES):
        return list(prompts)
    return [prompt for prompt in prompts if category(prompt) == label]


def thumbnail_style(prompts: Sequence[str]) -> str:
    """A style sheet that puts its picture before the name of every prompt; a patch of its colour where none is."""
    rules = [
        f"#prompts label:has(input[value={_quoted(prompt)}])::before {{ {_ground(prompt)} }}" for prompt in prompts
    ]
    return f"<style>{' '.join(rules)}</style>"


def _ground(prompt: str) -> str:
    path = THUMBNAILS / f"{slug(prompt)}.jpg"
    if path.is_file():
        return f"background-image: url({_data_url(path)}) !important"
    meaning = understand(prompt)
    red, green, blue = srgb_of(meaning.colour) if meaning else (160, 157, 151)
    return f"background-color: rgb({red} {green} {blue}) !important"


def _quoted(words: str) -> str:
    """A CSS string; everything but letters, digits and spaces as its code, so that it can end nothing."""
    return '"' + "".join(c if c.isalnum() or c == " " else f"\\{ord(c):x} " for c in words) + '"'


@cache
def _data_url(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"
