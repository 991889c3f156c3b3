"""Inversion by optimisation through the 256 px preview, from the code that an encoder gives.

First what all rows share, then a small offset a row: the order and the offset penalty keep the code near the faces
that the generator knows, which is what makes it editable.
Source: the idea of e4e (Tov et al. 2021, "distortion-editability trade-off"), applied to optimisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator, seeded_z
from mcaclip.generators.synthesis import synthesize
from mcaclip.perception.base import Identity
from mcaclip.types import Progress, ProgressCallback, StopEarly

OFFSET_ROWS = 12
"""Rows from here on keep their offset from the base: the preview only guesses their effect, and offsets would exploit
its errors."""

Start = Callable[[Tensor], Tensor]
"""From an aligned face `[3, S, S]` in [-1, 1], on the generator's device, to a first code `w_plus [18, 512]`."""


@dataclass(frozen=True)
class InversionSettings:
    """Effort and balance of the optimisation.

    Attributes:
        steps: optimiser steps (about 0.2 s each on two CPU cores); 0 keeps the first code.
        base_share: share of the steps that move all rows together.
        lr: Adam's learning rate at the start; it falls by a cosine.
        pixel: weight of the pixel term (absolute difference at 256 and 64 px, the face counts three times).
        feature: weight of the feature term (maps of the identity network).
        identity: weight of 1 - identity cosine.
        offset: weight of the mean squared offset of the rows, in variances of w.
        prior: weight of the mean squared distance of the base from the average face, in variances of w.
        live_every: steps between two live frames.
    """

    steps: int = 90
    base_share: float = 0.35
    lr: float = 0.06
    pixel: float = 1.0
    feature: float = 0.6
    identity: float = 0.5
    offset: float = 0.02
    prior: float = 0.004
    live_every: int = 5


EFFORTS = {
    "instant": InversionSettings(steps=0),
    "good": InversionSettings(),
    "best": InversionSettings(steps=240),
}
"""What `--inversion` and the app offer; `instant` only where the start is a real encoder (`Stack.instant`)."""

REFINE = InversionSettings(steps=120, base_share=0.0, lr=0.03)
"""Going on from a finished inversion: all rows move from the start, in smaller steps."""


def invert(
    generator: Generator,
    identity: Identity,
    start: Start,
    image: Tensor,
    settings: InversionSettings,
    callback: ProgressCallback | None = None,
) -> Tensor:
    """Find the W+ code of an aligned face.

    Args:
        generator: the preview generator.
        start: gives the first code; see `Start`.
        image: `[3, S, S]` in [-1, 1], FFHQ-aligned.
        callback: gets live frames; may raise `StopEarly` to end with the best so far, or anything else to cancel.

    Returns:
        `w_plus [18, 512]`, the code of the lowest loss seen.
    """
    image = image.to(generator.w_avg.device)
    with torch.no_grad():
        first = start(image)
    if not settings.steps:
        return first
    target = _Target.of(image, generator.image_size, identity)
    base = first[-1].clone().requires_grad_(True)
    offsets = (first[:OFFSET_ROWS] - first[-1]).requires_grad_(True)
    still = first[OFFSET_ROWS:] - first[-1]
    optimizer = torch.optim.Adam([base, offsets], lr=settings.lr, betas=(0.9, 0.99))
    variance = _w_variance(generator)
    best_loss, best = math.inf, first
    for step in range(settings.steps):
        progress = step / settings.steps
        optimizer.param_groups[0]["lr"] = settings.lr * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * progress)))
        moving = progress >= settings.base_share
        code = base + torch.cat([offsets if moving else offsets.detach(), still])
        picture = synthesize(generator, code[None]).image
        loss = target.distance(picture, identity, settings)
        loss = loss + settings.offset * (offsets.square() / variance).mean()
        loss = loss + settings.prior * ((base - generator.w_avg).square() / variance).mean()
        if loss.item() < best_loss:
            best_loss, best = loss.item(), code.detach().clone()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if callback and (step % settings.live_every == 0 or step == settings.steps - 1):
            frame = picture[0].detach().clamp(-1, 1).cpu()
            try:
                callback(Progress("reconstructing", (step + 1) / settings.steps, frame))
            except StopEarly:
                break
    return best


@torch.no_grad()
def _w_variance(generator: Generator) -> Tensor:
    """Mean variance of w over a thousand seeded faces."""
    w = generator.mapping(seeded_z(1000, 1).to(generator.w_avg.device))
    return (w - generator.w_avg).square().mean()


@dataclass(frozen=True)
class _Target:
    """The photo at the preview's size with what is compared."""

    image: Tensor
    weight: Tensor
    features: list[Tensor]
    embedding: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, image: Tensor, size: int, identity: Identity) -> _Target:
        small = F.interpolate(image[None], size=(size, size), mode="bilinear", antialias=True)
        return cls(small, _face_weight(size).to(small), _features(identity, small), identity.embed(small))

    def distance(self, picture: Tensor, identity: Identity, settings: InversionSettings) -> Tensor:
        difference = (picture - self.image).abs() * self.weight
        coarse = (F.avg_pool2d(picture, 4) - F.avg_pool2d(self.image, 4)).abs() * F.avg_pool2d(self.weight, 4)
        loss = settings.pixel * (difference.mean() + coarse.mean())
        features = _features(identity, picture)
        terms = [(a - b).square().mean() / b.square().mean() for a, b in zip(features, self.features, strict=True)]
        loss = loss + settings.feature * torch.stack(terms).mean()
        if settings.identity:
            cosine = (identity.embed(picture) * self.embedding).sum()
            loss = loss + settings.identity * (1 - cosine)
        return loss


def _features(identity: Identity, picture: Tensor) -> list[Tensor]:
    """Low and middle maps of the identity network: edges and parts (of dlib's at 72, 35, 17 and 8 px)."""
    return identity.features(identity.crop(picture))[:4]


def _face_weight(size: int) -> Tensor:
    """Smooth weight that counts the middle of an FFHQ crop three times, mean 1."""
    axis = torch.linspace(-1, 1, size)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = torch.sigmoid((0.62 - ((x / 0.85).square() + (y - 0.12).square()).sqrt()) * 10)
    weight = 1 + 2 * inside
    return (weight / weight.mean())[None, None]
