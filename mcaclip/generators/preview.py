"""A 256 px picture from the 128 px features: for inversion, training and sliders.

The layers above 128 px cost nine tenths of MobileStyleGAN's time. `PreviewHead` predicts their outcome, shrunk to
256 px; `PreviewGenerator` puts it behind the lower layers and looks like any other generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.base import W_DIM, StyleSlot, WrappedGenerator
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.nn.safetensors_io import FromFile

TOP_LAYER = 10
MODULATED_ROW = 11
MODULATED_SCALE = 1 / 16
HEAD_ROWS = (12, 13, 14, 15)
PREVIEW_SIZE = 256


class PreviewHead(FromFile):
    """Modulated 256 channels at 128 px, and the W+ rows above them, to 12 channels at 128 px.

    The features come with the true modulation of the layer above (see `PreviewGenerator.rgb`), so the head need not
    learn it. A linear 1x1 path carries the colours, a small non-linear one the edges; rows 12-15 scale and shift
    both through a narrow bottleneck, since few faces are enough to fit it but also to over-fit it.
    """

    problem, remedy = "is no preview head", "fit it again: `python -m train preview-head`"

    def __init__(self, in_channels: int = 256, hidden: int = 64, style_bottleneck: int = 24):
        super().__init__()
        self.sizes = (hidden, hidden, hidden, 12, 12)
        narrow = nn.Linear(len(HEAD_ROWS) * W_DIM, style_bottleneck)
        last = nn.Linear(style_bottleneck, sum(self.sizes))
        self.style = nn.Sequential(narrow, nn.LeakyReLU(0.2), last)
        self.linear = nn.Conv2d(in_channels, 12, 1)
        self.reduce = nn.Conv2d(in_channels, hidden, 1)
        self.mix = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.out = nn.Conv2d(hidden, 12, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, features: Tensor, w_plus: Tensor) -> Tensor:
        """`features [B, 256, 128, 128]`, `w_plus [B, 18, 512]` to `[B, 12, 128, 128]` (a Haar step below RGB)."""
        style = self.style(w_plus[:, list(HEAD_ROWS)].flatten(1))[:, :, None, None]
        scale, shift, out_scale, rgb_scale, rgb_shift = style.split(self.sizes, dim=1)
        hidden = F.leaky_relu(self.reduce(features) * (1 + scale) + shift, 0.2)
        hidden = F.leaky_relu(self.mix(hidden), 0.2) * (1 + out_scale)
        return self.linear(features) * (1 + rgb_scale) + rgb_shift + self.out(hidden)


class PreviewGenerator(WrappedGenerator):
    """The layers up to 128 px of a `MobileStyleGAN`, then the preview head; a `Generator` itself."""

    full: MobileStyleGAN

    def __init__(self, full: MobileStyleGAN, head: PreviewHead):
        super().__init__(full)
        self.head = head
        lower: Sequence = full.layers[: TOP_LAYER + 1]
        self.layers = (
            *lower[:-1],
            replace(lower[-1], rgb_row=HEAD_ROWS[-1], reach=2),
        )  # the head has a 3x3 convolution
        self.image_size = PREVIEW_SIZE

    @property
    def style_slots(self) -> tuple[StyleSlot, ...]:
        """See `Generator.style_slots`; the head applies the two of row 11, and reads the rows above as they are."""
        slots = [slot for slot in self.full.style_slots if slot.row <= MODULATED_ROW]
        return tuple(replace(slot, path=f"full.{slot.path}", layer=min(slot.layer, TOP_LAYER)) for slot in slots)

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        """The head's output; only the last layer has one."""
        return self.head(self.modulate(x, w_plus), w_plus)

    def modulate(self, x: Tensor, w_plus: Tensor) -> Tensor:
        """Apply the two modulations by row 11 of the block above 128 px, `[B, 256, 128, 128]`, and scale to about 1.

        The second one acts behind the Haar up-sampling; since that is linear and joins each low-pass map with its
        own three high-pass maps, it may as well act before.
        """
        block, w = self.full.block(TOP_LAYER // 2), w_plus[:, MODULATED_ROW]
        joined = block.conv1.style(w)
        spread = torch.cat([joined, joined.repeat_interleave(3, dim=1)], 1)
        return x * (MODULATED_SCALE * block.up.style(w) * spread)[:, :, None, None]
