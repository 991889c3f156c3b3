"""Attributes of generated faces along published W directions: positions of codes, and the states that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.common.setup import load_direction


@dataclass(frozen=True)
class PublishedDirection:
    """A published direction.

    Attributes:
        name: of what the plus side shows.
        key: its name in the file of directions.
        sign: 1 where the file's plus side is ours, else -1.
        reach: lengths of a shift (each W+ row's norm) that show clearly and do not break a face.
        plus: standard deviations of the projection above which a face has the attribute.
        minus: standard deviations below which it has the opposite.
    """

    name: str
    key: str
    sign: int
    reach: tuple[float, float]
    plus: float
    minus: float


ATTRIBUTES = (
    PublishedDirection("smiling", "nada_smile", 1, (2.0, 3.5), 1.5, -1.5),
    PublishedDirection("old", "nada_age", 1, (2.0, 4.5), 1.5, -1.5),
    PublishedDirection("male", "nada_gender", 1, (2.0, 4.0), 1.3, -1.3),
    PublishedDirection("glasses", "a31_glasses", -1, (2.0, 4.0), 2.0, -1.0),
    PublishedDirection("bearded", "nada_beard", 1, (2.0, 4.0), 1.5, -1.5),
    PublishedDirection("full hair", "nada_hair_length", 1, (2.0, 4.0), 1.5, -1.5),
    PublishedDirection("surprised", "a31_emotion_surprise", 1, (2.0, 3.5), 1.8, -1.8),
)
"""The attributes that training knows. Directions and signs were verified on generated faces."""

VARIETY: Mapping[str, tuple[float, float]] = {
    "a31_race_black": (-1.5, 3.5),
    "a31_race_yellow": (-1.5, 2.5),
    "a31_angle_horizontal": (-2.0, 2.0),
    "a31_angle_pitch": (-1.5, 1.5),
    "a31_width": (-1.0, 1.0),
}
"""Directions with the range of their shift, for varied faces. No caption names them."""


class Directions:
    """Unit W directions `[18, 512]` by attribute, and those of `VARIETY`."""

    def __init__(self, path: Path):
        """Read the file of directions; raises TrainingError where it is missing."""
        self.attributes = [a.sign * F.normalize(load_direction(path, a.key), dim=-1) for a in ATTRIBUTES]
        self.variety = [F.normalize(load_direction(path, key), dim=-1) for key in VARIETY]

    def vary(self, code: Tensor, rng: np.random.Generator) -> Tensor:
        """`code [18, 512]` with another skin, pose and width of the face."""
        for direction, (low, high) in zip(self.variety, VARIETY.values(), strict=True):
            if rng.random() < 0.35:
                code = code + float(rng.uniform(low, high)) * direction
        return code

    def move(self, code: Tensor, rng: np.random.Generator) -> Tensor:
        """`code [18, 512]` with none, one or two attributes or their opposites, at random."""
        for index in rng.permutation(len(ATTRIBUTES))[: rng.choice(3, p=(0.2, 0.5, 0.3))]:
            low, high = ATTRIBUTES[index].reach
            way = float(rng.choice((-1, 1)))
            code = code + way * float(rng.uniform(low, high)) * self.attributes[index]
        return code

    def positions(self, codes: Tensor, w_avg: Tensor) -> Tensor:
        """Where codes `[N, 18, 512]` lie along each attribute, `[N, len(ATTRIBUTES)]`."""
        offsets = (codes - w_avg).flatten(1)
        return torch.stack([offsets @ d.flatten() / d.flatten().norm() for d in self.attributes], 1)


def states(positions: Tensor, spread: Tensor) -> Tensor:
    """Certain states, `int8 [N, A]`: 1 the attribute, -1 its opposite, 0 neither.

    Args:
        positions: of the faces, `[N, A]`.
        spread: standard deviation of ordinary faces along each attribute, `[A]`.
    """
    scaled = positions / spread
    plus, minus = (torch.tensor([getattr(a, side) for a in ATTRIBUTES]) for side in ("plus", "minus"))
    return (scaled > plus).to(torch.int8) - (scaled < minus).to(torch.int8)
