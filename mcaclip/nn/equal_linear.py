"""The two building blocks of StyleGAN2's mapping network, as the latent mappers use them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PixelNorm(nn.Module):
    """Divides by the root mean square over dimension 1: `x / sqrt(mean(x^2, dim=1) + 1e-8)`.

    Dimension 1 is the channel axis of the [B, C] codes and [B, C, H, W] maps for which the operation was
    made. The published W+ mappers feed it [B, rows, 512], where dimension 1 counts the *rows* of a group:
    each channel is normalised over the rows and not each row over its channels. This looks like a slip,
    but the published weights were trained with it and work with nothing else, so we keep it.
    Over a single row it is nearly the sign function, which is what CF-CLIP's text module sees.

    Source: Karras et al. 2018, "Progressive Growing of GANs", section 4.2; StyleCLIP and CF-CLIP mappers.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalises `float [B, N, ...]` over N; the shape is kept."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class EqualLinear(nn.Module):
    """A linear layer with an equalised learning rate and, optionally, a fused leaky ReLU.

    The stored weight is drawn from N(0, 1) / lr_mul and multiplied by `lr_mul / sqrt(in_features)` at run
    time; the stored bias by `lr_mul`. A step on the stored weight therefore acts `lr_mul` times weaker,
    which is why the published mappers (lr_mul 0.01) train with learning rates such as 0.5.

    Source: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (StyleGAN2).
    """

    def __init__(self, in_features: int, out_features: int, *, lr_mul: float = 1.0, activation: bool = False) -> None:
        super().__init__()
        if lr_mul <= 0:
            raise ValueError(f"lr_mul must be above 0, not {lr_mul}")
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_mul)
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.lr_mul = lr_mul
        self.scale = lr_mul / math.sqrt(in_features)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Maps `float [..., in_features]` to `float [..., out_features]`; the bias is added per channel."""
        out = F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)
        if self.activation:
            # The gain keeps the variance of a unit-variance input, as in StyleGAN2.
            out = F.leaky_relu(out, 0.2) * math.sqrt(2)
        return out


def mapping_stack(dim: int, num_layers: int, lr_mul: float) -> nn.Sequential:
    """PixelNorm followed by `num_layers` activated EqualLinear(dim, dim).

    The layers are numbered from 1 (0 is the norm), as in the published checkpoints.
    """
    layers = [EqualLinear(dim, dim, lr_mul=lr_mul, activation=True) for _ in range(num_layers)]
    return nn.Sequential(PixelNorm(), *layers)
