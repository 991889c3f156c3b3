"""Where natural codes lie: keeps an optimisation from leaving the faces that the generator knows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.generators.base import Generator, seeded_z

SAMPLES = 4096
SEED = 1
SLOPE = 0.2
FLOOR = 1e-2


@dataclass(frozen=True)
class LatentPrior:
    """A Gaussian on w before the mapping's last leaky ReLU, where w's distribution is nearly normal.

    Source: Zhu et al. 2020, "Improved StyleGAN Embedding: Where are the Good Latents?" (the P_N space), with small
    eigenvalues raised to a floor, since nothing is known in directions in which the samples hardly differ.

    Attributes:
        mean: `[512]`.
        whiten: `[512, 512]`, columns: principal directions over their standard deviation.
        w_variance: mean variance of w itself.
    """

    mean: Tensor
    whiten: Tensor
    w_variance: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Generator) -> LatentPrior:
        """From a few thousand seeded draws; a third of a second."""
        w = generator.mapping(seeded_z(SAMPLES, SEED).to(generator.w_avg.device))
        values = _before_relu(w)
        mean = values.mean(0)
        spread, directions = torch.linalg.eigh((values - mean).T @ (values - mean) / len(values))
        spread = spread.clamp_min(FLOOR * float(spread.mean()))
        return cls(mean, directions / spread.sqrt(), (w - generator.w_avg).square().mean())

    def distance(self, w: Tensor) -> Tensor:
        """Mean square of whitened codes `[..., 512]`, a scalar: about 1 for natural ones, 0 for the average."""
        return ((_before_relu(w) - self.mean) @ self.whiten).square().mean()


def _before_relu(w: Tensor) -> Tensor:
    return torch.where(w < 0, w / SLOPE, w)
