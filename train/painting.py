"""The data engine: generated faces with known regions, painted in known colours, with captions that say so.

Four pictures of each face go into a batch together: they differ in a colour, a part, or in which of two parts has
which colour. Telling them apart needs the right word at the right place, and nothing else will do.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.colour import COLOURS, colour_lab, lab_to_srgb, srgb_to_lab
from mcaclip.generators.base import Generator
from mcaclip.generators.ops import resize_mask
from mcaclip.generators.synthesis import masked_synthesize, synthesize
from mcaclip.perception.parsing_head import PARSED_LAYERS, ParsingHead
from mcaclip.perception.regions import dilate, region
from mcaclip.text.grammar import COLOUR_SYNONYMS, NEUTRAL_TEXTS, PART_NOUNS, TEMPLATES, Meaning
from train.faces import CodeSampler

log = logging.getLogger(__name__)
PARTS = tuple(PART_NOUNS)
POOL_SIZE = 160
SAMPLER = CodeSampler(psi=(0.5, 1.0), mix=0.2, jitter=0.2)
VARIANTS = 4
BEARD_STRENGTH = 3.0


@dataclass(frozen=True)
class FacePool:
    """Faces to paint.

    Attributes:
        images: `uint8 [N, 3, 160, 160]`.
        bearded: the same faces with a chin beard grown along a published W direction.
        regions: `uint8 [N, len(PARTS), 160, 160]`, soft masks in `PARTS`' order.
    """

    images: Tensor
    bearded: Tensor
    regions: Tensor


@torch.no_grad()
def build_pool(
    generator: Generator, head: ParsingHead, beard: Tensor, count: int, seed: int, cache: Path | None = None
) -> FacePool:
    """Generate `count` faces; `beard [18, 512]` is a W direction whose plus side grows a beard."""
    if cache is not None and cache.exists():
        return FacePool(**torch.load(cache, weights_only=True))
    rng = np.random.default_rng(seed)
    images, bearded, regions = [], [], []
    for index, code in enumerate(SAMPLER.draw(generator, count, rng)):
        made = synthesize(generator, code[None], keep=PARSED_LAYERS)
        parsed = head.probabilities(made.features)
        parts = torch.cat([region(parsed, part) for part in PARTS], 1)
        shift = beard * float(rng.uniform(2.0, 4.0) / BEARD_STRENGTH)
        grown = grow_beard(generator, code[None], made.image, region(parsed, "goatee"), shift)
        images.append(_to_bytes(made.image))
        bearded.append(_to_bytes(grown))
        regions.append(_to_bytes(parts * 2 - 1))
        if index % 100 == 0:
            log.info("face pool: %d of %d", index, count)
    pool = {"images": torch.cat(images), "bearded": torch.cat(bearded), "regions": torch.cat(regions)}
    if cache is not None:
        cache.parent.mkdir(parents=True, exist_ok=True)
        torch.save(pool, cache)
    return FacePool(**pool)


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


def _to_bytes(x: Tensor) -> Tensor:
    small = F.interpolate(x.clamp(-1, 1), size=(POOL_SIZE, POOL_SIZE), mode="bilinear", antialias=True)
    return ((small + 1) * 127.5).round().to(torch.uint8)


def paint(image: Tensor, mask: Tensor, lab: Tensor, strength: float, cover: float) -> Tensor:
    """Recolour a region and keep its light and shade.

    Args:
        image: `[3, H, W]` in [-1, 1].
        mask: `[1, H, W]` in [0, 1].
        lab: the colour, `[3]`.
        strength: 0..1, how far a and b go to the colour.
        cover: 0..1, how far the region's mean lightness goes to the colour's (1 is opaque paint).
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


@dataclass(frozen=True)
class Sample:
    """What a picture shows: painted parts, and whether a natural beard was grown first."""

    paints: tuple[Meaning, ...]
    bearded: bool = False

    @property
    def key(self) -> tuple:
        """Equal for pictures that one caption describes."""
        return tuple(sorted((m.part, m.colour) for m in self.paints)), self.bearded


def draw_variants(rng: np.random.Generator) -> list[Sample]:
    """Four descriptions that share all but one thing."""
    parts = [str(p) for p in rng.permutation(PARTS)[:2]]
    colours = [str(c) for c in rng.permutation(list(COLOURS))[:2]]
    first, second = (Meaning(p, c) for p, c in zip(parts, colours, strict=True))
    other_colour, other_part = Meaning(parts[0], colours[1]), Meaning(parts[1], colours[0])
    style = rng.integers(4)
    if style == 0:
        return [Sample((first,)), Sample((other_colour,)), Sample((other_part,)), Sample(())]
    if style == 1:
        return [
            Sample((first, second)),
            Sample((other_colour, other_part)),
            Sample((first,)),
            Sample((second,)),
        ]
    if style == 2:
        goatee = Meaning("goatee", colours[0])
        return [
            Sample((goatee,)),
            Sample((Meaning("goatee", colours[1]),)),
            Sample((), bearded=True),
            Sample((first,)),
        ]
    third = str(rng.permutation(list(COLOURS))[0])
    return [Sample((Meaning(parts[0], c),)) for c in (colours[0], colours[1], third)] + [Sample((other_part,))]


