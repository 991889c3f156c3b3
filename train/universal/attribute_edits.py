"""Edits of attributes: which measure of a face each of them raises, how far, and where it may change the face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import torch
from torch import Tensor

from mcaclip.perception.regions import around
from train.directions.face_networks import EMOTIONS
from train.directions.fit import Regression

FACE = ("skin", "nose", "l_eye", "r_eye", "l_brow", "r_brow", "eye_g", "u_lip", "l_lip", "mouth")
HEAD = (*FACE, "hair", "l_ear", "r_ear", "neck", "hat")
EYES, BROWS, MOUTH = ("l_eye", "r_eye", "eye_g"), ("l_brow", "r_brow"), ("u_lip", "l_lip", "mouth")
AROUND_EYES = (*EYES, *BROWS)
INNER_FACE = (*EYES[:2], "nose", *MOUTH)
SURROUNDINGS = ("background", "cloth")

AROUND_MOUTH = ("smile", "mouth_width", "mouth_open", "lip_height", "lip_area", "teeth_area")
ABOVE_EYES = ("eyes_open", "eye_area", "brow_height", "brow_slope", "brow_area")
EXPRESSION = (*EMOTIONS, *AROUND_MOUTH, *ABOVE_EYES)
OPEN_MOUTH = ("teeth_area", "lip_area", "face_length", "surprise", "fear", "sad", "neutral", "smile", "happy")
OPEN_EYES = ("brow_height", "eye_size", "surprise", "sad", "neutral", "happy", "smile")
RAISED = ("brow_slope", "brow_area", "surprise", "fear", "angry", "eyes_open", "eye_area")
WIDTH = ("face_length", "nose_width", "eye_size", "mouth_width")
OPENED_EYES, WIDE_FACE = ("eyes_open", "eye_area"), ("face_width", "jaw_width")
AGE = ("skin_texture", "hair_light", "hair_red", "contrast", "lip_height", "lip_area", "brow_area", *OPENED_EYES)
SMALL_HEAD = ("nose_length", "nose_area", "nose_width", "mouth_width", "face_length", "eye_size", *WIDE_FACE)
GENDER = ("brow_area", "facial_hair", "lips_red", "lip_height", "lip_area", "jaw_width", "chin_width", "brow_height")
SKIN_LIGHT = ("picture_light", "contrast", "lips_light", "skin_red", "skin_yellow")
LESS_GLASSES = 0.35
"""Standard deviations of "glasses" that a shift takes away for each of its own: many would put some on otherwise."""


@dataclass(frozen=True)
class AttributeEdit:
    """How an attribute is changed.

    Attributes:
        asks: what the network is asked for, as in `assets/words/concepts.toml`.
        rises: measures (`train.directions.face_networks`) that the shift raises, with their weights.
        reaches: level at which a face has the attribute, in standard deviations of `rises`.
        least: smallest shift, in the same unit, for faces that have it already.
        most: largest shift.
        region: a named region (`mcaclip.perception.regions`) or parser classes that may change.
        margin: pixels of 256 by which the region grows.
        without: parser classes that are then removed from it.
        free: measures that may go along; all others are held.
        rows: first row of the shift and the one after its last.
        state: its name in captions, of `train.clip.scenes.types.STATES`; empty for what no caption says.
        sign: 1 for that state, -1 for its opposite.
    """

    asks: str
    rises: Mapping[str, float]
    reaches: float
    least: float
    most: float
    region: str | tuple[str, ...]
    margin: int
    without: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    rows: tuple[int, int] = (0, 18)
    state: str = ""
    sign: int = 1

    def mask(self, parsed: Tensor) -> Tensor:
        """Where it may change a face: `[1, 19, 256, 256]` to `[1, 1, 256, 256]`."""
        return around(parsed, self.region, self.margin, self.without)


@dataclass(frozen=True)
class AttributeShift:
    """The shifts of one edit: a direction, and how far each face is from where it leads."""

    edit: AttributeEdit
    regression: Regression

    @cached_property
    def direction(self) -> Tensor:
        """The shift `[512]` that raises the edit's measures by one standard deviation."""
        towards = self.regression.direction(self.edit.rises, self.edit.free)
        if "glasses" not in self.edit.rises:
            towards = towards - LESS_GLASSES * self.regression.direction(GLASSES)
        return towards

    def __call__(self, codes: Tensor) -> Tensor:
        """Shifts `[B, 18, 512]` of codes `[B, 18, 512]`; rows outside of the edit's are 0."""
        edit = self.edit
        missing = edit.reaches - self.regression.level(codes, edit.rises)
        shift = torch.zeros_like(codes)
        shift[:, slice(*edit.rows)] = missing.clamp(edit.least, edit.most)[:, None, None] * self.direction
        return shift


