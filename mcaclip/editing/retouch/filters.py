"""What several retouches are made of: blurs, films of pigment, linear light."""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.imaging.colour import lab_to_srgb, srgb_to_lab
from mcaclip.nn.ops import resize_mask, smooth

GAMMA = 2.2
LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear red, green and blue."""
FINE_ENOUGH = 4
"""Pixels of a radius with which a blur is made."""


def blur(values: Tensor, radius: float) -> Tensor:
    """Almost a Gaussian blur of `[1, C, S, S]`; `radius` in sides of the picture.

    A wide one is made at a smaller side.
    """
    side = values.shape[-1]
    small = resize_mask(values, min(side, round(FINE_ENOUGH / radius)))
    pixels = max(1, round(radius * small.shape[-1]))
    return resize_mask(smooth(small, pixels), side)


def mean_inside(values: Tensor, weight: Tensor, radius: float) -> Tensor:
    """Blur of `[1, C, S, S]` to which each pixel adds by its weight `[1, 1, S, S]`, at least 0."""
    return blur(values * weight, radius) / (blur(weight, radius) + 1e-4)


def keeping_edges(light: Tensor, weight: Tensor, radius: float, edge: float) -> tuple[Tensor, Tensor]:
    """How much of an edge each place has, 0..1, and the blurred light, `[1, 1, S, S]` each.

    Source: the guided filter with the picture as its own guide (He, Sun and Tang 2013), on the weighted pixels alone.

    Args:
        edge: standard deviation of the light from which it has an edge.
    """
    mean = mean_inside(light, weight, radius)
    variance = (mean_inside(light.square(), weight, radius) - mean.square()).clamp_min(0)
    return blur(variance / (variance + edge**2), radius), mean


def behind_film(picture: Tensor, share: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """A picture behind a film of pigment, of which `colour` says what it leaves of red, green and blue."""
    kept = picture.new_tensor(colour).view(1, 3, 1, 1)
    return (picture + 1) * (1 - share * (1 - kept)) - 1


def linear(picture: Tensor) -> Tensor:
    """Linear light, 0..1, of a picture in [-1, 1]."""
    return ((picture + 1) / 2).clamp(0, 1) ** GAMMA


def encoded(light: Tensor) -> Tensor:
    """The inverse of `linear`."""
    return 2 * light.clamp(0, 1) ** (1 / GAMMA) - 1


def luminance(light: Tensor) -> Tensor:
    """Of linear light `[1, 3, S, S]`, `[1, 1, S, S]`."""
    return (light * light.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


def with_lab(picture: Tensor, change: Tensor) -> Tensor:
    """A picture to whose Lab values `change [1, 3, S, S]` is added."""
    return torch.where(change.ne(0).any(1, keepdim=True), lab_to_srgb(srgb_to_lab(picture) + change), picture)
