"""The prompt library on the page: by category, each prompt with a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from mcaclip.config import ASSETS
from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.language.colours import srgb_of
from mcaclip.language.grammar import understand
from mcaclip.platform.naming import slug
from mcaclip.ui.display import images, text

THUMBNAILS = ASSETS / "thumbnails"
"""Generated faces only; made by `python -m train thumbnails`."""

NO_COLOUR = (160, 157, 151)


def category(entry: LibraryPrompt) -> str:
    """Label of an entry's category; of a prompt that the library does not name, the part of the face it changes."""
    if entry.category:
        return entry.category
    return text.CATEGORIES[entry.meaning.part] if entry.meaning else text.OTHER_CATEGORY


def cards(entries: Sequence[LibraryPrompt]) -> list[dict[str, str]]:
    """What the page draws of every prompt: its category, and a picture or a patch of its colours."""
    ordered = sorted(entries, key=lambda entry: category(entry) == text.OTHER_CATEGORY)  # "Other" comes last
    return [{"prompt": entry.prompt, "category": category(entry), **_ground(entry)} for entry in ordered]


def _ground(entry: LibraryPrompt) -> dict[str, str]:
    if picture := file_url(THUMBNAILS / f"{slug(entry.prompt)}.jpg"):
        return {"url": picture}
    meanings = [understand(name) for name, _ in entry.recipe] or [entry.meaning]
    colours = ["rgb({} {} {})".format(*(srgb_of(one.colour) if one else NO_COLOUR)) for one in meanings]
    return {"ground": colours[0] if len(colours) == 1 else f"linear-gradient(to bottom, {', '.join(colours)})"}


file_url = cache(images.file_url)
"""A picture of the assets as a data URL, read once."""
