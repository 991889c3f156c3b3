"""Skin: spots and lines, freckles, shine, blotches, and shadows below the eyes."""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.editing.photo_parts import PhotoParts
from mcaclip.editing.retouch.filters import behind_film, blur, keeping_edges, mean_inside, with_lab
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.regions import dilate

SKIN_RADIUS, GRAIN_RADIUS = 1 / 64, 1 / 400
"""Radii, in sides of the picture, of what is evened out in skin, and of the grain, of which half stays."""
SKIN_EDGE = 0.09
"""Standard deviation of lightness, in [-1, 1], from which skin has an edge, which stays."""
FRECKLED = {"cheeks": 1.0, "nose": 0.9, "skin": 0.12}
"""Where freckles stand, and how densely."""
FRECKLES = 0.13
"""Freckles per pixel of a picture of 256 where they are densest."""
FRECKLE_RADII = (0.0017, 0.0025, 0.0036)
"""In sides of the picture."""
FRECKLE_COLOUR = (0.86, 0.75, 0.67)
"""What a freckle leaves of red, green and blue, whatever the skin."""
UNDER_EYE, UNDER_EYE_EDGE, AROUND_EYE = 0.075, 0.009, 3
"""Height of the band below an eye that may be in shadow, and the radius of its soft edge, in sides of the picture; by
how much the eye is grown first, in pixels at 256 px."""
SHADOW_RADIUS, CHEEK_RADIUS = 1 / 100, 1 / 18
"""Radii of what is a shadow below an eye, and of what its cheek is like."""
LIFTED, LARGEST_LIFT = 0.75, 14.0
"""Share of the shadow that goes, and its largest depth, in Lab."""
SHINE_RADIUS, SHINE_GRAIN = 1 / 9, 1 / 300
"""Radii of the surroundings that a shine stands out from, and of the texture in it."""
SHINE_FROM, SHINE = 3.0, 0.75
"""L above the surroundings of which half is shine, and the share of the shine that goes."""
TONE_RADIUS, BLOTCH_RADII = 1 / 9, (1 / 120, 1 / 28)
"""Radii of the colour that skin is drawn to, and of the smallest and largest blotch."""
EVENED, BLOTCHES, LARGEST_BLOTCH = 0.65, 0.5, 4.0
"""Shares of colour and of blotches that go, and the largest L of a blotch."""
UNLIKE_SKIN, SHADOW, UNLIKE_TONE = 22.0, 28.0, 18.0
"""From where on something is hardly skin: L from its surroundings, as a hair has it; L below the face's mean, as in a
shadow; and distance in Lab's a and b from the skin around it, as an eye has it."""


