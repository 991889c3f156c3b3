"""FaceCLIP's image tower: it encodes a face part by part.

A frozen parser says where the parts are; the tower pools colours in Lab, texture and the parser's own features inside
them. The gradient passes through the masks as well: with the colours' gradient alone, an optimisation closes the eyes
that it should make green.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.clip.face_areas import AREAS, areas
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.face_parser import WIDTHS, FaceParser

SHADES = tuple((float(lightness), 0.0, 0.0) for lightness in (5, 25, 45, 65, 82, 96)) + tuple(
    (float(lightness), chroma * math.cos(hue * math.pi / 6), chroma * math.sin(hue * math.pi / 6))
    for lightness, chroma in ((35, 45), (60, 60), (82, 35))
    for hue in range(12)
)
"""Lab of the shades of the colour histogram: greys, and twelve hues, each dark, full and pale."""
SHADE_SOFTNESS = 0.05
"""Softness of the histogram, in squared Lab / 50: a pixel between two shades counts for both."""
NOISE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""Standard deviations of the noise on the tokens of a picture that needs a gradient, relative to each token's own:
little noise keeps similar colours apart, much noise makes the gradient smooth."""
STATISTICS = 19 + len(SHADES)
"""Length of the vector that `statistics` returns for an area."""
_mask_gradient: ContextVar[float] = ContextVar("mask_gradient", default=1.0)


@contextmanager
def mask_gradient(share: float) -> Iterator[None]:
    """Within this context, only a share 0..1 of the gradient passes through the masks of pictures.

    Long optimisation steps need less: with the whole gradient they distort a face to enlarge or move a part.
    """
    before = _mask_gradient.set(share)
    try:
        yield
    finally:
        _mask_gradient.reset(before)


@dataclass(frozen=True)
class TowerConfig:
    """Widths of the tower.

    Attributes:
        texture: channels of the two convolutions that see texture, which the parser is trained to ignore.
        width: width of the tokens, one per area and one for the whole picture.
        layers: layers of the transformer over the tokens.
        heads: heads of its attention.
        squeezed: width of each token in the last layer.
    """

    texture: int = 32
    width: int = 256
    layers: int = 3
    heads: int = 4
    squeezed: int = 48


@dataclass(frozen=True)
class PooledFeatures:
    """The pooled features of pictures.

    Attributes:
        found: features of every area, `[B, A, N]`: colours, textures, the parser's features.
        whole: features of the whole picture, `[B, M]`.
    """

    found: Tensor
    whole: Tensor