def _weights(**weights: float) -> Mapping[str, float]:
    return MappingProxyType(weights)


GLASSES = _weights(glasses=1.0)
OPENED = _weights(eyes_open=1.0, eye_area=0.5)
SHUT = _weights(eyes_open=-1.0, eye_area=-1.0)
WIDE = _weights(jaw_width=1.0, face_width=0.5, chin_width=0.5)
NARROW = _weights(jaw_width=-1.0, face_width=-0.5, chin_width=-0.5)
BEARD, NO_BEARD = _weights(facial_hair=1.0), _weights(facial_hair=-1.0)
OLD, YOUNG = _weights(age=1.0), _weights(age=-1.0)
BARE_SKIN = ("l_eye", "r_eye", "mouth")
GROWN = ("brow_area", "male", "age", "lips_red", "chin_width", "jaw_width")
HAIRY, BEHIND_GLASSES = ("brow_area",), (*OPENED_EYES, "brow_area")

ATTRIBUTE_EDITS = (
    # expression
    AttributeEdit("smiling", _weights(happy=1, smile=1), 2.8, 1.2, 3.5, FACE, 4, (), EXPRESSION, state="smiling"),
    AttributeEdit("a serious look", _weights(happy=-1, smile=-1), 2.4, 1.0, 3.4, FACE, 4, (), EXPRESSION,
                  state="smiling", sign=-1),
    AttributeEdit("a sad look", _weights(sad=1, smile=-0.7, brow_slope=0.5), 2.3, 1.9, 3.4, FACE, 4, (), EXPRESSION),
    AttributeEdit("an angry look", _weights(angry=1, brow_height=-0.7), 2.5, 2.0, 3.6, FACE, 4, (), EXPRESSION),
    AttributeEdit("a surprised look", _weights(surprise=1, mouth_open=0.7, brow_height=1), 2.8, 2.0, 3.4, FACE, 6, (),
                  (*EXPRESSION, "face_length"), state="surprised"),
    AttributeEdit("an open mouth", _weights(mouth_open=1), 2.6, 1.0, 3.2, FACE, 6, (), OPEN_MOUTH,
                  state="open mouth"),
    AttributeEdit("a closed mouth", _weights(mouth_open=-1, teeth_area=-0.5), 1.6, 0.3, 2.8, FACE, 6, (), OPEN_MOUTH,
                  state="open mouth", sign=-1),
    AttributeEdit("closed eyes", SHUT, 4.2, 2.8, 4.6, EYES, 16, BROWS, OPEN_EYES),
    AttributeEdit("raised eyebrows", _weights(brow_height=1), 2.5, 1.5, 3.0, AROUND_EYES, 16, (), RAISED),
    # shape
    AttributeEdit("big eyes", OPENED, 2.7, 1.4, 3.5, EYES, 13, (), OPEN_EYES),
    AttributeEdit("small eyes", SHUT, 1.8, 1.0, 2.4, EYES, 13, (), OPEN_EYES),
    AttributeEdit("a chubby face", WIDE, 2.4, 1.6, 3.2, HEAD, 8, (), WIDTH, (0, 8)),
    AttributeEdit("a slim face", NARROW, 2.2, 1.6, 3.0, HEAD, 2, SURROUNDINGS, WIDTH, (0, 8)),
    AttributeEdit("full lips", _weights(lip_height=1, lip_area=1), 2.2, 1.5, 3.5, MOUTH, 10),
    AttributeEdit("thin lips", _weights(lip_height=-1, lip_area=-0.5), 3.5, 3.5, 5.0, MOUTH, 12, (), ("smile",)),
    AttributeEdit("thick eyebrows", _weights(brow_area=1), 3.0, 2.0, 4.0, BROWS, 6),
    AttributeEdit("thin eyebrows", _weights(brow_area=-1), 3.0, 2.0, 4.0, BROWS, 6),
    # skin
    AttributeEdit("pale skin", _weights(skin_light=1), 1.8, 1.2, 2.5, "skin", 4, (), SKIN_LIGHT, (4, 18)),
    AttributeEdit("tanned skin", _weights(skin_light=-1), 1.8, 1.2, 2.5, "skin", 4, (), SKIN_LIGHT, (4, 18)),
    AttributeEdit("wrinkles", OLD, 3.0, 2.2, 4.0, FACE, 2, BARE_SKIN, AGE, (3, 18)),
    AttributeEdit("smooth skin", YOUNG, 1.8, 1.8, 3.5, FACE, 2, BARE_SKIN, AGE, (3, 18)),
    AttributeEdit("no makeup", _weights(lips_red=-1), 3.0, 2.5, 5.0, FACE, 4, (), ("lips_light",), (4, 18)),
    # age and gender
    AttributeEdit("an old face", OLD, 2.8, 1.8, 4.0, HEAD, 3, SURROUNDINGS, AGE, state="old"),
    AttributeEdit("a young face", YOUNG, 1.6, 1.5, 3.0, HEAD, 3, SURROUNDINGS, AGE, state="old", sign=-1),
    AttributeEdit("a child's face", YOUNG, 2.4, 2.4, 3.6, HEAD, 8, (), (*AGE, *SMALL_HEAD)),
    AttributeEdit("a male face", _weights(male=1), 1.5, 1.0, 3.0, HEAD, 6, SURROUNDINGS, GENDER, state="male"),
    AttributeEdit("a female face", _weights(male=-1), 1.5, 1.0, 3.0, HEAD, 12, (), GENDER, state="male", sign=-1),
    # hair
    AttributeEdit("a beard", BEARD, 5.0, 3.0, 9.0, "facial hair", 8, (), GROWN, state="bearded"),
    AttributeEdit("no beard", NO_BEARD, 2.5, 1.5, 4.0, "facial hair", 8, (), HAIRY, state="bearded", sign=-1),
    AttributeEdit("a goatee", BEARD, 5.0, 3.0, 9.0, "goatee", 4, (), GROWN, state="goatee"),
    AttributeEdit("a moustache", BEARD, 5.0, 3.0, 9.0, "moustache", 3, (), GROWN, state="moustache"),
    AttributeEdit("stubble", BEARD, 2.4, 1.6, 3.5, "facial hair", 8, (), HAIRY),
    AttributeEdit("bangs", _weights(fringe=1), 2.5, 2.5, 4.0, ("hair", "hat"), 28, (*INNER_FACE, *SURROUNDINGS),
                  ("hair_area",)),
    # things
    AttributeEdit("glasses", GLASSES, 3.0, 3.0, 4.0, AROUND_EYES, 20, ("hair",), BEHIND_GLASSES, state="glasses"),
    AttributeEdit("no glasses", _weights(glasses=-1), 1.2, 2.5, 5.0, AROUND_EYES, 13, (), BEHIND_GLASSES,
                  state="glasses", sign=-1),
)  # fmt: skip
"""Each was looked at on generated faces and photos."""
