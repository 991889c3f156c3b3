"""A face's residual in one look, from the photo and from what the encoder's code makes of it.

Source: the idea of HFGI (Wang et al., CVPR 2022) and StyleFeatureEditor (Bobkov et al., CVPR 2024): a second network
sees what the first reconstruction lacks. Differences: the map stands behind a 32 px layer and is measured in the
spread of its channels, and the network sees that layer's features too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.inversion.likeness import SIDE
from mcaclip.nn.safetensors_io import FromFile

FOLD = 4
"""Pixels of the pictures per side that become channels of one cell."""
CHANNELS = 512
"""Channels of the features behind the residual's layer."""


def _silence(conv: nn.Conv2d) -> None:
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)


class _Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        _silence(self.second)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, s, s]` to the same."""
        return x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))


class ResidualEncoder(FromFile):
    """Predicts the residual of a face.

    Args:
        width: channels at 32 px.
        deep: channels at 16 px, where the network sees further.
        blocks: pairs of convolutions at each of the two sizes.
    """

    problem, remedy = "is no residual encoder", "train it again: `python -m train residual-encoder`"

    spread: Tensor

    def __init__(self, width: int = 192, deep: int = 256, blocks: int = 2):
        super().__init__()
        self.look = nn.Conv2d(9 * FOLD**2, 96, 3, padding=1)
        self.shrink = nn.Conv2d(96, width, 4, stride=2, padding=1)
        self.feel = nn.Conv2d(CHANNELS, width, 1)
        self.fine = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.down = nn.Conv2d(width, deep, 4, stride=2, padding=1)
        self.coarse = nn.Sequential(*(_Block(deep) for _ in range(blocks)))
        self.up = nn.Conv2d(deep, width, 1)
        self.join = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.say = nn.Conv2d(width, CHANNELS, 1)
        self.register_buffer("spread", torch.ones(1, CHANNELS, 1, 1))
        _silence(self.say)

    def forward(self, photo: Tensor, made: Tensor, features: Tensor) -> Tensor:
        """The map to add.

        Args:
            photo: `[B, 3, 256, 256]` in [-1, 1], FFHQ-aligned.
            made: what the code makes of it, alike.
            features: behind the residual's layer, `[B, 512, 32, 32]`.

        Returns:
            `[B, 512, 32, 32]`.
        """
        seen = F.pixel_unshuffle(torch.cat([photo, made, photo - made], 1), FOLD)
        x = self.shrink(F.leaky_relu(self.look(seen), 0.2)) + self.feel(features / self.spread)
        x = self.fine(x)
        further = self.up(self.coarse(self.down(x)))
        x = self.join(x + F.interpolate(further, scale_factor=2.0, mode="bilinear", align_corners=False))
        return self.spread * self.say(F.leaky_relu(x, 0.2))


assert SIDE == 32 * 2 * FOLD
