"""What universal mode learns: prompts, each with the shift and the region that fulfil it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import dilate, region, sharpen
from train.clip.captions.write import say
from train.clip.scenes.draw import draw_paint, draw_parts
from train.clip.scenes.types import PARTS, Claim, PartColour, pattern_lab, target_lab
from train.common.setup import load_direction
from train.universal.colour_teacher import ColourTeacher
from train.universal.face_windows import SeenFace

FACE = ("skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "eye_g", "u_lip", "l_lip", "mouth")
HEAD = (*FACE, "hair", "l_ear", "r_ear", "neck", "hat")
INNER_FACE = ("l_eye", "r_eye", "l_brow", "r_brow", "nose", "u_lip", "l_lip", "mouth")
HAIR_AND_BODY = ("hair", "hat", "l_ear", "r_ear", "neck", "cloth")
GENDER, AGE = ("nada_gender", "a31_gender"), ("nada_age", "a31_age")
ORIGIN = ("a31_race_yellow", "a31_race_white", "a31_race_black")
NOT_AGE = (*GENDER, "a31_glasses", *ORIGIN)
NOT_HAIR = (*GENDER, *AGE, "a31_race_yellow")
ROSY_SHARE = 0.3
"""Share of cheeks with a blush whose colour is not named."""
EYES = ("l_eye", "r_eye", "eye_g")
AROUND_EYES = (*EYES, "l_brow", "r_brow")
STRENGTH = {"hair": 1.1, "beard": 1.1, "goatee": 1.1, "moustache": 1.3, "cheeks": 1.1, "skin": 0.8}
"""Strength of the teacher's shift for parts where it is not 1, because the teacher weighs colour against likeness: a
white moustache is too weak at full size, and skin so strong that likeness suffers (measured with `evaluate`)."""


@dataclass(frozen=True)
class AttributeEdit:
    """How an attribute is changed.

    Attributes:
        state: its name in captions, of `train.clip.scenes.types.STATES`.
        sign: 1 for the attribute, -1 for its opposite.
        key: the published W direction.
        length: signed length of the shift (each row's norm).
        region: a named region (`mcaclip.perception.regions`) or parser classes that may change.
        margin: pixels of 256 by which the region grows.
        without: parser classes that are then removed from it.
        but: directions that this one must not follow: the published one of age also changes gender, and that of a
            smile adds glasses.
        rows: first row of the shift and the one after its last. Rows 0-2 turn and reshape the head; the upper ones
            change its colours.
    """

    state: str
    sign: int
    key: str
    length: float
    region: str | tuple[str, ...]
    margin: int
    without: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    rows: tuple[int, int] = (0, 18)

    def mask(self, parsed: Tensor) -> Tensor:
        """Where it may change a face: `[1, 19, 256, 256]` to `[1, 1, 256, 256]`."""
        chosen = region(parsed, self.region) if isinstance(self.region, str) else _share(parsed, self.region)
        grown = dilate(sharpen(chosen), self.margin)
        return grown * (1 - sharpen(_share(parsed, self.without))) if self.without else grown

    def shift(self, directions: Path) -> Tensor:
        """The shift `[18, 512]`: each of `rows` is `length` long, the others are 0."""
        unit = F.normalize(load_direction(directions, self.key), dim=-1)
        if self.but:
            others = torch.stack([load_direction(directions, key) for key in self.but], dim=-1)
            basis = torch.linalg.qr(others).Q  # [18, 512, K]
            unit = F.normalize(unit - (basis @ (basis.mT @ unit[..., None]))[..., 0], dim=-1)
        chosen = torch.zeros(len(unit), 1)
        chosen[slice(*self.rows)] = self.length
        return chosen * unit


def _share(parsed: Tensor, classes: tuple[str, ...]) -> Tensor:
    return parsed[:, [CLASSES.index(name) for name in classes]].sum(1, keepdim=True)


ATTRIBUTE_EDITS = (
    AttributeEdit("smiling", 1, "nada_smile", 3.0, FACE, 4, but=("a31_glasses",)),
    AttributeEdit("smiling", -1, "nada_smile", -2.5, FACE, 4, but=("a31_glasses",)),
    AttributeEdit("old", 1, "nada_age", 3.5, HEAD, 6, but=NOT_AGE, rows=(3, 18)),
    AttributeEdit("old", -1, "nada_age", -2.5, HEAD, 6, but=NOT_AGE, rows=(3, 18)),
    AttributeEdit("male", 1, "nada_gender", 3.0, HEAD, 12, but=AGE, rows=(2, 12)),
    AttributeEdit("male", -1, "nada_gender", -3.0, HEAD, 12, but=AGE, rows=(2, 12)),
    AttributeEdit("glasses", 1, "a31_glasses", -5.0, EYES, 20, ("hair", "hat"), rows=(0, 5)),
    AttributeEdit("glasses", -1, "a31_glasses", 4.0, AROUND_EYES, 13, but=(*GENDER, *AGE), rows=(0, 7)),
    AttributeEdit("bearded", 1, "nada_beard", 4.0, "beard", 8, but=(*GENDER, *AGE)),
    AttributeEdit("bearded", -1, "nada_beard", -3.5, "beard", 8),
    AttributeEdit("goatee", 1, "nada_beard", 4.0, "goatee", 4, but=(*GENDER, *AGE)),
    AttributeEdit("moustache", 1, "nada_beard", 4.0, "moustache", 3, but=(*GENDER, *AGE)),
    AttributeEdit("full hair", 1, "nada_hair_length", 3.0, ("hair", "hat"), 20, INNER_FACE, NOT_HAIR),
    AttributeEdit("full hair", -1, "nada_hair_length", -3.0, ("hair", "hat"), 20, INNER_FACE, NOT_HAIR),
    AttributeEdit("long hair", 1, "nada_hair_length", 6.5, HAIR_AND_BODY, 24, FACE, (*AGE, *ORIGIN), rows=(0, 6)),
    AttributeEdit("long hair", -1, "nada_hair_length", -3.0, HAIR_AND_BODY, 24, INNER_FACE, NOT_HAIR),
    AttributeEdit("surprised", 1, "a31_emotion_surprise", 3.0, FACE, 6),
    AttributeEdit("open mouth", 1, "a31_emotion_surprise", 3.0, FACE, 6),
)
"""Verified on generated faces: each does what its name says."""


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


class EditTargets:
    """Draws targets for faces.

    Args:
        teacher: the trained colour teacher.
        directions: file of published W directions.
    """

    def __init__(self, teacher: ColourTeacher, directions: Path):
        self.teacher = teacher
        self.shifts = [edit.shift(directions) for edit in ATTRIBUTE_EDITS]

    def attribute(self, face: SeenFace, number: int, rng: np.random.Generator, masked: bool = True) -> EditTarget:
        """One of `ATTRIBUTE_EDITS`."""
        edit = ATTRIBUTE_EDITS[number]
        text = say((Claim(state=edit.state, sign=edit.sign),), rng)
        return EditTarget(text, "", self.shifts[number], edit.mask(face.parsed) if masked else None)

    def attributes(self, face: SeenFace, count: int, masked: int, rng: np.random.Generator) -> list[EditTarget]:
        """Different attributes, the first `masked` of them with their masks."""
        chosen = rng.choice(len(ATTRIBUTE_EDITS), count, replace=False)
        return [self.attribute(face, int(number), rng, place < masked) for place, number in enumerate(chosen)]

    def colours(self, face: SeenFace, count: int, more: int, rng: np.random.Generator) -> list[EditTarget]:
        """Colours of `count` parts, shown or not, with masks, and `more` of shown parts without masks."""
        parts = draw_parts(PARTS, count, rng)
        parts += [face.shown[int(i)] for i in rng.integers(len(face.shown), size=more)]
        return self._paints(face, parts, count, rng)

    @torch.no_grad()
    def _paints(
        self, face: SeenFace, parts: Sequence[str], masked: int, rng: np.random.Generator
    ) -> list[EditTarget]:
        paints = [draw_target_paint(part, rng) for part in parts]
        targets = torch.tensor([pattern_lab(p) if p.pattern else target_lab(p) for p in paints])
        source = torch.stack([face.labs[part] for part in parts])
        deltas = self.teacher(face.code.expand(len(parts), -1, -1), parts, targets, source)
        return [
            EditTarget(
                say((Claim(paint=paint),), rng),
                part,
                STRENGTH.get(part, 1.0) * delta if part in face.shown else None,
                face.regions[part] if number < masked else None,
            )
            for number, (paint, part, delta) in enumerate(zip(paints, parts, deltas, strict=True))
        ]


def draw_target_paint(part: str, rng: np.random.Generator) -> PartColour:
    """The colour of a part; some cheeks are simply "blushing"."""
    if part == "cheeks" and rng.random() < ROSY_SHARE:
        return PartColour(part, None, pattern="blush")
    paint = draw_paint(part, rng)
    # painted cheeks are called blush as often as not
    return replace(paint, pattern="blush") if part == "cheeks" and not paint.finish and rng.random() < 0.5 else paint
