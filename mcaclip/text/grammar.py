"""The words of a prompt: which part of the face, which colour, which finish.

One vocabulary serves three users: captions for FaceCLIP, the second witness in training ("green lipstick" acts on
the lips and should turn them green), and the evaluation of a prompt's hit rate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcaclip.colour import COLOURS

PART_NOUNS: dict[str, tuple[str, ...]] = {
    "lips": ("lipstick", "lips", "painted lips", "lip color", "lip gloss"),
    "hair": ("hair", "dyed hair", "hair color", "hairdo"),
    "goatee": ("goatee", "chin beard", "goatee beard"),
    "brows": ("eyebrows", "brows", "eye brows"),
    "eyes": ("eyes", "irises", "contact lenses"),
    "skin": ("skin", "face paint", "skin color"),
    "background": ("background", "backdrop", "wall behind"),
}
"""Region (see `mcaclip.perception.regions`) to the nouns that name what is there, commonest first."""

COLOUR_SYNONYMS: dict[str, str] = {
    "gray": "grey", "blond": "blonde", "scarlet": "red", "fuchsia": "magenta", "aqua": "cyan",
    "violet-blue": "indigo", "dark blue": "navy", "dark green": "emerald", "light blue": "cyan",
    "dark red": "crimson", "lilac": "lavender", "golden": "gold", "redhead": "ginger", "cobalt": "blue",
}  # fmt: skip

TEMPLATES = (
    "a photo of a face with {}", "a person with {}", "a portrait of someone with {}", "{}", "a face with {}",
    "a close-up of a person who has {}", "someone wearing {}", "a picture of a person with {}",
)  # fmt: skip
NEUTRAL_TEXTS = (
    "a face", "a photo of a face", "a portrait of a person", "a person", "a picture of someone",
    "a natural face", "a face without makeup", "an ordinary person",
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a prompt asks for, as far as this vocabulary goes.

    Attributes:
        part: a region's name.
        colour: a name in `mcaclip.colour.COLOURS`.
    """

    part: str
    colour: str


def understand(prompt: str) -> Meaning | None:
    """The part and colour that a prompt names; None where one of them is missing or outside the vocabulary."""
    text = " ".join(re.findall(r"[a-z]+", prompt.lower()))
    part = _longest_match(text, {noun: part for part, nouns in PART_NOUNS.items() for noun in nouns})
    colours = {name: name for name in COLOURS} | {k.replace("-", " "): v for k, v in COLOUR_SYNONYMS.items()}
    colour = _longest_match(text, colours)
    return Meaning(part, colour) if part and colour else None


def _longest_match(text: str, table: dict[str, str]) -> str | None:
    found = [phrase for phrase in table if re.search(rf"\b{re.escape(phrase)}\b", text)]
    return table[max(found, key=len)] if found else None