_PAINT_SHADE = {
    "lips": 0.7,
    "hair": 0.45,
    "goatee": 0.45,
    "brows": 0.5,
    "eyes": 0.4,
    "skin": 0.5,
    "background": 0.9,
}


def render(pool: FacePool, index: int, sample: Sample, rng: np.random.Generator) -> Tensor:
    """The picture `[3, 160, 160]` in [-1, 1] that `sample` describes, on face `index`."""
    grows = sample.bearded or any(m.part == "goatee" for m in sample.paints)
    source = pool.bearded if grows else pool.images
    image = source[index].float() / 127.5 - 1
    for meaning in sample.paints:
        mask = pool.regions[index, PARTS.index(meaning.part)][None].float() / 255
        if meaning.part == "eyes":
            mask = mask * _irises(image)
        lab = colour_lab(meaning.colour) + torch.from_numpy(rng.normal(0, 4, 3)).float()
        cover = _PAINT_SHADE[meaning.part] * float(rng.uniform(0.6, 1.2))
        mask = mask * float(rng.uniform(0.8, 1.0))
        box = _bounding_box(mask)
        if box is not None:
            painted = paint(image[box], mask[box], lab, float(rng.uniform(0.75, 1.0)), min(cover, 1.0))
            image = image.clone()
            image[box] = painted
    return image


def _bounding_box(mask: Tensor) -> tuple[slice, slice, slice] | None:
    """Where a `[1, H, W]` mask is not zero; most parts are a small piece of the picture, and Lab is slow."""
    rows, columns = (mask[0].amax(axis).nonzero().flatten() for axis in (1, 0))
    if len(rows) == 0:
        return None
    return slice(None), slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _irises(image: Tensor) -> Tensor:
    """Soft mask of what is darker than the white of an eye."""
    lightness = srgb_to_lab(image)[:1]
    return torch.sigmoid((55 - lightness) / 6)


def caption(sample: Sample, rng: np.random.Generator, held_out: bool = False) -> str:
    """A sentence for a picture; `held_out` takes the wordings that training never sees."""
    things = [_phrase(meaning, rng, held_out) for meaning in sample.paints]
    if sample.bearded:
        things.append(str(rng.choice(["a goatee", "a chin beard", "a natural goatee"])))
    if not things:
        return str(rng.choice(NEUTRAL_TEXTS))
    rng.shuffle(things)
    templates = TEMPLATES[-2:] if held_out else TEMPLATES[:-2]
    return str(rng.choice(templates)).format(" and ".join(things))


def _phrase(meaning: Meaning, rng: np.random.Generator, held_out: bool) -> str:
    nouns = PART_NOUNS[meaning.part]
    noun = str(rng.choice(nouns[:2] if held_out else nouns))
    names = [meaning.colour] + [k for k, v in COLOUR_SYNONYMS.items() if v == meaning.colour]
    colour = str(rng.choice(names))
    article = "an" if colour[0] in "aeiou" else "a"
    return f"{article} {colour} {noun}" if meaning.part == "goatee" and rng.random() < 0.5 else f"{colour} {noun}"


def augment(images: Tensor, size: int, rng: np.random.Generator) -> Tensor:
    """Random crop, flip, small rotation, gain, blur and noise: `[B, 3, 160, 160]` to `[B, 3, size, size]`."""
    batch = len(images)
    angle, scale = rng.normal(0, 0.06, batch), rng.uniform(0.8, 1.02, batch)
    shift = rng.uniform(-0.08, 0.08, (batch, 2))
    flip = np.where(rng.random(batch) < 0.5, -1.0, 1.0)
    theta = np.zeros((batch, 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = flip * scale * np.cos(angle), -scale * np.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = flip * scale * np.sin(angle), scale * np.cos(angle)
    theta[:, :, 2] = shift
    grid = F.affine_grid(torch.from_numpy(theta), [batch, 3, size, size], align_corners=False)
    out = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (batch, 1, 1, 1)).astype(np.float32))
    lift = torch.from_numpy(rng.uniform(-0.1, 0.1, (batch, 1, 1, 1)).astype(np.float32))
    out = out * gain + lift
    if rng.random() < 0.3:
        out = F.avg_pool2d(F.pad(out, (1, 1, 1, 1), mode="reflect"), 3, 1)
    noise = torch.from_numpy(rng.uniform(0, 0.06, (batch, 1, 1, 1)).astype(np.float32))
    return (out + noise * torch.randn_like(out)).clamp(-1, 1)
