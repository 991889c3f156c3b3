"""A drawn face parsing: known places for tests of the regions."""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.perception.parsing_head import CLASSES

SIDE = 256
MOUTH = (128, 180)
MOUTH_HALF = (30, 12)
# name, centre x, centre y, half width, half height; later ones lie on top
_ELLIPSES = (
    ("hair", 128, 110, 95, 100),
    ("neck", 128, 240, 40, 40),
    ("skin", 128, 140, 70, 95),
    ("r_brow", 100, 95, 16, 4),
    ("l_brow", 156, 95, 16, 4),
    ("r_eye", 100, 112, 12, 6),
    ("l_eye", 156, 112, 12, 6),
    ("nose", 128, 140, 10, 20),
)


def drawn_parsing(mouth: tuple[int, int] = MOUTH) -> Tensor:
    """Probabilities `[1, 19, 256, 256]`, all 0 or 1, of a face whose mouth is centred at `mouth` (x, y)."""
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    labels = torch.full((SIDE, SIDE), CLASSES.index("background"))
    for name, centre_x, centre_y, half_width, half_height in _ELLIPSES:
        inside = ((x - centre_x) / half_width).square() + ((y - centre_y) / half_height).square() <= 1
        labels[inside] = CLASSES.index(name)
    lips = ((x - mouth[0]).abs() <= MOUTH_HALF[0]) & ((y - mouth[1]).abs() <= MOUTH_HALF[1])
    labels[lips & (y < mouth[1])] = CLASSES.index("u_lip")
    labels[lips & (y >= mouth[1])] = CLASSES.index("l_lip")
    return torch.nn.functional.one_hot(labels, len(CLASSES)).permute(2, 0, 1)[None].float()
