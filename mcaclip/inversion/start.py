"""Where the optimisation starts: a linear guess of w from a 32 px picture."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.base import broadcast_w
from mcaclip.modules import load_strictly

START_SIZE = 32


class LinearStart(nn.Module):
    """Ridge regression from pixels at 32 px to w: pose, skin, hair and background colour in a millisecond."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(3 * START_SIZE**2, 512)

    def forward(self, images: Tensor) -> Tensor:
        """`images [B, 3, S, S]` in [-1, 1], S at least 32, to `w [B, 512]`."""
        return self.map(F.adaptive_avg_pool2d(images, START_SIZE).flatten(1))

    def code(self, image: Tensor) -> Tensor:
        """The guess for one face `[3, S, S]` as a code `w_plus [18, 512]`, every row the same."""
        return broadcast_w(self(image[None]))[0]

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> LinearStart:
        """Load a safetensors file strictly; the weights are frozen.

        Raises:
            WeightsError: the file has another layout.
        """
        start = load_strictly(cls(), path, "is no inversion start", "fit it again: `python -m train inversion-start`")
        return start.requires_grad_(False).eval().to(device)
