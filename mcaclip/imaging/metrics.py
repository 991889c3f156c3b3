"""Measures of the similarity of two pictures. Pictures are `float [B, 3, S, S]` in [-1, 1]."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity around every pixel, mean over the channels, `[B, 1, S, S]`.

    An 11 x 11 Gaussian window of deviation 1.5; the edge is mirrored, so S is at least 6.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), Eq. 13.
    """
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a.square(), _blur(b * b) - mean_b.square()
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = (2 * K1) ** 2, (2 * K2) ** 2  # the range from -1 to 1 is 2 wide
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    bottom = (mean_a.square() + mean_b.square() + c1) * (var_a + var_b + c2)
    return (top / bottom).mean(1, keepdim=True)


def ssim(a: Tensor, b: Tensor, weight: Tensor | None = None) -> Tensor:
    """Structural similarity of two batches of pictures, `[B]`, -1..1; 1 for equal pictures.

    Args:
        weight: `[B, 1, S, S]` in [0, 1], where it counts; None for everywhere. A weight of 0 everywhere gives 0.
    """
    similarity = ssim_map(a, b)
    weight = torch.ones_like(similarity) if weight is None else weight
    return (similarity * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1e-6)


def _blur(x: Tensor) -> Tensor:
    """Gaussian mean around every pixel, each channel by itself."""
    axis = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    line = torch.exp(-axis.square() / (2 * SIGMA**2))
    line = (line / line.sum()).expand(x.shape[1], 1, WINDOW)
    padded = F.pad(x, [WINDOW // 2] * 4, mode="reflect")
    rows = F.conv2d(padded, line[:, :, None], groups=x.shape[1])
    return F.conv2d(rows, line[..., None], groups=x.shape[1])
