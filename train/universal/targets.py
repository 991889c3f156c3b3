"""What universal mode learns: prompts, each with the shift and the region that fulfil it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.language.colours import COLOURS
from mcaclip.language.grammar import PART_NOUNS
from mcaclip.perception.regions import region, sharpen
from train.clip.captions.write import say
from train.clip.scenes.draw import draw_paint, draw_parts
from train.clip.scenes.types import PARTS, Claim, PartColour, pattern_lab, target_lab
from train.directions.fit import Regression
from train.universal.attribute_edits import ATTRIBUTE_EDITS, AttributeShift
from train.universal.colour_teacher import ColourTeacher
from train.universal.face_windows import SeenFace

CAPTION_SHARE = 0.5
"""Share of attributes that are asked for in the words of captions, where these know them."""
ROSY_SHARE = 0.3
"""Share of cheeks with a blush whose colour is not named."""
STRENGTH = {"hair": 1.1, "beard": 1.1, "goatee": 1.1, "moustache": 1.3, "cheeks": 1.1, "skin": 0.8}
"""Strength of the teacher's shift for parts where it is not 1, because the teacher weighs colour against likeness: a
white moustache is too weak at full size, and skin so strong that likeness suffers (measured with `evaluate`)."""


@dataclass(frozen=True)
class EditTarget:
    """A prompt for a face, and the edit that fulfils it.

    Attributes:
        text: as a user would write it.
        part: the part of a colour target, "" for an attribute.
        delta: the shift `[18, 512]`, or None where the face lacks the part, so that only the masks have to close.
        mask: the region `[1, 1, 256, 256]`; None for targets that only teach the shift.
    """

    text: str
    part: str
    delta: Tensor | None
    mask: Tensor | None


ColourShifts = Callable[[SeenFace, Sequence[PartColour], Sequence[str]], Tensor]
"""From a face and paints, each with its prompt, to shifts `[n, 18, 512]`."""


@dataclass(frozen=True)
class TaughtColours:
    """The colour teacher's shifts."""

    teacher: ColourTeacher

    @torch.no_grad()
    def __call__(self, face: SeenFace, paints: Sequence[PartColour], texts: Sequence[str]) -> Tensor:
        """See `ColourShifts`."""
        parts = [paint.part for paint in paints]
        targets = torch.tensor([pattern_lab(p) if p.pattern else target_lab(p) for p in paints])
        source = torch.stack([face.labs[part] for part in parts])
        strengths = torch.tensor([STRENGTH.get(part, 1.0) for part in parts])[:, None, None]
        return strengths * self.teacher(face.code.expand(len(parts), -1, -1), parts, targets, source)


@dataclass(frozen=True)
class KnownColours:
    """The shifts of an edit network that knows colours already, for one that goes on from it."""

    network: MCANetwork
    space: ClipSpace

    @torch.no_grad()
    def __call__(self, face: SeenFace, paints: Sequence[PartColour], texts: Sequence[str]) -> Tensor:
        """See `ColourShifts`."""
        shift: Tensor = self.network(face.code.expand(len(texts), -1, -1), self.space.text_codes(texts))[1]
        return shift


class EditTargets:
    """Draws targets for faces.

    Args:
        colours: gives shifts to colours.
        regression: gives shifts to attributes.
    """

    def __init__(self, colours: ColourShifts, regression: Regression):
        self.colour_shifts = colours
        self.shifts = [AttributeShift(edit, regression) for edit in ATTRIBUTE_EDITS]

    def attribute(self, face: SeenFace, number: int, rng: np.random.Generator, masked: bool = True) -> EditTarget:
        """One of `ATTRIBUTE_EDITS`."""
        edit = ATTRIBUTE_EDITS[number]
        said = say((Claim(state=edit.state, sign=edit.sign),), rng) if edit.state else edit.asks
        text = said if rng.random() < CAPTION_SHARE else edit.asks
        return EditTarget(text, "", self.shifts[number](face.code)[0], edit.mask(face.parsed) if masked else None)

    def attributes(self, face: SeenFace, count: int, masked: int, rng: np.random.Generator) -> list[EditTarget]:
        """Different attributes, the first `masked` of them with their masks."""
        chosen = rng.choice(len(ATTRIBUTE_EDITS), count, replace=False)
        return [self.attribute(face, int(number), rng, place < masked) for place, number in enumerate(chosen)]

    def eyeshadows(self, face: SeenFace, count: int, masked: int, rng: np.random.Generator) -> list[EditTarget]:
        """Eyeshadow: the shifts that colour skin, in a region of its own, the first `masked` of them with masks."""
        paints = [PartColour("skin", str(rng.choice(list(COLOURS)))) for _ in range(count)]
        shifts = self.colour_shifts(face, paints, [f"{paint.colour} skin" for paint in paints])
        mask = sharpen(region(face.parsed, "eyelids"))
        texts = [f"{paint.colour} {PART_NOUNS['eyelids'][0]}" for paint in paints]
        return [
            EditTarget(text, "", shift, mask if number < masked else None)
            for number, (text, shift) in enumerate(zip(texts, shifts, strict=True))
        ]

    def colours(self, face: SeenFace, count: int, more: int, rng: np.random.Generator) -> list[EditTarget]:
        """Colours of `count` parts, shown or not, with masks, and `more` of shown parts without masks."""
        parts = draw_parts(PARTS, count, rng)
        parts += [face.shown[int(i)] for i in rng.integers(len(face.shown), size=more)]
        paints = [draw_target_paint(part, rng) for part in parts]
        texts = [say((Claim(paint=paint),), rng) for paint in paints]
        shifts = self.colour_shifts(face, paints, texts)
        return [
            EditTarget(
                text,
                part,
                shift if part in face.shown else None,
                face.regions[part] if number < count else None,
            )
            for number, (text, part, shift) in enumerate(zip(texts, parts, shifts, strict=True))
        ]


def draw_target_paint(part: str, rng: np.random.Generator) -> PartColour:
    """The colour of a part; some cheeks are simply "blushing"."""
    if part == "cheeks" and rng.random() < ROSY_SHARE:
        return PartColour(part, None, pattern="blush")
    paint = draw_paint(part, rng)
    # painted cheeks are called blush as often as not
    return replace(paint, pattern="blush") if part == "cheeks" and not paint.finish and rng.random() < 0.5 else paint
