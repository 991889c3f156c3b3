"""The pixel parser: 22 classes for any aligned picture, photograph or generated, painted or not.

A U-Net of plain 3x3 convolutions whose width doubles as its side halves, so that every level costs about the same.
The lowest level also sees the mean of the whole picture. Pixels enter four at a time as channels, so that the finest
level, at half the side, still resolves an edge of hair within them.

Source: O. Ronneberger, P. Fischer and T. Brox, "U-Net", MICCAI 2015 (the shape); C.-H. Lee et al., "MaskGAN:
Towards Diverse and Interactive Facial Image Manipulation", CVPR 2020 (CelebAMask-HQ's classes).
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mcaclip.generators.synthesis import Synthesis
from mcaclip.nn.ops import channels_last, resize_mask
from mcaclip.nn.safetensors_io import FromFile
from mcaclip.perception.parsing_head import CLASSES

FACIAL_HAIR = ("beard", "moustache", "goatee")
LABELS = (*CLASSES, *FACIAL_HAIR)
"""CelebAMask-HQ's classes 0-18, then 19 beard (cheeks and jaw), 20 moustache, 21 goatee (chin)."""
_SIDED = ("eye", "brow", "ear")
MIRRORED = tuple(
    LABELS.index({"l": "r", "r": "l"}[name[0]] + name[1:]) if name[2:] in _SIDED else number
    for number, name in enumerate(LABELS)
)
"""The class that each class is in a mirror; `ear_r` is an earring on either side."""
PARSER_SIZE = 256
"""Side of the network's input and of the result."""
WIDTHS = (16, 24, 56, 112, 160)
"""Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the side."""


class _Conv(nn.Module):
    """Convolution, in training followed by batch normalisation, which `folded` merges into it afterwards."""

    def __init__(self, channels_in: int, channels: int, normalised: bool, stride: int = 1, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, bias=not normalised)
        self.norm: nn.Module = nn.BatchNorm2d(channels) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C_in, H, W]` to `[B, C, H / stride, W / stride]`."""
        return self.norm(self.conv(x))


class _Residual(nn.Module):
    """Two 3x3 convolutions beside the identity."""

    def __init__(self, channels: int, normalised: bool) -> None:
        super().__init__()
        self.first = _Conv(channels, channels, normalised)
        self.second = _Conv(channels, channels, normalised)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]`, shape kept."""
        return F.relu(x + self.second(F.relu(self.first(x))))


class _Surroundings(nn.Module):
    """Adds the mean of the whole picture, through two layers, to every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]`, shape kept."""
        return F.relu(x + self.layers(x.mean((2, 3)))[:, :, None, None])


class _Up(nn.Module):
    """One level up: the coarse features, doubled (bilinear), plus those of the way down, mixed."""

    def __init__(self, coarse: int, fine: int, normalised: bool) -> None:
        super().__init__()
        self.coarse, self.mix = _Conv(coarse, fine, normalised, kernel=1), _Conv(fine, fine, normalised)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """`[B, coarse, H, W]` and `[B, fine, 2H, 2W]` to `[B, fine, 2H, 2W]`."""
        doubled = F.interpolate(self.coarse(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.relu(self.mix(F.relu(doubled + fine)))


class ParserOutput(NamedTuple):
    """Logits `[B, 22, S / 2, S / 2]`, and features `[B, WIDTHS[i], s, s]`, s a half to a 32nd of the side."""

    logits: Tensor
    levels: tuple[Tensor, ...]


class FaceParser(FromFile):
    """Pictures to 22 classes; frozen weights come from `load`.

    Args:
        normalised: with batch normalisation, as it is trained; what is shipped is `folded`.
    """

    problem, remedy = "is no face parser", "train it again: `python -m train parser`"

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        self.stem = _Conv(12, WIDTHS[0], normalised)
        self.down = nn.ModuleList(
            nn.Sequential(_Conv(i, o, normalised, stride=2), nn.ReLU(), _Residual(o, normalised))
            for i, o in pairwise(WIDTHS)
        )
        self.surroundings = _Surroundings(WIDTHS[-1])
        self.up = nn.ModuleList(_Up(i, o, normalised) for i, o in pairwise(WIDTHS[::-1]))
        self.out = nn.Conv2d(WIDTHS[0], len(LABELS), 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Class logits `[B, 22, 256, 256]` of FFHQ-aligned pictures `[B, 3, S, S]` RGB in [-1, 1] of any size."""
        half = self.logits(resize_mask(images, PARSER_SIZE))
        return F.interpolate(half, scale_factor=2.0, mode="bilinear", align_corners=False)

    def logits(self, images: Tensor) -> Tensor:
        """Class logits `[B, 22, S / 2, S / 2]` of `[B, 3, S, S]` as it is; S is a multiple of 32, best 192 or 256."""
        return self.with_features(images).logits

    def with_features(self, images: Tensor) -> ParserOutput:
        """The class logits, and the features of every level of the encoder."""
        levels = [F.relu(self.stem(F.pixel_unshuffle(images, 2)))]
        for level in self.down:
            levels.append(level(levels[-1]))
        x = self.surroundings(levels[-1])
        for up, fine in zip(self.up, levels[-2::-1], strict=True):
            x = up(x, fine)
        return ParserOutput(self.out(x), tuple(levels))

    @torch.no_grad()
    def probabilities(self, images: Tensor, size: int = PARSER_SIZE, mirrored: bool = False) -> Tensor:
        """Class probabilities `[B, 22, size, size]` in the order of `LABELS`, summing to 1; no gradient.

        Args:
            images: `[B, 3, S, S]` RGB in [-1, 1], FFHQ-aligned, of any size.
            size: side of the result.
            mirrored: average with what is found in a mirror: a little better for twice the time.
        """
        found = self(images).float().softmax(1)
        if mirrored:
            found = (found + self(images.flip(-1)).float().softmax(1)[:, MIRRORED].flip(-1)) / 2
        return resize_mask(found, size)

    @property
    def layers(self) -> Collection[int]:
        """See `Parser.layers`: none, since it parses pictures."""
        return ()

    def parse(self, made: Synthesis, size: int) -> Tensor:
        """See `Parser.parse`."""
        return celeb(self.probabilities(made.image.clamp(-1, 1), size))


def celeb(probabilities: Tensor) -> Tensor:
    """CelebAMask-HQ's 19 classes `[B, 19, H, W]` from our 22 `[B, 22, H, W]`: facial hair counts as skin."""
    out = probabilities[:, : len(CLASSES)].clone()
    out[:, CLASSES.index("skin")] += probabilities[:, len(CLASSES) :].sum(1)
    return out


def folded(net: FaceParser) -> FaceParser:
    """The same function as a trained `net` in eval mode, without its batch normalisations."""
    state = dict(net.state_dict())
    for name, module in net.named_modules():
        if isinstance(module, _Conv) and isinstance(module.norm, nn.BatchNorm2d):
            fused = fuse_conv_bn_eval(module.conv.eval(), module.norm.eval())
            state |= {f"{name}.conv.{key}": value for key, value in fused.state_dict().items()}
    plain = FaceParser()
    plain.load_state_dict({name: value for name, value in state.items() if ".norm." not in name})
    return channels_last(plain.eval().requires_grad_(False))
