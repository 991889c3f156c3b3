"""The values of the controls of an edit, between the page and `EditSettings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from mcaclip import validate
from mcaclip.language.grammar import understand
from mcaclip.types import EditSettings, Paint, PromptStrength


@dataclass(frozen=True)
class Controls:
    """The values of the controls, checked one by one.

    Attributes:
        prompt: the prompt line.
        strengths: of the changes that are shown, in their order.
        threshold: see `EditSettings.mask_threshold`.
        feather: see `EditSettings.mask_feather`.
        likeness: see `EditSettings.likeness`.
        invert: see `EditSettings.mask_invert`.
        mode: see `EditSettings.mode`.
    """

    prompt: str = ""
    strengths: tuple[float, ...] = ()
    threshold: float = 0.0
    feather: float = 0.0
    likeness: float = EditSettings.likeness
    invert: bool = False
    mode: str | None = None

    @classmethod
    def of(cls, values: Sequence[object]) -> Controls:
        """From the values in the order prompt, strengths, threshold, feather, likeness, invert, mode.

        Raises:
            StudioError: a value is of the wrong kind or outside its range.
        """
        prompt, *strengths = values[: 1 + validate.MAX_PROMPTS]
        threshold, feather, likeness, invert, mode = values[1 + validate.MAX_PROMPTS :]
        return cls(
            validate.check_text(prompt, "prompt"),
            tuple(validate.check_strength(strength or 0.0) for strength in strengths),
            validate.check_threshold(threshold or 0.0),
            validate.check_feather(feather or 0.0),
            validate.check_likeness(likeness or 0.0),
            bool(invert),
            validate.check_mode(mode_of(mode)),
        )

    def settings(self, words: str, paint: Paint | None) -> EditSettings:
        """The settings of an edit by some words. Raises PromptError for words that are no prompt."""
        return EditSettings(
            validate.clean_prompt(words),
            mask_threshold=self.threshold,
            mask_invert=self.invert,
            mask_feather=self.feather,
            likeness=self.likeness,
            paint=paint,
            mode=self.mode,
        )

    def changed(self, settings: EditSettings) -> EditSettings:
        """The changes of an edit that is shown, with the strengths and masks that stand in the controls now.

        Variation and mode stay: only *Edit* changes what is asked for.
        """
        strengths = (*self.strengths, *(part.strength for part in settings.parts[len(self.strengths) :]))
        parts = [
            PromptStrength(part.prompt, strength) for part, strength in zip(settings.parts, strengths, strict=False)
        ]
        masks = replace(
            settings,
            mask_threshold=self.threshold,
            mask_invert=self.invert,
            mask_feather=self.feather,
            likeness=self.likeness,
        )
        return masks.with_parts(parts)


AUTOMATIC = "automatic"
"""What the page calls the mode None: its choices need a name."""


def mode_of(choice: object) -> str | None:
    """The mode of a choice on the page or of an endpoint's caller, not checked yet."""
    return None if choice in (None, "", AUTOMATIC) else str(choice)


def suggestions(text: str, fitted: Sequence[str], count: int = 3) -> list[str]:
    """Fitted prompts near to a text: first those of the same part of the face, then those spelled alike."""
    wanted = understand(text)
    words = set(text.lower().split())
    near = [p for p in fitted if wanted and (m := understand(p)) and m.part == wanted.part]
    near += [p for p in fitted if words & set(p.lower().split())]
    near += get_close_matches(text.lower(), fitted, count, 0.5)
    return list(dict.fromkeys(near))[:count]
