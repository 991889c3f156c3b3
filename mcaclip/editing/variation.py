"""Variations: the same edit in other shades.

A fitted network gives one shift for a face and its words. Turning that shift a little towards some other face gives a
sister of it: about as strong, in the same place (the masks do not depend on the shift), in another shade.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator, seeded_z

ANGLE = 0.6
"""Radians between the learned shift and a variation towards an orthogonal direction."""


def direction(generator: Generator, number: int) -> Tensor:
    """The direction `[512]` of variation `number` >= 1: from the average face to a random one, seeded by the number.

    It comes from the generator's own mapping, so it points to where faces are.

    Source: own construction; W and its mean as in StyleGAN (Karras et al. 2019, truncation trick).
    """
    z = seeded_z(1, number).to(generator.w_avg)
    return (generator.mapping(z) - generator.w_avg)[0]


def vary(delta_w: Tensor, towards: Tensor, angle: float = ANGLE) -> Tensor:
    """Turns every row of a shift by about `angle` towards a direction.

    cos(a) * delta_w + sin(a) * r, where r is the direction at the length of the row. Two random directions of 512
    numbers are nearly orthogonal, so this is a rotation that about keeps the length: at most sqrt(2) times, and
    exactly where they are orthogonal. A row that is zero stays zero.

    Source: own construction.

    Args:
        delta_w: `[B, rows, 512]`.
        towards: `[512]`, any length above 0.
        angle: radians; 0 gives `delta_w` back.

    Returns:
        `[B, rows, 512]`.
    """
    lengths = delta_w.norm(dim=-1, keepdim=True)
    return math.cos(angle) * delta_w + math.sin(angle) * lengths * F.normalize(towards, dim=0)
