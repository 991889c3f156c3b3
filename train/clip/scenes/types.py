"""What is true of a painted picture, what a caption claims, and whether the claims hold."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import COLOUR_SYNONYMS, named_colours
from train.parser.attributes import ATTRIBUTES

PARTS = (
    "hair", "brows", "eyes", "lips", "goatee", "beard", "moustache", "cheeks", "skin", "teeth", "ears", "background",
    "clothes",
)  # fmt: skip
MEASURED = ("long hair", "open mouth", "hat", "goatee", "moustache", "bald")
STATES = (*(attribute.name for attribute in ATTRIBUTES), *MEASURED)
SHEENS = ("matte", "glossy")
"""Finishes that say how paint shines. All others are part of its colour."""
FINISHES = (*SHEENS, "neon", "pastel", "dark", "light")
PATTERNS: dict[str, tuple[str, str | None]] = {
    "freckles": ("cheeks", None),
    "stripes": ("cheeks", "red"),
    "glitter": ("cheeks", "gold"),
    "tattoo": ("skin", "black"),
    "white lashes": ("eyes", "white"),
    "blush": ("cheeks", "rose"),
    "eyeliner": ("eyes", "black"),
    "smoky eyes": ("eyes", "charcoal"),
}
"""Pattern -> where it is painted, and its colour where a scene names none."""
CHARACTERS = ("zombie", "joker", "vampire", "elf", "avatar", "clown")
LOOKALIKES = frozenset({("joker", "clown"), ("clown", "joker"), ("zombie", "elf"), ("elf", "zombie")})
"""Characters whose colours overlap so much that neither is false of the other."""
SAME, OTHER = 12.0, 28.0
"""CIE76 distances below which two colours share a name, and above which they do not."""
SHADE_OF_SAME_HUE, HUE_ANGLE = 40.0, 0.3
"""CIE76 distance and angle within which shades of one hue are not clearly two colours (navy is a blue)."""
DISTINCT = (
    "red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "black", "white", "brown", "silver",
)  # fmt: skip
"""Colours that nobody confuses, although some are near each other, such as white and silver."""
MAKE_UP = frozenset({"eyes", "lips", "cheeks", "skin", "teeth", "ears", "brows", "goatee", "beard", "moustache"})
FACIAL_HAIR_PARTS = frozenset({"goatee", "beard", "moustache"})
_STATE_INDEX = {name: index for index, name in enumerate(STATES)}
_WITHIN = {("cheeks", "skin"), ("ears", "skin"), ("goatee", "beard"), ("beard", "goatee")}
"""(claimed, painted): the claimed part is, or may be, covered by the painted one."""
Lab = tuple[float, float, float]


@dataclass(frozen=True)
class PartColour:
    """One painted thing.

    Attributes:
        part: of `PARTS`.
        colour: a name that `mcaclip.language.colours` knows; None for a pattern in its own colour.
        finish: "" or one of `FINISHES`.
        pattern: "" or one of `PATTERNS`.
    """

    part: str
    colour: str | None
    finish: str = ""
    pattern: str = ""


@dataclass(frozen=True)
class Scene:
    """Everything that is true of one picture.

    Attributes:
        face: index into the labelled faces.
        paints: what is painted, at most one per part and one per pattern.
        states: 1 shown, -1 its opposite shown, 0 not known; in the order of `STATES`.
        character: "" or one of `CHARACTERS`, whose colours `paints` holds.
        natural: mean Lab of unpainted parts.
        face_like: 1 for a face, -1 for no face, 0 if that is not known; then only `natural` is known.
    """

    face: int
    paints: tuple[PartColour, ...]
    states: tuple[int, ...]
    character: str = ""
    natural: tuple[tuple[str, Lab], ...] = ()
    face_like: int = 1


@dataclass(frozen=True)
class Claim:
    """One thing that a caption says: exactly one of the five.

    Attributes:
        paint: a part, painted or not, has a colour, or a pattern is there.
        state: one of `STATES`, with its `sign`.
        bare: nothing on the face is painted ("no makeup").
        character: one of `CHARACTERS`.
        no_face: the picture shows no face.
    """

    paint: PartColour | None = None
    state: str = ""
    sign: int = 1
    bare: bool = False
    character: str = ""
    no_face: bool = False


@dataclass(frozen=True)
class Caption:
    """A text and what it says; no claims at all is true of every face."""

    text: str
    claims: tuple[Claim, ...]


@lru_cache(maxsize=16384)
def target_lab(paint: PartColour) -> Lab | None:
    """Lab of a paint with its finish, inside sRGB; None for a pattern that names no colour."""
    if paint.colour is None:
        return None
    name = f"{paint.finish} {paint.colour}"
    if name in COLOUR_SYNONYMS or name in named_colours():
        return lab_values(COLOUR_SYNONYMS.get(name, name))
    lightness, a, b = lab_values(paint.colour)
    if paint.finish == "dark":
        lightness, a, b = 0.5 * lightness, 0.85 * a, 0.85 * b
    elif paint.finish == "light":
        lightness, a, b = lightness + 0.5 * max(92 - lightness, 0), 0.75 * a, 0.75 * b
    elif paint.finish == "pastel":
        lightness, a, b = lightness + 0.65 * max(88 - lightness, 0), 0.5 * a, 0.5 * b
    elif paint.finish == "neon":
        lightness, a, b = 0.5 * lightness + 0.5 * 65, 1.3 * a, 1.3 * b
    return _in_gamut(lightness, a, b)


def _in_gamut(*lab: float) -> Lab:
    rgb = cv2.cvtColor(np.array([[lab]], np.float32), cv2.COLOR_Lab2RGB).clip(0, 1)
    lightness, a, b = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)[0, 0].tolist()
    return lightness, a, b


def same_colour(one: Lab, other: Lab) -> int:
    """1 for one colour, -1 for two, 0 where people would not agree."""
    distance = math.dist(one, other)
    if distance < SAME:
        return 1
    names = {_distinct(one), _distinct(other)}
    if len(names) == 2 and None not in names:
        return -1
    chroma = min(math.hypot(*one[1:]), math.hypot(*other[1:]))
    angle = abs(math.remainder(math.atan2(one[2], one[1]) - math.atan2(other[2], other[1]), 2 * math.pi))
    limit = SHADE_OF_SAME_HUE if chroma > 20 and angle < HUE_ANGLE else OTHER
    return -1 if distance > limit else 0


@lru_cache(maxsize=16384)  # called for each caption and each picture of a batch
def _distinct(lab: Lab) -> str | None:
    """The distinct colour that shares a name with a Lab value, if there is one."""
    nearest = min(DISTINCT, key=lambda name: math.dist(lab, lab_values(name)))
    return nearest if math.dist(lab, lab_values(nearest)) < SAME else None


def agreement(caption: Caption, scene: Scene) -> int:
    """1 where all of a caption is true of the scene, -1 where something in it is false, else 0 (not known)."""
    return min((holds(claim, scene) for claim in caption.claims), default=scene.face_like)


def holds(claim: Claim, scene: Scene) -> int:
    """Whether one claim is true of a scene: 1 yes, -1 no, 0 not known."""
    if claim.no_face:
        return -scene.face_like
    if scene.face_like < 0:
        return -1
    if claim.paint is not None:
        return _pattern_holds(claim.paint, scene) if claim.paint.pattern else _paint_holds(claim.paint, scene)
    if claim.character:
        if claim.character == scene.character:
            return 1
        return 0 if (claim.character, scene.character) in LOOKALIKES else -1
    if claim.bare:
        if not scene.paints:
            return scene.face_like
        return -1 if any(p.pattern or p.part in MAKE_UP for p in scene.paints) else 0
    return _state_holds(claim.state, claim.sign, scene)


def _state_holds(state: str, sign: int, scene: Scene) -> int:
    known = scene.states[_STATE_INDEX[state]] * sign
    painted = {p.part for p in scene.paints if not p.pattern} & FACIAL_HAIR_PARTS
    if state in ("bearded", "goatee", "moustache") and painted:
        grown = {"bearded": "beard"}.get(state, state) in painted
        if sign < 0:
            return -1 if grown or state == "bearded" else min(known, 0)
        return 1 if grown else max(known, 0)
    if state == "old" and scene.character:
        return 0
    if state == "bald" and any(p.part == "hair" for p in scene.paints):
        return -sign
    return known


def _paint_holds(claim: PartColour, scene: Scene) -> int:
    wanted = target_lab(claim)
    assert wanted is not None
    for paint in scene.paints:
        if paint.pattern == "blush" and claim.part == "cheeks":
            return min(same_colour(wanted, pattern_lab(paint)), 0)
        if paint.pattern:
            continue
        shown = target_lab(paint)
        if paint.part == claim.part and shown is not None:
            return min(same_colour(wanted, shown), _finish_holds(claim.finish, paint.finish))
    covering = [target_lab(p) for p in scene.paints if not p.pattern and (claim.part, p.part) in _WITHIN]
    if covering and covering[0] is not None:
        return min(same_colour(wanted, covering[0]), 0)
    natural = dict(scene.natural).get(claim.part)
    if natural is None:
        return -1
    if scene.character and claim.part in MAKE_UP:
        return min(same_colour(wanted, natural), 0)
    return min(same_colour(wanted, natural), _finish_holds(claim.finish, ""))


def _finish_holds(claimed: str, shown: str) -> int:
    """Matte and glossy exclude each other, and plain paint may be either; other finishes are part of the colour."""
    if claimed not in SHEENS or claimed == shown:
        return 1
    return -1 if shown in SHEENS else 0


def pattern_lab(paint: PartColour) -> Lab:
    """The colour of a pattern, its own where the paint names none."""
    own = PATTERNS[paint.pattern][1]
    return target_lab(paint) or lab_values(own or "brown")


def _pattern_holds(claim: PartColour, scene: Scene) -> int:
    for paint in scene.paints:
        if paint.pattern == claim.pattern:
            if claim.colour is None:
                return 1
            return same_colour(pattern_lab(claim), pattern_lab(paint))
        if claim.pattern == "blush" and paint.part == "cheeks" and not paint.pattern:
            return min(same_colour(pattern_lab(claim), target_lab(paint) or pattern_lab(claim)), 0)
    made_up = scene.states[_STATE_INDEX["male"]] <= 0
    if claim.pattern in ("eyeliner", "smoky eyes", "blush") and made_up and claim.colour is None:
        return 0 if not scene.paints else -1
    if claim.pattern == "smoky eyes" and scene.character in ("zombie", "joker", "vampire"):
        return 0
    return -1


def to_json(records: Sequence[Scene] | Sequence[Caption]) -> str:
    """Scenes, or captions, as one line."""
    return json.dumps([asdict(record) for record in records])


def read_scenes(text: str) -> list[Scene]:
    """What `to_json` made of scenes."""
    return [
        Scene(
            **{
                **kept,
                "paints": tuple(PartColour(**paint) for paint in kept["paints"]),
                "states": tuple(kept["states"]),
                "natural": tuple((part, tuple(lab)) for part, lab in kept["natural"]),
            }
        )
        for kept in json.loads(text)
    ]


def read_captions(text: str) -> list[Caption]:
    """What `to_json` made of captions."""
    return [Caption(kept["text"], tuple(_claim(claim) for claim in kept["claims"])) for kept in json.loads(text)]


def _claim(kept: Mapping[str, Any]) -> Claim:
    return Claim(**{**kept, "paint": PartColour(**kept["paint"]) if kept["paint"] else None})