def smoothed(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Spots and lines fade; edges, shading, and half of the grain stay."""
    edge, _ = keeping_edges(picture.mean(1, keepdim=True), mask, SKIN_RADIUS, SKIN_EDGE)
    even = torch.lerp(mean_inside(picture, mask, SKIN_RADIUS), picture, edge)
    grain = picture - blur(picture, GRAIN_RADIUS)
    return torch.lerp(picture, even + 0.5 * (1 - edge) * grain, mask * min(1.0, 0.85 * amount))


def freckled(parts: PhotoParts, side: int) -> Tensor:
    """How densely freckles stand at each place."""
    return torch.stack([density * parts.part(name, side) for name, density in FRECKLED.items()]).amax(0)


def with_freckles(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Brown spots, drawn by chance, but the same for the same mask."""
    density, side = resize_mask(mask, 256)[0, 0].cpu(), picture.shape[-1]
    number, chance = round(FRECKLES * float(density.sum())), torch.Generator().manual_seed(0)
    if number == 0:
        return picture
    cells = torch.multinomial(density.flatten(), number, replacement=True, generator=chance)
    places = torch.stack([cells // 256, cells % 256]) + torch.rand(2, number, generator=chance)
    rows, columns = (places * side / 256).long().clamp(0, side - 1).to(picture.device)
    strength = (0.25 + 0.75 * torch.rand(number, generator=chance)).to(picture)
    film = picture.new_zeros(1, 1, side, side)
    for size, radius in enumerate(FRECKLE_RADII):
        some, pixels = slice(size, None, len(FRECKLE_RADII)), max(1, round(radius * side))
        points = torch.zeros_like(film)
        points[0, 0, rows[some], columns[some]] = strength[some]
        film = torch.maximum(film, (blur(points, radius) * (2 * pixels + 1) ** 2).clamp(max=1))
    # pigment lies in patches, not in discs
    ragged = blur(torch.rand(film.shape, generator=chance).to(film), FRECKLE_RADII[0])
    return behind_film(picture, amount * film * (0.4 + 1.2 * ragged), FRECKLE_COLOUR)


def under_eyes(parts: PhotoParts, side: int) -> Tensor:
    """The skin below each eye, in a band that fades out; nothing behind glasses."""
    eyes, height = parts.part("eyes", side), max(2, round(UNDER_EYE * side))
    reach = resize_mask(dilate(parts.part("eyes", 256), AROUND_EYE), side)
    band = torch.stack([min(1.0, 2 - step / 4) * _lowered(reach, step * height // 8) for step in range(1, 8)]).amax(0)
    skin, lid = blur(parts.part("skin", side), UNDER_EYE_EDGE), blur(eyes, UNDER_EYE_EDGE / 2)
    # nothing above the middle of the eye, and nothing on its rim
    return blur(band, UNDER_EYE_EDGE) * skin.square() * (1 - lid).clamp_min(0).square() * (1 - eyes)


def _lowered(mask: Tensor, pixels: int) -> Tensor:
    """A mask moved down."""
    return torch.cat([torch.zeros_like(mask[..., :pixels, :]), mask[..., : mask.shape[-2] - pixels, :]], -2)


def without_dark_circles(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """The shadow below each eye becomes as light, and coloured, as the cheek below it; its texture stays."""
    lab, height = srgb_to_lab(picture), max(2, round(UNDER_EYE * picture.shape[-1]))
    cheek = (_lowered(mask, height) - mask).clamp_min(0)
    missing = mean_inside(lab, cheek, CHEEK_RADIUS) - mean_inside(lab, mask, SHADOW_RADIUS)
    known = (blur(cheek, CHEEK_RADIUS) / 0.02).clamp(max=1)
    depth = missing[:, :1].clamp(0, LARGEST_LIFT)
    # where there is no shadow, there is no colour to mend
    colour = missing[:, 1:].clamp(-6, 6) * (depth / 5).clamp(max=1)
    return with_lab(picture, min(1.0, LIFTED * amount) * mask * known * torch.cat([depth, colour], 1))


def bare(parts: PhotoParts, side: int) -> Tensor:
    """Skin without the rims of eyes, brows and lips."""
    others = torch.stack([dilate(parts.part(name, 256), 1) for name in ("eyes", "brows", "lips")]).amax(0)
    return parts.part("skin", side) * (1 - resize_mask(others, side))


def matte(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Light that stands out of the face and of the skin around it fades, and the skin's colour comes back there."""
    lab = srgb_to_lab(picture)
    own, face = _like_skin(lab[:, :1], mask)
    level = mean_inside(lab[:, :1], own, SHINE_RADIUS)
    above = (lab[:, :1] - torch.maximum(level, face)).clamp_min(0)
    shine = above.square() / (above + SHINE_FROM)
    wide = blur(shine, SHINE_GRAIN)
    part = mask * (1 - (1 - SHINE) ** amount)
    dull = mean_inside(lab[:, 1:], own * torch.sigmoid((face - lab[:, :1]) / 4), TONE_RADIUS)
    colour = (dull - lab[:, 1:]) * (wide / 12).clamp(max=0.9)
    return with_lab(picture, part * torch.cat([-(wide + 0.5 * (shine - wide)), colour], 1))


def _like_skin(light: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Where masked light `[1, 1, S, S]`, in L, is that of skin, not of hairs or a shadow; and its mean."""
    level = mean_inside(light, mask, BLOTCH_RADII[1])
    face = (light * mask).sum() / mask.sum().clamp_min(1e-6)
    lit = torch.sigmoid((light - face + SHADOW) / 5)
    own = mask * torch.exp(-((light - level) / UNLIKE_SKIN).square()) * lit
    return own, (light * own).sum() / own.sum().clamp_min(1e-6)


def evened(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Red and pale patches take the skin's colour; pores and shading stay."""
    lab = srgb_to_lab(picture)
    own, _ = _like_skin(lab[:, :1], mask)
    odd = (lab - mean_inside(lab, own, TONE_RADIUS))[:, 1:].norm(dim=1, keepdim=True)
    own = own * torch.exp(-(odd / UNLIKE_TONE).square())
    small, wide = (mean_inside(lab[:, :1], own, radius) for radius in BLOTCH_RADII)
    blotch = (small - wide).clamp(-LARGEST_BLOTCH, LARGEST_BLOTCH)
    colour = mean_inside(lab[:, 1:], own, TONE_RADIUS) - mean_inside(lab[:, 1:], own, BLOTCH_RADII[0] / 3)
    gone = [-min(1.0, BLOTCHES * amount) * blotch, min(1.0, EVENED * amount) * colour]
    return with_lab(picture, own * torch.cat(gone, 1))
