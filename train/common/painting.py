"""Paint on pictures, a beard grown along a W direction, and the augmentation of FaceCLIP's pictures."""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.compose import masked_synthesize
from mcaclip.imaging.colour import lab_to_srgb, srgb_to_lab
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.regions import dilate

BEARD_STRENGTH = 3.0


@torch.no_grad()
def grow_beard(generator: Generator, code: Tensor, source: Tensor, chin: Tensor, beard: Tensor) -> Tensor:
    """The same face with a chin beard, grown by masked synthesis along a W direction.

    Args:
        code: `[1, 18, 512]`.
        source: its picture `[1, 3, S, S]`.
        chin: where the beard may grow, `[1, 1, S, S]`.
        beard: `[18, 512]`, a W direction whose plus side grows a beard.
    """
    grown = dilate(chin, 6)
    masks = [*(resize_mask(grown, spec.size) for spec in generator.layers), grown]
    return masked_synthesize(generator, code, BEARD_STRENGTH * beard[None], masks, source)


def paint(image: Tensor, mask: Tensor, lab: Tensor, strength: float, cover: float) -> Tensor:
    """Recolour a region, keeping its light and shade.

    Args:
        image: `[3, H, W]` in [-1, 1].
        mask: `[1, H, W]` in [0, 1].
        lab: the colour, `[3]`.
        strength: 0..1, how far a and b move to the colour.
        cover: 0..1, how far the region's mean lightness moves to the colour's (1 is opaque paint).
    """
    source = srgb_to_lab(image)
    weight = mask.sum().clamp_min(1e-3)
    mean_l = (source[:1] * mask).sum() / weight
    lightness = (source[:1] + cover * (lab[0] - mean_l)).clamp(2, 98)
    # deep shadows and highlights carry less chroma, as on a real coloured surface
    shade = (1 - ((lightness - lab[0]).abs() / 90).clamp(0, 0.6)).square()
    chroma = source[1:] + strength * (lab[1:, None, None] * shade - source[1:])
    painted = lab_to_srgb(torch.cat([lightness, chroma])).clamp(-1, 1)
    return image + mask * (painted - image)


def augment(images: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Pictures `[B, 3, S, S]` to `[B, 3, size, size]` in [-1, 1], as cameras, screens and editors deliver them.

    They are flipped, turned, scaled, shifted, sheared a little, exposed differently, blurred and compressed. Hues
    stay as they are, apart from a faint colour cast.
    """
    out = _moved(images, size, rng)
    out = _relit(out, rng)
    out = torch.stack([_degraded(picture, rng) for picture in out])
    noise = _column(rng.uniform(0, 0.07, len(out)) * (rng.random(len(out)) < 0.6))
    grain = torch.from_numpy(rng.standard_normal(out.shape, dtype=np.float32))
    return (out + noise * grain).clamp(-1, 1)


def _column(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).view(-1, 1, 1, 1)


def _moved(images: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    batch = len(images)
    angle, scale = rng.normal(0, 0.1, batch), rng.uniform(0.75, 1.1, batch)
    flip = np.where(rng.random(batch) < 0.5, -1.0, 1.0)
    theta = np.zeros((batch, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = flip * scale * np.cos(angle), -scale * np.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = flip * scale * np.sin(angle), scale * np.cos(angle)
    theta[:, :, :2] += rng.normal(0, 0.03, (batch, 2, 2))
    theta[:, :, 2] = rng.uniform(-0.1, 0.1, (batch, 2))
    grid = F.affine_grid(torch.from_numpy(theta), [batch, 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _relit(images: Tensor, rng: np.random.Generator) -> Tensor:
    batch = len(images)
    # most pictures stay well exposed: if all were far off, white could not be distinguished from silver
    much = rng.uniform(0, 1, batch)
    gain, lift = _column(1 + much * rng.uniform(-0.2, 0.2, batch)), _column(much * rng.uniform(-0.12, 0.12, batch))
    grey = images.mean(1, keepdim=True)
    saturated = grey + _column(rng.uniform(0.85, 1.15, batch)) * (images - grey)
    cast = torch.from_numpy(rng.normal(0, 0.025, (batch, 3, 1, 1)).astype(np.float32))
    return saturated * gain + lift + cast


def _degraded(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Blur, a lower resolution or JPEG on some pictures."""
    kind = rng.random()
    if kind >= 0.45:
        return picture
    pixels = ((picture.clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).to(torch.uint8).contiguous().numpy()
    if kind < 0.15:
        pixels = cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(0.4, 1.4)))
    elif kind < 0.25:
        side = int(picture.shape[-1] * rng.uniform(0.45, 0.9))
        small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, pixels.shape[:2], interpolation=cv2.INTER_LINEAR)
    else:
        _, code = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 90))])
        pixels = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))[..., ::-1]
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 127.5 - 1
