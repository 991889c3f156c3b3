"""Views of a picture for CLIP-NCE: differentiable random perspective."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def random_views(
    images: Tensor,
    copies: int,
    rng: np.random.Generator,
    surroundings: Literal["zeros", "reflection"] = "zeros",
    distortion: float = 0.5,
) -> Tensor:
    """`copies` random perspective views of each image, `[B, 3, S, S]` to `[B * copies, 3, S, S]`.

    Each corner moves inwards by up to `distortion / 2` of the side. The copies of an image are neighbours in the
    batch.

    Args:
        images: in [-1, 1], so that zeros are a middle grey.
        surroundings: what lies beyond the picture's borders, on average 44 % of a view; "reflection" mirrors it.

    Source: CF-CLIP's augmentation (random perspective, distortion 0.5, fill 0); it draws one view for all faces of a
        batch, this one for each.
    """
    batch, _, height, width = images.shape
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)
    sides = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    ys, xs = np.meshgrid(*sides, indexing="ij")
    points = np.stack([xs, ys, np.ones_like(xs)], -1)
    grids = []
    for _ in range(batch * copies):
        moved = corners * (1 - distortion * rng.random((4, 2))).astype(np.float32)
        homography = cv2.getPerspectiveTransform(moved, corners).astype(np.float32)
        projected = points @ homography.T
        grids.append(projected[..., :2] / projected[..., 2:])
    grid = torch.from_numpy(np.stack(grids)).to(images)
    repeated = images.repeat_interleave(copies, 0)
    return F.grid_sample(repeated, grid, mode="bilinear", padding_mode=surroundings, align_corners=False)
