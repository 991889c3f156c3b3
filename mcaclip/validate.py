"""Checks of what a user typed, made before any model is loaded (no torch here)."""

from __future__ import annotations

from collections.abc import Sequence

from mcaclip.errors import PromptError, StudioError

MAX_PROMPT_LENGTH = 200
MAX_STRENGTH = 2.0
MAX_THRESHOLD = 0.95
EFFORTS = ("instant", "good", "best")
STACKS = ("compact",)


def clean_prompt(text: str | None) -> str:
    """The prompt with single spaces and no space at its ends.

    Raises:
        PromptError: when nothing is left, or more than `MAX_PROMPT_LENGTH` characters are.
    """
    prompt = " ".join((text or "").split())
    if not prompt:
        raise PromptError('The prompt is empty. Describe one change, for instance "green lipstick".')
    if len(prompt) > MAX_PROMPT_LENGTH:
        raise PromptError(
            f"The prompt has {len(prompt)} characters, the limit is {MAX_PROMPT_LENGTH}. "
            'Describe one change in a few words, for instance "green lipstick".'
        )
    return prompt


def single_prompt(prompts: Sequence[str] | None) -> str:
    """The one prompt of a request that may hold several.

    Raises:
        PromptError: for several prompts (edits cannot be combined yet), or a bad one.
    """
    if prompts is not None and len(prompts) > 1:
        raise PromptError(
            "Edits cannot be combined yet: give --prompt once. "
            "Run the command again on edited.png to add the next change."
        )
    return clean_prompt(prompts[0] if prompts else None)


def check_strength(strength: float) -> float:
    """The strength itself. Raises StudioError outside 0..`MAX_STRENGTH` (and for not-a-number)."""
    if not 0.0 <= strength <= MAX_STRENGTH:
        raise StudioError(f"The strength is {strength:g}; use a number from 0 to {MAX_STRENGTH:g} (1 is normal).")
    return strength


def check_threshold(threshold: float) -> float:
    """The threshold itself. Raises StudioError outside 0..`MAX_THRESHOLD` (and for not-a-number)."""
    if not 0.0 <= threshold <= MAX_THRESHOLD:
        raise StudioError(
            f"The mask threshold is {threshold:g}; use 0 for soft masks or a number up to {MAX_THRESHOLD:g}."
        )
    return threshold


def check_effort(effort: str) -> str:
    """The effort itself.

    Raises:
        StudioError: there is no such effort.
    """
    if effort not in EFFORTS:
        raise StudioError(f'The inversion effort "{effort}" does not exist; use one of: {", ".join(EFFORTS)}.')
    return effort
