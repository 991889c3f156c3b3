"""The values of the controls of an edit, between the page and `EditSettings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from mcaclip import validate
from mcaclip.errors import PromptError
from mcaclip.language.grammar import understand
from mcaclip.types import EditSettings, Paint, PromptStrength


@dataclass(frozen=True)
class Controls:
    """The values of the controls, not checked yet.

    Attributes:
        prompts: the text fields; empty ones do not count.
        strengths: one per text field.
        threshold: see `EditSettings.mask_threshold`.
        feather: see `EditSettings.mask_feather`.
        likeness: see `EditSettings.likeness`.
        invert: see `EditSettings.mask_invert`.
        mode: see `EditSettings.mode`.
    """

    prompts: tuple[str, ...]
    strengths: tuple[float, ...]
    threshold: float = 0.0
    feather: float = 0.0
    likeness: float = EditSettings.likeness
    invert: bool = False
    mode: str | None = None

    @classmethod
    def of(cls, values: Sequence[object]) -> Controls:
        """From the values in the order prompts, strengths, threshold, feather, likeness, invert, mode."""
        count = validate.MAX_PROMPTS
        prompts, strengths, rest = values[:count], values[count : 2 * count], values[2 * count :]
        threshold, feather, likeness, invert, mode = rest
        return cls(
            tuple(validate.check_text(prompt, "prompt") for prompt in prompts),
            tuple(validate.check_strength(strength or 0.0) for strength in strengths),
            validate.check_threshold(threshold or 0.0),
            validate.check_feather(feather or 0.0),
            validate.check_likeness(likeness or 0.0),
            bool(invert),
            mode_of(mode),
        )

    def settings(self, paint: Paint | None) -> EditSettings:
        """The checked settings.

        Raises:
            PromptError: no prompt at all, one twice, or a bad one.
            StudioError: another value is outside its range.
        """
        given = [(p, s) for p, s in zip(self.prompts, self.strengths, strict=True) if p.strip()]
        parts = [
            PromptStrength(validate.clean_prompt(prompt), validate.check_strength(strength))
            for prompt, strength in given or [("", 1.0)]
        ]
        names = [part.prompt.lower() for part in parts]
        if len(set(names)) < len(names):
            raise PromptError("The same change is asked for twice. Clear one of the two fields.")
        masks = EditSettings(
            parts[0].prompt,
            mask_threshold=validate.check_threshold(self.threshold),
            mask_invert=self.invert,
            mask_feather=validate.check_feather(self.feather),
            likeness=validate.check_likeness(self.likeness),
            paint=paint,
            mode=validate.check_mode(self.mode),
        )
        return masks.with_parts(parts)

    def changed(self, settings: EditSettings) -> EditSettings:
        """The prompts of an edit that is shown, with the strengths and masks that stand in the controls now.

        A prompt that no field holds any more keeps its strength, and variation and mode stay: only *Edit* changes
        what is asked for.
        """
        strengths = {
            " ".join(prompt.lower().split()): validate.check_strength(strength)
            for prompt, strength in zip(self.prompts, self.strengths, strict=True)
        }
        parts = [
            PromptStrength(part.prompt, strengths.get(part.prompt.lower(), part.strength)) for part in settings.parts
        ]
        masks = replace(
            settings,
            mask_threshold=validate.check_threshold(self.threshold),
            mask_invert=self.invert,
            mask_feather=validate.check_feather(self.feather),
            likeness=validate.check_likeness(self.likeness),
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
