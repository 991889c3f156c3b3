"""Measures of the similarity of two pictures. Pictures are `float [B, 3, S, S]` in [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.platform.torchvision_guard import ensure_torchvision


def ssim(a: Tensor, b: Tensor, weight: Tensor | None = None) -> Tensor:
    """Structural similarity of two batches of pictures, `[B]`, -1..1; 1 for equal pictures.

    It is computed on pictures in [0, 1] with a data range of 1, an 11 x 11 Gaussian window of deviation 1.5 and
    mirrored edges, so S is at least 6.

    Args:
        a: pictures in [-1, 1], as `b`.
        weight: `[B, 1, S, S]` in [0, 1], where it counts; None for everywhere. A weight of 0 everywhere gives 0.

    Source: Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), Eq. 13.
    """
    # imported here: torchmetrics takes seconds, and only evaluations need it
    ensure_torchvision()
    from torchmetrics.functional.image import structural_similarity_index_measure

    mean, similarity = structural_similarity_index_measure(
        (a + 1) / 2, (b + 1) / 2, reduction="none", data_range=1.0, return_full_image=True
    )
    if weight is None:
        return mean
    return (similarity.mean(1, keepdim=True) * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp_min(1e-6)


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of two batches of pictures in [-1, 1], `[B]`; at most 100, for equal ones."""
    return -10 * ((a - b).square().mean((1, 2, 3)) / 4).clamp_min(1e-10).log10()


def frechet(a: Tensor, b: Tensor) -> float:
    """Frechet distance of the Gaussians through two sets of features, `[N, D]` and `[M, D]`; N and M at least 2.

    The trace of the root of the covariances' product is the nuclear norm of the product of the centred sets, which is
    also right for fewer features than dimensions.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017).
    """
    a, b = a.double(), b.double()
    own, other = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (a, b))
    root = torch.linalg.matrix_norm(own @ other.T, "nuc")
    return float((a.mean(0) - b.mean(0)).square().sum() + own.square().sum() + other.square().sum() - 2 * root)