class FaceTower(nn.Module):
    """Pictures `[B, 3, S, S]` in [-1, 1], S a multiple of 96, to features `[B, embed_dim]`."""

    def __init__(self, embed_dim: int = 512, config: TowerConfig = TowerConfig()):
        super().__init__()
        self.parser = FaceParser().requires_grad_(False)
        half = config.texture // 2
        self.texture = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1), nn.GELU(), nn.Conv2d(half, config.texture, 3, 2, 1), nn.GELU()
        )
        _, quarter, eighth, sixteenth, last = WIDTHS
        self.tokens = nn.Linear(STATISTICS + config.texture + quarter + eighth, config.width)
        self.whole = nn.Sequential(nn.LayerNorm(sixteenth + last), nn.Linear(sixteenth + last, config.width))
        self.names = nn.Parameter(torch.randn(len(AREAS) + 1, config.width) * 0.3)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 2 * config.width, 0.0, F.gelu, batch_first=True, norm_first=True
        )
        self.mix = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.squeeze = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.squeezed))
        self.out = nn.Linear((len(AREAS) + 1) * config.squeezed, embed_dim)

    def train(self, mode: bool = True) -> FaceTower:
        """Sets the mode of everything but the parser, which stays in evaluation mode."""
        super().train(mode)
        self.parser.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Features `[B, embed_dim]` of pictures `[B, 3, S, S]` in [-1, 1]; smoothed where these need a gradient."""
        features = self.pool_features(images)
        return self.smoothed(features) if images.requires_grad else self.encode_pooled(features)

    def pool_features(self, images: Tensor) -> PooledFeatures:
        """The pooled features of pictures `[B, 3, S, S]` in [-1, 1]; only `texture` is trained for them."""
        seen = self.parser.with_features(images)
        masks = _tempered(areas(seen.logits.float().softmax(1)))
        quarter, eighth = seen.levels[1:3]
        # the colours of few pixels need full precision
        with torch.autocast(images.device.type, enabled=False):
            parts = [statistics(images, masks), *(pool(x, masks) for x in (self.texture(images), quarter, eighth))]
            # the features of an area that is not there are 0
            found = torch.cat(parts, 2) * _presence(masks)[..., None]
        return PooledFeatures(found, torch.cat([level.float().mean((2, 3)) for level in seen.levels[3:5]], 1))

    def encode_pooled(self, features: PooledFeatures, noise: Tensor | None = None) -> Tensor:
        """Embeddings `[B, embed_dim]` of pooled features.

        Args:
            noise: `[B]`, standard deviation of noise on each picture's tokens, relative to each token's own, or None.
        """
        tokens = self._tokens(features)
        if noise is not None:
            scale = noise.view(-1, 1, 1) * tokens.detach().std(-1, keepdim=True)
            tokens = tokens + scale * torch.randn_like(tokens)
        return self._read(tokens)

    def smoothed(self, features: PooledFeatures) -> Tensor:
        """Embeddings `[B, embed_dim]` to optimise against: the mean over noise of the deviations `NOISE`, both signs.

        Without noise an optimisation finds artefacts of the network, and faces fall apart. The noise differs between
        pictures and is always the same for the same picture.

        Source: Cohen et al., "Certified Adversarial Robustness via Randomized Smoothing" (ICML 2019), here on tokens.
        """
        tokens = self._tokens(features)
        scale = tokens.detach().std(-1, keepdim=True) * torch.tensor(NOISE, device=tokens.device).view(-1, 1, 1, 1)
        noise = scale * _noise_for(tokens.detach(), len(NOISE))
        embeddings = self._read((tokens + torch.cat([noise, -noise])).flatten(0, 1))
        return F.normalize(embeddings, dim=-1).unflatten(0, (2 * len(NOISE), -1)).mean(0)

    def _tokens(self, features: PooledFeatures) -> Tensor:
        return torch.cat([self.tokens(features.found), self.whole(features.whole)[:, None]], 1)

    def _read(self, tokens: Tensor) -> Tensor:
        return self.out(self.squeeze(self.mix(tokens + self.names)).flatten(1))


def _tempered(masks: Tensor) -> Tensor:
    still = masks.detach()
    return still + _mask_gradient.get() * (masks - still)


def _noise_for(tokens: Tensor, count: int) -> Tensor:
    """Normal noise `[count, *tokens.shape]`, seeded by the tokens."""
    whole = float(tokens.double().square().sum())
    generator = torch.Generator().manual_seed(int(whole * 1e6) % 2**32 if math.isfinite(whole) else 0)
    return torch.randn(count, *tokens.shape, generator=generator).to(tokens)


def statistics(images: Tensor, masks: Tensor) -> Tensor:
    """Colours and textures of areas.

    Args:
        images: `[B, 3, S, S]` in [-1, 1].
        masks: `[B, A, 96, 96]` in [0, 1].

    Returns:
        `[B, A, STATISTICS]`: mean Lab, and the means of the dark, the light and the colourful pixels; standard
        deviation of Lab; fine texture; the area's size and position; its share near each of `SHADES`. A mean alone
        confuses white paint in the shade with silver, and hair before a bright wall with fair hair.
    """
    small = F.interpolate(images.float(), size=masks.shape[-2:], mode="bilinear", antialias=True, align_corners=False)
    lab = srgb_to_lab(small) / 50
    lightness, chroma = lab[:, :1], lab[:, 1:].square().sum(1, keepdim=True).add(1e-4).sqrt()
    fine = (lightness - F.avg_pool2d(F.pad(lightness, (1, 1, 1, 1), mode="replicate"), 3, 1)).abs()
    weights = [torch.exp(4 * (1 - lightness)), torch.exp(4 * (lightness - 1)), torch.exp(3 * (chroma - 0.5))]
    stack = torch.cat([lab, lab.square(), fine, *(part for w in weights for part in (w, w * lab))], 1)
    pooled = pool(stack, masks)
    mean, square, texture = pooled[..., :3], pooled[..., 3:6], pooled[..., 6:7]
    chosen = [pooled[..., i + 1 : i + 4] / pooled[..., i : i + 1].clamp_min(1e-4) for i in (7, 11, 15)]
    deviation = (square - mean.square()).clamp_min(1e-5).sqrt()
    # the core of an area counts most: pixels at its edge are mixed with its neighbours
    shares = pool(shade_shares(lab), masks.square())
    return torch.cat([mean, *chosen, deviation, 10 * texture, _positions(masks), shares], 2)


def shade_shares(lab: Tensor) -> Tensor:
    """Soft assignment `[B, len(SHADES), S, S]` of each pixel of Lab / 50 `[B, 3, S, S]` to `SHADES`, sum 1."""
    shades = torch.tensor(SHADES, device=lab.device) / 50
    # the square of the pixel itself is the same for all shades
    nearness = torch.einsum("bchw,kc->bkhw", 2 * lab, shades) - shades.square().sum(1)[:, None, None]
    return (nearness / SHADE_SOFTNESS).softmax(1)


def pool(features: Tensor, masks: Tensor) -> Tensor:
    """Means `[B, A, C]` of `features [B, C, s, s]` inside `masks [B, A, S, S]`, S a multiple of s."""
    if masks.shape[-1] != features.shape[-1]:
        masks = F.avg_pool2d(masks, masks.shape[-1] // features.shape[-1])
    weights = masks.flatten(2)
    weights = weights / weights.sum(2, keepdim=True).clamp_min(1e-3)
    return weights @ features.float().flatten(2).transpose(1, 2)


def _positions(masks: Tensor) -> Tensor:
    """Share of the picture (logarithmic), mean row and mean column: `[B, A, 3]`."""
    line = torch.linspace(-1, 1, masks.shape[-1], device=masks.device)
    total = masks.sum((2, 3))
    row = (masks.sum(3) * line).sum(2) / total.clamp_min(1)
    column = (masks.sum(2) * line).sum(2) / total.clamp_min(1)
    return torch.stack([torch.log1p(total) / 4 - 1, row, column], 2)


def _presence(masks: Tensor) -> Tensor:
    """0 for an area of at most one pixel, 1 for a visible one, `[B, A]`.

    Its gradient is that of the area's logarithm, so that it acts on a part that shrinks before the part is gone.
    """
    total = masks.sum((2, 3))
    size = total.clamp_min(1).log()
    return (total / 6).clamp(0, 1).detach() * (1 + (size - size.detach()))
