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
from mcaclip.language.word_tables import read_words

_WORDS = read_words("colours")
COLOURS: dict[str, tuple[int, int, int]] = {name: (r, g, b) for name, (r, g, b) in _WORDS["everyday"].items()}
"""Colour name -> sRGB, 0..255: saturated, typical examples of everyday colours."""
COLOUR_SYNONYMS: dict[str, str] = _WORDS["synonyms"]
"""Another word for an everyday colour."""
COLOURS_FILE = ASSETS / "faceclip" / "colours.json"
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
