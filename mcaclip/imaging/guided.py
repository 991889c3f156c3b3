"""Masks whose edges follow a picture: hair keeps its strands.

Source: He, Sun and Tang, "Guided Image Filtering" (TPAMI 2013), with a colour guide; He and Sun, "Fast Guided Filter"
(2015), which finds the filter at a small side and applies it at the full one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.nn.ops import box_mean, resize_mask


def follow(mask: Tensor, picture: Tensor, side: int, radius: int, smoothness: float) -> Tensor:
    """A mask that is, window by window, a linear function of a picture's colours.

    Args:
        mask: `[1, 1, s, s]` in [0, 1].
        picture: `[1, 3, S, S]` in [-1, 1].
        side: of the result.
        radius: of the windows in pixels of the mask.
        smoothness: variance of a colour below which a window counts as plain.

    Returns:
        `[1, 1, side, side]` in [0, 1].
    """
    guide = resize_mask(picture, mask.shape[-1])
    mean, mean_mask = box_mean(guide, radius), box_mean(mask, radius)
    pairs = (guide[:, :, None] * guide[:, None]).flatten(1, 2)
    covariance = box_mean(pairs, radius).unflatten(1, (3, 3)) - mean[:, :, None] * mean[:, None]
    towards = box_mean(guide * mask, radius) - mean * mean_mask
    matrix = covariance.permute(0, 3, 4, 1, 2) + smoothness * torch.eye(3, device=mask.device)
    slope = torch.linalg.solve(matrix, towards.permute(0, 2, 3, 1)[..., None])[..., 0].permute(0, 3, 1, 2)
    offset = mean_mask - (slope * mean).sum(1, keepdim=True)
    slope, offset = (resize_mask(box_mean(part, radius), side) for part in (slope, offset))
    return ((slope * resize_mask(picture, side)).sum(1, keepdim=True) + offset).clamp(0, 1)
