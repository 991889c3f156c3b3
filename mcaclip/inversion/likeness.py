"""How far a picture is from a face: pixels, features and identity, with eyes and mouth counting most."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.base import Identity

SIDE = 256
# Mean places of the parts in an FFHQ crop, in units of its side: x, y, radius x, radius y, weight.
PARTS = ((0.375, 0.475, 0.075, 0.04, 3.0), (0.625, 0.475, 0.075, 0.04, 3.0), (0.5, 0.725, 0.13, 0.06, 2.0))
FACE_WEIGHT = 2.0


@dataclass(frozen=True)
class LikenessWeights:
    """Weights of the terms.

    Attributes:
        pixel: absolute difference at 256 and 64 px.
        feature: squared difference of the identity network's low and middle maps, relative to their size.
        identity: 1 - cosine of the identities.
    """

    pixel: float = 1.0
    feature: float = 0.6
    identity: float = 0.5


@dataclass(frozen=True)
class Likeness:
    """Faces `[B]` that others are compared with."""

    image: Tensor
    weight: Tensor
    features: list[Tensor]
    embedding: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, images: Tensor, identity: Identity) -> Likeness:
        """From FFHQ-aligned faces `[B, 3, S, S]` in [-1, 1]."""
        small = to_side(images)
        return cls(small, face_weight(SIDE).to(small), _features(identity, small), identity.embed(small))

    def parts(self, pictures: Tensor, identity: Identity) -> dict[str, Tensor]:
        """The terms by name, each a mean over the batch, for pictures `[B, 3, 256, 256]`."""
        difference = (pictures - self.image).abs() * self.weight
        coarse = (F.avg_pool2d(pictures, 4) - F.avg_pool2d(self.image, 4)).abs() * F.avg_pool2d(self.weight, 4)
        pairs = zip(_features(identity, pictures), self.features, strict=True)
        feature = torch.stack([(a - b).square().mean() / b.square().mean() for a, b in pairs]).mean()
        cosine = (identity.embed(pictures) * self.embedding).sum(1).mean()
        return {"pixel": difference.mean() + coarse.mean(), "feature": feature, "identity": 1 - cosine}

    def total(self, parts: dict[str, Tensor], weights: LikenessWeights) -> Tensor:
        """The weighted sum of `parts`."""
        return (
            weights.pixel * parts["pixel"] + weights.feature * parts["feature"] + weights.identity * parts["identity"]
        )


def to_side(images: Tensor) -> Tensor:
    """Pictures `[B, 3, S, S]` shrunk (or enlarged) to 256 px, antialiased."""
    return F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def _features(identity: Identity, pictures: Tensor) -> list[Tensor]:
    """Low and middle maps of the identity network: edges and parts, at 72, 35 and 17 px, and at 8 px."""
    return identity.features(identity.crop(pictures))[:4]


def face_weight(size: int) -> Tensor:
    """Smooth weight `[1, 1, size, size]` of mean 1: background 1, face 3, eyes and mouth up to 6."""
    axis = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = torch.sigmoid((0.62 - (((2 * x - 1) / 0.85).square() + (2 * y - 1.12).square()).sqrt()) * 10)
    weight = 1 + FACE_WEIGHT * inside
    for centre_x, centre_y, radius_x, radius_y, part in PARTS:
        distance = ((x - centre_x) / radius_x).square() + ((y - centre_y) / radius_y).square()
        weight = weight + part * torch.exp(-distance)
    return (weight / weight.mean())[None, None]
