"""Face parsing of any aligned picture: ParseNet at 512 px, 19 classes.

Source: the parsing network of Chen et al., "Progressive Semantic-Aware Style Transformation for Blind Face
Restoration" (PSFR-GAN, CVPR 2021), with the weights of facexlib. Modules are named as in the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mcaclip.generators.synthesis import Synthesis
from mcaclip.nn.ops import resize_mask
from mcaclip.nn.published import check_layout, module_layout, read_checkpoint
from mcaclip.nn.safetensors_io import FromFile
from mcaclip.perception.parsing_head import CLASSES

INPUT_SIZE = 512
"""Side of the network's input and output in pixels."""

ENCODER_CHANNELS = (64, 128, 256, 256, 256)
BODY_BLOCKS = 10
SCALES = {"down": (1, 2), "same": (1, 1), "up": (2, 1)}
"""Factor before and stride of a convolution that changes the size."""


class _Norm(nn.Module):
    """BatchNorm under the name that the checkpoint gives it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]`, shape kept."""
        return self.norm(x)


class ConvLayer(nn.Module):
    """Optional doubling (nearest), reflected border, 3x3 convolution; with `normalised` BN in place of the bias."""

    def __init__(self, channels_in: int, channels: int, scale: str = "same", normalised: bool = False) -> None:
        super().__init__()
        self.factor, stride = SCALES[scale]
        self.reflection_pad = nn.ReflectionPad2d(1)
        self.conv2d = nn.Conv2d(channels_in, channels, 3, stride, bias=not normalised)
        self.norm: nn.Module = _Norm(channels) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C_in, H, W]` to `[B, C, H', W']`."""
        if self.factor > 1:
            x = F.interpolate(x, scale_factor=float(self.factor), mode="nearest")
        return self.norm(self.conv2d(self.reflection_pad(x)))


class ResidualBlock(nn.Module):
    """Convolution, leaky ReLU 0.2, convolution, plus the input (convolved where size or channels change).

    A halving happens in the second convolution, a doubling in the first.
    """

    def __init__(self, channels_in: int, channels: int, scale: str = "same") -> None:
        super().__init__()
        plain = scale == "same" and channels_in == channels
        self.shortcut_func: nn.Module = nn.Identity() if plain else ConvLayer(channels_in, channels, scale)
        first, second = ("same", "down") if scale == "down" else (scale, "same")
        self.conv1 = ConvLayer(channels_in, channels, first, normalised=True)
        self.conv2 = ConvLayer(channels, channels, second, normalised=True)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C_in, H, W]` to `[B, C, H', W']`."""
        return self.shortcut_func(x) + self.conv2(F.leaky_relu(self.conv1(x), 0.2))


class ParseNet(FromFile):
    """Encoder to 32 px, ten residual blocks, decoder to 512 px."""

    problem, remedy = "is no ParseNet file", "delete it and run `python -m mcaclip doctor` to get it again"

    def __init__(self) -> None:
        super().__init__()
        down = pairwise(ENCODER_CHANNELS)
        self.encoder = nn.Sequential(
            ConvLayer(3, ENCODER_CHANNELS[0]), *(ResidualBlock(i, o, "down") for i, o in down)
        )
        width = ENCODER_CHANNELS[-1]
        self.body = nn.Sequential(*(ResidualBlock(width, width) for _ in range(BODY_BLOCKS)))
        channels = ENCODER_CHANNELS[::-1]
        self.decoder = nn.Sequential(*(ResidualBlock(i, o, "up") for i, o in pairwise(channels)))
        self.out_img_conv = ConvLayer(channels[-1], 3)
        self.out_mask_conv = ConvLayer(channels[-1], len(CLASSES))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and the picture that the network was also trained to restore.

        Args:
            images: `[B, 3, 512, 512]` RGB in [-1, 1], FFHQ-aligned; other multiples of 16 work less well.

        Returns:
            Logits `[B, 19, 512, 512]` in the order of `CLASSES`, and `[B, 3, 512, 512]`.
        """
        x = self.encoder(images)
        x = self.decoder(x + self.body(x))
        return self.out_mask_conv(x), self.out_img_conv(x)

    def logits(self, images: Tensor) -> Tensor:
        """Class logits `[B, 19, 512, 512]` of aligned pictures `[B, 3, S, S]` in [-1, 1] of any size."""
        x = self.encoder(resize_mask(images, INPUT_SIZE))
        return self.out_mask_conv(self.decoder(x + self.body(x)))

    @property
    def layers(self) -> Collection[int]:
        """See `Parser.layers`: none, since it parses pictures."""
        return ()

    def parse(self, made: Synthesis, size: int) -> Tensor:
        """See `Parser.parse`."""
        return self.probabilities(made.image.clamp(-1, 1), size)

    def probabilities(self, images: Tensor, size: int = 256) -> Tensor:
        """Class probabilities, no gradient; as `ParsingHead.probabilities`, but of pictures instead of features.

        Args:
            images: `[B, 3, S, S]` RGB in [-1, 1], FFHQ-aligned; brought to 512 px first.
            size: side of the result.

        Returns:
            `[B, 19, size, size]` in the order of `CLASSES`, summing to 1.
        """
        with torch.no_grad():
            return resize_mask(self.logits(images).softmax(1), size)


def read_parsenet(path: Path) -> dict[str, Tensor]:
    """The published checkpoint (a plain state dict) as the state dict of `ParseNet`.

    Raises:
        WeightsError: the file is damaged or has another layout.
    """
    with torch.device("meta"):
        layout = module_layout(ParseNet())
    return check_layout(path, read_checkpoint(path), layout)
