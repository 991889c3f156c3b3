"""Edits of hair: which measure of a face each of them raises, how far, and where it may change the face."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mcaclip.editing.network.direction_edit import DirectionSpec, save_directions
from train.directions.fit import Regression

HELD = (
    *("yaw", "pitch", "roll", "face_width", "face_length", "jaw_width", "chin_width", "nose_width", "mouth_width"),
    *("eye_size", "skin_light", "skin_red", "skin_yellow", "background_light", "background_yellow", "picture_light"),
    *("glasses", "hat", "earrings"),
)
"""Measures that stay: the head's place and size, and the light. The masks leave the face as it is, so the others may
go along, as a bald head goes with age."""
INNER_FACE = ("l_eye", "r_eye", "l_brow", "r_brow", "eye_g", "nose", "u_lip", "l_lip", "mouth")
BESIDE_THE_FACE = ("hair", "hat", "background", "cloth", "neck", "neck_l", "l_ear", "r_ear", "ear_r")
HAIR = ("hair",)
WITH_EARS = (*INNER_FACE, "l_ear", "r_ear")
COLOUR = ("hair_light", "hair_red", "hair_yellow")


class HairEdit(NamedTuple):
    """An edit of hair.

    Attributes:
        rises: measures (`train.directions.face_networks`) that the shift raises, with their weights.
        held: measures that stay, beside `HELD`.
    """

    spec: DirectionSpec
    rises: Mapping[str, float]
    held: tuple[str, ...] = ()


HAIR_EDITS = (
    HairEdit(DirectionSpec("a bald head", 4.5, 3.0, 5.0, HAIR, 8, WITH_EARS), {"hair_area": -1.0, "fringe": -0.3}),
    HairEdit(DirectionSpec("short hair", 2.0, 1.5, 2.5, HAIR, 8, WITH_EARS), {"hair_area": -1.0, "hair_low": -1.0}),
    HairEdit(
        DirectionSpec("long hair", 3.4, 2.8, 4.0, BESIDE_THE_FACE, 2, (*INNER_FACE, "skin")),
        {"hair_low": 1.0},
        COLOUR,
    ),
    HairEdit(
        DirectionSpec("fuller hair", 2.0, 1.2, 2.0, HAIR, 20, INNER_FACE),
        {"hair_area": 1.0, "fringe": 0.2},
        ("hair_low", *COLOUR),
    ),
)
"""Each was looked at on generated faces and photos."""


def save_hair(regression: Regression, path: Path) -> None:
    """Write the edits of hair. Raises OSError."""
    specs, directions, slopes = [], [], []
    for spec, rises, held in HAIR_EDITS:
        free = [name for name in regression.names if name not in (*HELD, *held)]
        specs.append(spec)
        directions.append(regression.direction(rises, free))
        slopes.append(regression.slope(rises))
    save_directions(path, specs, directions, slopes, regression.w_avg)
