"""Operations that generators, parsers and edit networks share, in plain PyTorch."""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def inverse_haar(x: Tensor) -> Tensor:
    """One inverse Haar (db1) step: `[B, 4C, H, W]` to `[B, C, 2H, 2W]`.

    Channels come as all C low-pass maps, then for each of them its lh, hl and hh map.
    Source: FACTS 4; checked against the OpenVINO graph of MobileStyleGAN.
    """
    batch, channels, height, width = x.shape
    if channels % 4:
        raise ValueError(f"inverse_haar needs a multiple of 4 channels, got {channels}")
    c = channels // 4
    low = x[:, :c]
    lh, hl, hh = x[:, c:].reshape(batch, c, 3, height, width).unbind(2)
    plus, minus = low + lh, low - lh
    plus_high, minus_high = hl + hh, hl - hh
    even_row = torch.stack([plus + plus_high, plus - plus_high], -1)
    odd_row = torch.stack([minus + minus_high, minus - minus_high], -1)
    return (torch.stack([even_row, odd_row], 3) * 0.5).reshape(batch, c, 2 * height, 2 * width)


def normalise_features(features: Tensor) -> Tensor:
    """Divide `[B, C, H, W]` by its root mean square a sample, so that every layer speaks equally loud."""
    return features * torch.rsqrt(features.square().mean((1, 2, 3), keepdim=True) + 1e-8)


def resize_mask(mask: Tensor, size: int) -> Tensor:
    """`[B, C, s, s]` to `[B, C, size, size]`, bilinear up and area-averaged down; masks, probabilities, pictures."""
    if mask.shape[-1] == size:
        return mask
    if mask.shape[-1] > size:
        return F.adaptive_avg_pool2d(mask, size)
    return F.interpolate(mask, size=(size, size), mode="bilinear", align_corners=False)


def channels_last(module: Module) -> Module:
    """Store the weights with channels innermost, which makes convolutions on a CPU faster; the module itself."""
    # torch accepts the keyword, its type stubs leave it out
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
