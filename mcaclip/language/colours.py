"""Colour names that a prompt may use: the everyday ones and those of the XKCD colour survey.

The survey's 949 names (public domain) are in `assets/faceclip/colours.json`, which `python -m train colours` writes.

Source: https://xkcd.com/color/rgb.txt (CC0).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from mcaclip.config import ASSETS
from mcaclip.errors import PromptError, WeightsError

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (200, 30, 35),
    "crimson": (165, 15, 50),
    "maroon": (110, 20, 35),
    "coral": (250, 115, 90),
    "orange": (235, 120, 25),
    "peach": (250, 185, 145),
    "gold": (210, 165, 45),
    "yellow": (240, 215, 40),
    "blonde": (225, 190, 125),
    "beige": (220, 200, 165),
    "ginger": (180, 85, 35),
    "auburn": (120, 50, 35),
    "brown": (100, 60, 35),
    "black": (20, 20, 22),
    "grey": (128, 128, 128),
    "silver": (190, 193, 198),
    "white": (240, 240, 240),
    "green": (30, 140, 50),
    "lime": (140, 215, 40),
    "olive": (115, 115, 35),
    "mint": (140, 220, 180),
    "emerald": (15, 150, 100),
    "teal": (0, 120, 120),
    "turquoise": (45, 200, 190),
    "cyan": (30, 195, 225),
    "blue": (40, 70, 200),
    "navy": (25, 35, 100),
    "indigo": (70, 40, 150),
    "violet": (135, 70, 210),
    "purple": (120, 40, 170),
    "lavender": (185, 160, 225),
    "magenta": (210, 30, 170),
    "pink": (240, 110, 170),
}
"""Colour name -> sRGB, 0..255: saturated, typical examples of everyday colours."""

COLOURS_FILE = ASSETS / "faceclip" / "colours.json"
COLOUR_SYNONYMS: dict[str, str] = {
    "gray": "grey", "blond": "blonde", "scarlet": "red", "fuchsia": "magenta", "aqua": "cyan",
    "violet-blue": "indigo", "dark blue": "navy", "dark green": "emerald", "light blue": "cyan",
    "dark red": "crimson", "lilac": "lavender", "golden": "gold", "redhead": "ginger", "cobalt": "blue",
}  # fmt: skip
"""Another word for an everyday colour."""

_AMBIGUOUS = frozenset({"dark", "pale", "lipstick", "blush", "carpet", "rouge", "iris", "bland", "velvet"})
_CRUDE = re.compile(r"\b(poop|poo|shit|piss|puke|vomit|barf|diarrhea|booger|snot|ugly|bile|baby shit)\b")
UNSEEN_EVERY = 10


@cache
def survey_colours() -> Mapping[str, tuple[int, int, int]]:
    """XKCD's name -> sRGB 0..255, without crude names and those that mean something else in a prompt.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    try:
        table = json.loads(COLOURS_FILE.read_text(encoding="utf-8"))
        read = {name: (int(r), int(g), int(b)) for name, (r, g, b) in table.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WeightsError(
            f"The colour names in {COLOURS_FILE} cannot be read. Restore the file from git."
        ) from error
    usable = {name: rgb for name, rgb in read.items() if name not in _AMBIGUOUS and not _CRUDE.search(name)}
    return MappingProxyType(usable)


@cache
def named_colours() -> Mapping[str, tuple[int, int, int]]:
    """Every known name -> sRGB 0..255; everyday colours and synonyms take precedence over the survey."""
    synonyms = {plain(name): COLOURS[colour] for name, colour in COLOUR_SYNONYMS.items()}
    return MappingProxyType({**survey_colours(), **synonyms, **COLOURS})


@cache
def unseen_colours() -> frozenset[str]:
    """Survey names that are held out of training: every tenth of those with several words."""
    several = sorted(name for name in survey_colours() if " " in name and name not in COLOUR_SYNONYMS)
    return frozenset(several[::UNSEEN_EVERY])


def says_unseen(text: str) -> bool:
    """Whether a text contains a name of `unseen_colours`, in either spelling of grey."""
    return _unseen_pattern().search(text.lower().replace("gray", "grey")) is not None


@cache
def _unseen_pattern() -> re.Pattern[str]:
    names = sorted(unseen_colours(), key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(re.escape(name) for name in names) + r")\b")


def plain(text: str) -> str:
    """Lower-case words with single spaces, the form in which names are looked up."""
    return " ".join(re.findall(r"[a-z]+", text.lower().replace("'", "")))


@cache
def names_by_words() -> Mapping[str, str]:
    """`plain` spelling -> canonical name, for all colours that a prompt may name."""
    # "purple pink" and "purple/pink" are two colours of the survey; the words alone mean the first
    table = {plain(name): name for name in sorted(survey_colours(), key=lambda name: "/" not in name)}
    table |= {name: name for name in COLOURS}
    table |= {plain(name): colour for name, colour in COLOUR_SYNONYMS.items()}
    table |= {words.replace("grey", "gray"): name for words, name in table.items()}
    return MappingProxyType(table)


def srgb_of(name: str) -> tuple[int, int, int]:
    """sRGB 0..255 of any known colour name; raises PromptError for an unknown one."""
    known = named_colours()
    if name not in known:
        raise PromptError(f"The colour {name!r} is unknown. Use an everyday one: {', '.join(sorted(COLOURS))}.")
    return known[name]
