"""Operations that generators, parsers and edit networks share, in plain PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)
CACHED_NUMBERS = 2**20
"""Numbers of a map that a Haar step works on at once (measured)."""


def inverse_haar(x: Tensor, style: Tensor | None = None) -> Tensor:
    """One inverse Haar (db1) step: `[B, 4C, H, W]` to `[B, C, 2H, 2W]`.

    Channels come as all C low-pass maps, then for each of them its lh, hl and hh map.
    Source: FACTS 4; checked against the OpenVINO graph of MobileStyleGAN.

    Args:
        style: `[B, 4C]`, factors on the channels first.
    """
    batch, channels, height, width = x.shape
    if channels % 4:
        raise ValueError(f"inverse_haar needs a multiple of 4 channels, got {channels}")
    # channels innermost, as the convolutions around it want them
    inner = x.permute(0, 2, 3, 1)
    factor = 0.5 if style is None else 0.5 * style[:, None, None, :]
    if torch.is_grad_enabled():
        halves = [torch.stack([low + high, low - high], -2) for low, high in _haar_rows(inner * factor)]
        whole = torch.stack(halves, 2)
    else:  # a few rows at a time, which stay in the processor's cache between the steps
        whole = x.new_empty(batch, height, 2, width, 2, channels // 4)
        count = max(1, CACHED_NUMBERS // (width * channels))
        for part, made in zip(inner.split(count, 1), whole.split(count, 1), strict=True):
            for row, (low, high) in enumerate(_haar_rows(part * factor)):
                torch.add(low, high, out=made[:, :, row, :, 0])
                torch.sub(low, high, out=made[:, :, row, :, 1])
    return whole.view(batch, 2 * height, 2 * width, channels // 4).permute(0, 3, 1, 2)


def _haar_rows(inner: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of `[B, H, W, 4C]`, for the even and the odd rows: the mean of both columns, and what they differ from it."""
    c = inner.shape[-1] // 4
    low, lh, hl, hh = inner[..., :c], inner[..., c::3], inner[..., c + 1 :: 3], inner[..., c + 2 :: 3]
    yield low + lh, hl + hh
    yield low - lh, hl - hh


def normalise_features(features: Tensor) -> Tensor:
    """Divide `[B, C, H, W]` by the root mean square of each sample, so that every layer has the same weight."""
    return features * inverse_size(features)


def inverse_size(features: Tensor) -> Tensor:
    """One over the root mean square of each sample, `[B, 1, 1, 1]`."""
    norm = torch.linalg.vector_norm(features, dim=(1, 2, 3), keepdim=True)
    return torch.rsqrt(norm.square() / features[0].numel() + 1e-8)


def box_mean(x: Tensor, radius: int) -> Tensor:
    """The mean over square windows of `[B, C, H, W]`; beyond its border the map is continued."""
    side = 2 * radius + 1
    rows = F.avg_pool2d(F.pad(x, [radius] * 4, mode="replicate"), (1, side), 1)
    return F.avg_pool2d(rows, (side, 1), 1)


def smooth(x: Tensor, radius: int) -> Tensor:
    """`box_mean` twice: almost a Gaussian blur."""
    return box_mean(box_mean(x, radius), radius)


def resize_mask(mask: Tensor, size: int) -> Tensor:
    """`[B, C, s, s]` to `[B, C, size, size]`, bilinear up and area-averaged down; masks, probabilities, pictures."""
    if mask.shape[-1] == size:
        return mask
    if mask.shape[-1] > size:
        return F.adaptive_avg_pool2d(mask, size)
    # one by one: PyTorch enlarges three channels together more slowly than apart
    channels = mask.flatten(0, 1)[:, None]
    enlarged = F.interpolate(channels, size=(size, size), mode="bilinear", align_corners=False)
    return enlarged.view(*mask.shape[:2], size, size)


def cut_square(images: Tensor, center: tuple[float, float], side: float, size: int, fine: int) -> Tensor:
    """Cut the same upright square out of all images, differentiably: `[B, C, S, S]` to `[B, C, size, size]`.

    Args:
        center: of the square, (x, y) in units of the images' side.
        side: of the square, in the same units.
        fine: bilinear samples per pixel and direction, which are averaged.
    """
    rows = _sampling(center[1], side, size, fine, images.shape[-2]).to(images)
    columns = _sampling(center[0], side, size, fine, images.shape[-1]).to(images)
    (top, bottom), (left, right) = (_reached(weights) for weights in (rows, columns))
    cut = images[:, :, top:bottom, left:right]
    return rows[:, top:bottom] @ (cut @ columns[:, left:right].mT)


@lru_cache(maxsize=32)
def _sampling(center: float, side: float, size: int, fine: int, pixels: int) -> Tensor:
    """Weights `[size, pixels]` of an axis: means of `fine` bilinear samples; beyond the border the edge counts."""
    steps = torch.arange(size * fine, dtype=torch.float64)
    at = (pixels * (center + side * ((steps + 0.5) / (size * fine) - 0.5)) - 0.5).clamp(0, pixels - 1)
    low = at.floor().clamp(max=pixels - 2).long()
    weights = torch.zeros(size * fine, pixels, dtype=torch.float64)
    weights.scatter_(1, low[:, None], 1 - (at - low)[:, None])
    weights.scatter_(1, low[:, None] + 1, (at - low)[:, None])
    return weights.view(size, fine, pixels).mean(1).float()


def _reached(weights: Tensor) -> tuple[int, int]:
    """First and last pixel that weights `[size, pixels]` use."""
    used = weights.any(0).nonzero()
    return int(used[0]), int(used[-1]) + 1


def channels_last(module: Module) -> Module:
    """Store the weights with channels innermost, which makes convolutions on a CPU faster; the module itself."""
    # torch accepts the keyword, its type stubs leave it out
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
