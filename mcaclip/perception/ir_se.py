"""The IR-SE50 body that ArcFace and e4e share: improved residual units with squeeze and excitation.

Source: Deng et al., "ArcFace" (CVPR 2019); Hu et al., "Squeeze-and-Excitation Networks" (CVPR 2018). Modules are
named and ordered as in the published checkpoints, so those load without a key map.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and units of each stage; the first unit of a stage halves the size."""

STAGE_ENDS = (2, 6, 20, 23)
"""The last unit of each stage."""

REDUCTION = 16


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from the means of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // REDUCTION, 1, bias=False)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(channels // REDUCTION, channels, 1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]`, shape kept."""
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(self.avg_pool(x)))))


class Unit(nn.Module):
    """BN, 3x3, PReLU, 3x3 (with the stride), BN, gate; plus the input, subsampled or mapped by a 1x1."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        if channels_in != channels:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.Conv2d(channels_in, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            SqueezeExcite(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C_in, H, W]` to `[B, C, H / stride, W / stride]`."""
        return self.res_layer(x) + self.shortcut_layer(x)


def input_layer() -> nn.Sequential:
    """3x3 convolution to 64 channels at full size, BN, PReLU."""
    return nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))


def body() -> nn.Sequential:
    """The 24 units, numbered as in the published checkpoints."""
    units, channels_in = [], 64
    for channels, count in STAGES:
        for index in range(count):
            units.append(Unit(channels_in, channels, stride=2 if index == 0 else 1))
            channels_in = channels
    return nn.Sequential(*units)


def stage_outputs(units: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """The maps after each stage: `x [B, 64, S, S]` gives 64 x S/2, 128 x S/4, 256 x S/8 and 512 x S/16."""
    maps = []
    for index, unit in enumerate(units):
        x = unit(x)
        if index in STAGE_ENDS:
            maps.append(x)
    return maps
