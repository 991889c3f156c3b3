"""An independent measure of likeness: MobileFace, a network that nothing here is trained or optimised against.

The studio's own identity network is dlib's, and the inversion maximises its score, so its own score is no evidence.
This network is for measuring only and is not shipped: its two files come from a public package of browser models
and `mcaclip.perception.graph_model` runs them. On 40 aligned portraits two different people have
a cosine of 0.08 on average (standard deviation 0.12, highest 0.47); a face and its mirror image 0.96.

Source: the identification network of the project MobileFace (becauseofAI, MIT licence), 256 numbers per face.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.nn.ops import cut_square
from mcaclip.perception.graph_model import HOW_TO_GET, GraphModel
from mcaclip.platform.digests import sha256_of

SUMS = {
    "mobileface.json": "b62d89d9e1401a2572e011e8691699f2432c1a6f56cda0dad7ddbdecacf1bbab",
    "mobileface.bin": "403b53d95120c93c8417951b05d816197aa1794372b47e7629801156c701be5c",
}
SIDE = 112
# Where the network's 112 px crop lies in the FFHQ crop, in units of the crop's side: the similarity that takes the
# mean landmarks of 63 aligned photos to the five points the network was trained with.
CROP_CENTER = (0.5006, 0.4913)
CROP_SIDE = 0.7805


class IndependentIdentity:
    """MobileFace on FFHQ-aligned faces; on the CPU, without gradients."""

    def __init__(self, network: GraphModel):
        self.network = network

    @classmethod
    def load(cls, folder: Path) -> IndependentIdentity:
        """Read `mobileface.json` and `mobileface.bin`.

        Raises:
            WeightsError: a file is missing or not the expected one.
        """
        for name, expected in SUMS.items():
            path = folder / name
            if not path.is_file():
                raise WeightsError(f"{path} is missing. {HOW_TO_GET}")
            if sha256_of(path) != expected:
                raise WeightsError(f"{path} is not the expected file. {HOW_TO_GET}")
        return cls(GraphModel(folder / "mobileface.json"))

    @torch.no_grad()
    def embed(self, images: Tensor) -> Tensor:
        """FFHQ-aligned faces `[B, 3, S, S]` in [-1, 1], S at least 112, to vectors `[B, 256]` of length 1."""
        pixels = ((crop(images.float().cpu()) + 1) * 127.5).permute(0, 2, 3, 1)
        (found,) = self.network(pixels, self.network.nodes[-1]["name"])
        return F.normalize(found, dim=1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine of two batches of faces as `[B]`."""
        return (self.embed(a) * self.embed(b)).sum(1)


def crop(images: Tensor) -> Tensor:
    """The network's `[B, 3, 112, 112]` crop of FFHQ-aligned faces, antialiased; range kept."""
    small = F.interpolate(images, size=(256, 256), mode="bilinear", antialias=True, align_corners=False)
    return cut_square(small, CROP_CENTER, CROP_SIDE, SIDE, 2).clamp(-1, 1)
