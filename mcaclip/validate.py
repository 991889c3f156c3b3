"""Checks of what a user typed, made before any model is loaded (no torch here)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TypeVar

from mcaclip.errors import PromptError, StudioError

MAX_PROMPT_LENGTH = 200
MAX_PROMPTS = 4
MAX_STRENGTH = 2.0
MAX_FEATHER = 16.0
MAX_THRESHOLD = 0.95
DEFAULT_LIKENESS = 0.5
MAX_VARIATION = 999
EFFORTS = ("instant", "good", "best")
UNIVERSAL, FITTED = MODES = ("universal", "fitted")
"""How an edit is made: by the one network that takes any prompt, or by one that was fitted to this prompt."""


Default = TypeVar("Default", bound=float | None)

_DROPPED = re.compile("[\ufe00-\ufe0f\u20e0-\u20e3\U000e0100-\U000e01ef]")
"""Marks that only shape the emoji before them."""


def clean_prompt(text: str | None) -> str:
    """The prompt as the models get it: what no model here reads is left out.

    Control characters, emoji and other symbols become spaces, invisible formatting goes, fancy letters (full width,
    mathematical) become plain ones, and spaces are single, none at the ends. Words in another script stay as long as
    there are English ones beside them: leaving them out could change what is asked for.

    Raises:
        PromptError: when nothing is left, nothing in Latin letters, or more than `MAX_PROMPT_LENGTH` characters.
    """
    prompt = " ".join("".join(map(_readable, _DROPPED.sub("", unicodedata.normalize("NFKC", text or "")))).split())
    if not (text or "").strip():
        raise PromptError('The prompt is empty. Describe one change, for instance "green lipstick".')
    if not has_latin_letters(prompt):
        raise PromptError(
            "The prompt has no words in Latin letters, and the models know English words only. "
            'Describe one change in English, for instance "green lipstick".'
        )
    if len(prompt) > MAX_PROMPT_LENGTH:
        raise PromptError(
            f"The prompt has {len(prompt)} characters, the limit is {MAX_PROMPT_LENGTH}. "
            'Describe one change in a few words, for instance "green lipstick".'
        )
    return prompt


def has_latin_letters(text: str) -> bool:
    """Whether there is anything in a text that models of English words could read."""
    return any(c.isalpha() and unicodedata.name(c, "").startswith(("LATIN", "FULLWIDTH LATIN")) for c in text)


def _readable(character: str) -> str:
    """The character, a space in place of a symbol or control, or nothing for invisible formatting."""
    if " " <= character <= "~":
        return character
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    return " " if category[0] == "C" or category in ("So", "Sk") else character


def split_prompt(text: str, strength: Default) -> tuple[str, float | Default]:
    """`"purple hair:0.7"` to the cleaned prompt and its strength; without a number, `strength` (which may be None).

    Raises:
        PromptError: see `clean_prompt`.
        StudioError: the number is outside 0..`MAX_STRENGTH`.
    """
    words, colon, number = text.rpartition(":")
    if colon and re.fullmatch(r"\s*[+-]?\d*\.?\d+\s*", number):
        return clean_prompt(words), check_strength(float(number))
    if strength is not None:
        check_strength(strength)
    return clean_prompt(text), strength


def split_prompts(texts: Sequence[str] | None, strength: Default) -> list[tuple[str, float | Default]]:
    """Every prompt of a request with its strength, see `split_prompt`.

    Raises:
        PromptError: none, more than `MAX_PROMPTS`, one twice, or a bad one.
        StudioError: a strength is outside its range.
    """
    parts = [split_prompt(text, strength) for text in texts or [""]]
    if len(parts) > MAX_PROMPTS:
        raise PromptError(f"{len(parts)} prompts were given; combine at most {MAX_PROMPTS} in one edit.")
    names = [prompt.lower() for prompt, _ in parts]
    if len(set(names)) < len(names):
        raise PromptError("The same prompt was given twice. Give it once, with the strength it should have.")
    return parts


def check_number(value: object, name: str, low: float, high: float, hint: str = "") -> float:
    """The number itself. Raises StudioError for anything but a number in low..high; `hint` ends its sentence."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return value
    shown = f"{value:g}" if isinstance(value, float) else shortened(value)
    raise StudioError(f"The {name} is {shown}; use a number from {low:g} to {high:g}{hint}.")


def check_text(value: object, name: str) -> str:
    """The text itself; empty for None. Raises StudioError for anything else."""
    if value is not None and not isinstance(value, str):
        raise StudioError(f"The {name} is {shortened(value)}; use words.")
    return value or ""


def shortened(value: object, letters: int = 40) -> str:
    """A value from outside as it may stand in a message: printable and short."""
    if isinstance(value, (dict, list, tuple)):
        return "a list of values"
    shown = "a very large number" if isinstance(value, int) and abs(value) > 10**15 else str(value)
    shown = "".join(c if c.isprintable() else "?" for c in shown[: letters + 1])
    return shown if len(shown) <= letters else f"{shown[:letters]}\u2026"


def check_strength(strength: object) -> float:
    """The strength itself. Raises StudioError outside 0..`MAX_STRENGTH` (and for what is no number)."""
    return check_number(strength, "strength", 0, MAX_STRENGTH, " (1 is normal)")


def check_threshold(threshold: object) -> float:
    """The threshold itself. Raises StudioError outside 0..`MAX_THRESHOLD` (and for what is no number)."""
    return check_number(threshold, "mask threshold", 0, MAX_THRESHOLD, " (0 keeps the masks soft)")


def check_likeness(likeness: object) -> float:
    """The likeness itself. Raises StudioError outside 0..1 (and for what is no number)."""
    return check_number(likeness, "likeness", 0, 1, " (1 keeps the most of the photo)")


def check_feather(pixels: object) -> float:
    """The feather itself. Raises StudioError outside 0..`MAX_FEATHER` (and for what is no number)."""
    return check_number(pixels, "mask feather", 0, MAX_FEATHER, " pixels")


def check_mode(mode: str | None) -> str | None:
    """The mode itself; None is the automatic choice. Raises StudioError for one that does not exist."""
    if mode is not None and mode not in MODES:
        raise StudioError(
            f'The mode "{shortened(mode)}" does not exist; use one of: {", ".join(MODES)}, or leave it out.'
        )
    return mode


def check_effort(effort: object) -> str:
    """The effort itself.

    Raises:
        StudioError: there is no such effort.
    """
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise StudioError(
            f'The inversion effort "{shortened(effort)}" does not exist; use one of: {", ".join(EFFORTS)}.'
        )
    return effort
