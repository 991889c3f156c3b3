"""From an aligned face to a W+ code in one look.

The frozen face recognition network of `mcaclip.perception.identity` is the backbone: its maps at 17, 8 and 4 cells
and its descriptor say who it is. A small convolutional branch sees the whole picture: hair, background, colours.

Source: e4e (Tov et al. 2021): one base row and small offsets, read off a feature pyramid whose backbone is a face
recognition network. Differences: the backbone stays frozen, a linear path that is solved in closed form stands beside
the convolutions (few training faces are enough for it), the offsets have a small basis a row, and the rows that only
the full-size generator shows keep the base.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.base import NUM_WS, W_DIM
from mcaclip.nn.safetensors_io import FromFile
from mcaclip.perception.identity import FaceIdentity, aligned_to_chips

PIXELS = 128
OFFSET_GROUPS = ((1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))
"""Rows with offsets of their own: coarse, medium, fine. Row 0 is the base; rows above 11 equal it."""
LAST_OFFSET_ROW = 11
BASIS = 48
DESCRIPTOR_SCALE = 8.0
FLAT_SIZE = 3 * 32**2 + 64 * 8**2 + 128 * 8**2 + 256 * 4**2 + 128


class View(NamedTuple):
    """What the encoder sees of a picture, one row per picture.

    Attributes:
        pixels: `[B, 3, 128, 128]` in [-1, 1].
        fine: `[B, 64, 17, 17]`, middle: `[B, 128, 8, 8]`, coarse: `[B, 256, 4, 4]`: maps of the identity network.
        descriptor: `[B, 128]`, centred.
    """

    pixels: Tensor
    fine: Tensor
    middle: Tensor
    coarse: Tensor
    descriptor: Tensor


def view_of(identity: FaceIdentity, images: Tensor) -> View:
    """The view of FFHQ-aligned faces `[B, 3, S, S]` in [-1, 1], S at least 128; differentiable."""
    maps = identity.features(aligned_to_chips(images))
    descriptor = (identity.head(maps[-1].mean(dim=(2, 3))) - identity.center) * DESCRIPTOR_SCALE
    small = F.interpolate(images, size=(PIXELS, PIXELS), mode="bilinear", antialias=True, align_corners=False)
    return View(small, maps[2], maps[3], maps[4], descriptor)


def _conv(channels_in: int, channels_out: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels_out), nn.LeakyReLU(0.2))


def flatten(view: View) -> Tensor:
    """The view as one vector per picture, `[B, 19584]`: what the linear path sees."""
    return torch.cat(
        [
            F.avg_pool2d(view.pixels, 4).flatten(1),
            F.adaptive_avg_pool2d(view.fine, 8).flatten(1),
            view.middle.flatten(1),
            view.coarse.flatten(1),
            view.descriptor,
        ],
        1,
    )


class FaceEncoder(FromFile):
    """A linear path, solved in closed form, plus a convolutional one.

    Args:
        width: features of the trunk's end.
        rank: width of the linear path.
    """

    problem, remedy = "is no face encoder", "train it again: `python -m train encoder`"
    channels_inside = False

    w_mean: Tensor
    w_std: Tensor

    def __init__(self, width: int = 768, rank: int = 192):
        super().__init__()
        self.project = nn.Linear(FLAT_SIZE, rank)
        self.spread = nn.Linear(rank, W_DIM, bias=False)
        nn.init.zeros_(self.spread.weight)
        self.pixel = nn.Sequential(
            _conv(3, 32, 5, 2, 2), _conv(32, 64, 3, 2), _conv(64, 96, 3, 2), _conv(96, 128, 3, 2)
        )
        self.fine = _conv(64, 96, 3, 2, 0)
        self.middle = _conv(128, 128, 1, 1, 0)
        self.coarse = _conv(256, 128, 1, 1, 0)
        self.join = _conv(96 + 128 + 128, 224)
        self.down = _conv(224, 224, 3, 2)
        self.squeeze = _conv(224 + 128, 160, 1, 1, 0)
        self.flat = nn.Sequential(nn.Linear(160 * 16 + 128, width), nn.BatchNorm1d(width), nn.LeakyReLU(0.2))
        self.deep = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, width), nn.BatchNorm1d(width), nn.LeakyReLU(0.2))
        self.base = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, W_DIM))
        extra = (0, 224 * 4, 128 * 4)
        self.offsets = nn.ModuleList(
            nn.Linear(width + more, len(rows) * BASIS) for rows, more in zip(OFFSET_GROUPS, extra, strict=True)
        )
        self.basis = nn.Parameter(torch.randn(sum(map(len, OFFSET_GROUPS)), BASIS, W_DIM) * 0.05)
        self.register_buffer("w_mean", torch.zeros(W_DIM))
        self.register_buffer("w_std", torch.ones(()))
        for head in self.offsets:
            assert isinstance(head, nn.Linear)
            nn.init.normal_(head.weight, std=1e-3)
            nn.init.zeros_(head.bias)

    def forward(self, view: View) -> tuple[Tensor, Tensor]:
        """Offsets from the average face, in units of w's standard deviation.

        Returns:
            `base [B, 512]` and `offsets [B, 11, 512]` for rows 1-11.
        """
        pixel = self.pixel(view.pixels)
        middle = self.join(torch.cat([self.fine(view.fine), self.middle(view.middle), pixel], 1))
        coarse = self.squeeze(torch.cat([self.down(middle), self.coarse(view.coarse)], 1))
        trunk = self.flat(torch.cat([coarse.flatten(1), view.descriptor], 1))
        trunk = trunk + self.deep(trunk)
        inputs = (
            trunk,
            torch.cat([trunk, F.adaptive_avg_pool2d(middle, 2).flatten(1)], 1),
            torch.cat([trunk, F.adaptive_avg_pool2d(pixel, 2).flatten(1)], 1),
        )
        weights = torch.cat([head(x) for head, x in zip(self.offsets, inputs, strict=True)], 1)
        offsets = torch.einsum("brk,rkd->brd", weights.unflatten(1, (-1, BASIS)), self.basis)
        return self.base(trunk) + self.spread(self.project(flatten(view))), offsets

    def rows(self, base: Tensor, offsets: Tensor) -> Tensor:
        """`w_plus [B, 18, 512]` of what `forward` returns."""
        change = base[:, None] + F.pad(offsets, (0, 0, 1, NUM_WS - 1 - LAST_OFFSET_ROW))
        return self.w_mean + self.w_std * change

    def code(self, view: View) -> Tensor:
        """`w_plus [B, 18, 512]` of the faces seen."""
        return self.rows(*self(view))
