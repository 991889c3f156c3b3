"""Antialiased sampling of an image along an affine grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_MAX_SAMPLES_A_STRIP = 2_000_000  # bounds the memory that a large photo takes


def resample(
    source: Tensor,
    first: np.ndarray,
    axes: np.ndarray,
    shape: tuple[int, int],
    fine: int,
    whole_numbers: bool = False,
) -> Iterator[tuple[int, Tensor]]:
    """Samples an image along an affine grid: the mean of `fine` x `fine` bilinear samples per pixel.

    Args:
        source: `float32 [C, h, w]`; zero outside.
        first: `[2]` position (x, y) of the first output pixel's centre, integers being pixel centres.
        axes: `[2, 2]` step in the source for one output pixel to the right, and for one down.
        shape: rows and columns of the output.
        fine: samples per pixel and direction.
        whole_numbers: cut every sample down to a whole number before averaging, as the transform with which
            FFHQ was made does: its images are half a level darker than their photos.

    Yields:
        The output in strips, to bound memory: index of the first row, `float32 [C, rows, columns]`.
    """
    height, width = shape
    extent = np.array([source.shape[2], source.shape[1]])
    step = axes / fine
    origin = first - step.sum(axis=0) * (fine - 1) / 2
    # grid_sample's frame: -1 and 1 are the outer edges of the first and last pixel.
    start, (right, down) = (2 * origin + 1) / extent - 1, 2 * step / extent
    across = start + np.arange(width * fine)[:, None] * right
    rows_a_strip = max(1, _MAX_SAMPLES_A_STRIP // (width * fine * fine))
    for row in range(0, height, rows_a_strip):
        rows = np.arange(row * fine, min(height, row + rows_a_strip) * fine)[:, None] * down
        # The double precision of both parts is not needed in their sum: float32 is good to 1/1000 px.
        grid = torch.from_numpy(across).float()[None] + torch.from_numpy(rows).float()[:, None]
        samples = F.grid_sample(source[None], grid[None], padding_mode="zeros", align_corners=False)
        if whole_numbers:
            samples.add_(1e-3).floor_()  # 1e-3: sums such as 99.99999 stand for 100
        yield row, F.avg_pool2d(samples, fine)[0]
