"""Wishes that need no generator: they are done to the picture itself, where the parser finds the part.

A generator cannot make what is finer or wider than its features: freckles, the grain of skin, a line along the
lashes, the sharpness of a background, the light of a picture. Each of these is a function of the finished picture,
with a mask like that of any other edit. The words are those of `asks` in `assets/words/concepts.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from mcaclip.editing.photo_parts import PhotoParts
from mcaclip.nn.ops import resize_mask, smooth

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
LINER_WIDTH, LINER_COLOUR = 0.011, (0.16, 0.13, 0.13)
"""Width of eyeliner above the eye, in sides of the picture, and what it leaves of the light."""
GLOSS_RADIUS, GLOSS = 1 / 90, 0.9
"""Radius of the surroundings that a light on the lips stands out from, and how much stronger it becomes."""
BLUR = 1 / 40
"""Radius of the blur behind a person, in sides of the picture."""
WARM, COOL = (1.14, 1.0, 0.74), (0.84, 1.0, 1.22)
"""Factors on linear red, green and blue."""
BRIGHT, DIM = 2.1, 0.5
"""Factors on linear light: as more exposure, which spares the highlights, and as less."""
GAMMA = 2.2
FINE_ENOUGH = 4
"""Pixels of a radius with which a blur is made."""


class Retouch(NamedTuple):
    """How a wish is fulfilled on a picture.

    Attributes:
        where: from a picture's parts and a side to where it acts, `[1, 1, side, side]` in [0, 1]; None: everywhere.
        made: from a picture `[1, 3, S, S]` in [-1, 1], where it acts, `[1, 1, S, S]`, and the amount, above 0, to the
            retouched picture; what it gives where the mask is 0 does not matter.
    """

    where: Callable[[PhotoParts, int], Tensor] | None
    made: Callable[[Tensor, Tensor, float], Tensor]


def retouch_mask(words: str, parts: PhotoParts | None, like: Tensor) -> Tensor:
    """Where a retouch acts on a picture `[1, 3, S, S]`: `[1, 1, S, S]` in [0, 1], 0 if its parts are unknown."""
    where, side = RETOUCHES[words].where, like.shape[-1]
    if where is None:
        return like.new_ones(1, 1, side, side)
    return like.new_zeros(1, 1, side, side) if parts is None else where(parts, side)


def retouched(words: str, picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """A picture `[1, 3, S, S]` in [-1, 1] with a retouch; equal to it where the mask `[1, 1, s, s]` is 0."""
    if amount <= 0:
        return picture
    mask = resize_mask(mask, picture.shape[-1])
    return torch.where(mask > 0, RETOUCHES[words].made(picture, mask, amount), picture)


def _part(name: str) -> Callable[[PhotoParts, int], Tensor]:
    return lambda parts, side: parts.part(name, side)


def _freckled(parts: PhotoParts, side: int) -> Tensor:
    """How densely freckles stand at each place."""
    return torch.stack([density * parts.part(name, side) for name, density in FRECKLED.items()]).amax(0)


def _eye_rims(parts: PhotoParts, side: int) -> Tensor:
    """Along the upper lid, and thinner along the lower one."""
    eyes, width = parts.part("eyes", side), LINER_WIDTH * side
    above = torch.stack([eyes.roll(-max(1, round(width * share)), 2) for share in (0.5, 1)]).amax(0)
    below = eyes.roll(max(1, round(width / 3)), 2)
    return torch.maximum(above, 0.6 * below) * (1 - eyes)


def _smooth(values: Tensor, radius: float) -> Tensor:
    """Almost a Gaussian blur; `radius` in sides of the picture. A wide one is made at a smaller side."""
    side = values.shape[-1]
    small = resize_mask(values, min(side, round(FINE_ENOUGH / radius)))
    pixels = max(1, round(radius * small.shape[-1]))
    return resize_mask(smooth(small, pixels), side)


def _smooth_skin(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Spots and lines fade; edges, shading, and half of the grain stay.

    Source: the guided filter with the picture as its own guide (He, Sun and Tang 2013), on the masked pixels alone.
    """
    weight, light = _smooth(mask, SKIN_RADIUS) + 1e-4, picture.mean(1, keepdim=True)
    mean = _smooth(light * mask, SKIN_RADIUS) / weight
    variance = (_smooth(light.square() * mask, SKIN_RADIUS) / weight - mean.square()).clamp_min(0)
    edge = _smooth(variance / (variance + SKIN_EDGE**2), SKIN_RADIUS)
    even = torch.lerp(_smooth(picture * mask, SKIN_RADIUS) / weight, picture, edge)
    grain = picture - _smooth(picture, GRAIN_RADIUS)
    return torch.lerp(picture, even + 0.5 * (1 - edge) * grain, mask * min(1.0, 0.85 * amount))


def _with_freckles(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
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
        film = torch.maximum(film, (_smooth(points, radius) * (2 * pixels + 1) ** 2).clamp(max=1))
    # pigment lies in patches, not in discs
    ragged = _smooth(torch.rand(film.shape, generator=chance).to(film), FRECKLE_RADII[0])
    return _filtered(picture, amount * film * (0.4 + 1.2 * ragged), FRECKLE_COLOUR)


def _filtered(picture: Tensor, share: Tensor, colour: tuple[float, float, float]) -> Tensor:
    """A picture behind a film of pigment."""
    kept = picture.new_tensor(colour).view(1, 3, 1, 1)
    return (picture + 1) * (1 - share * (1 - kept)) - 1


def _with_eyeliner(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    return _filtered(picture, mask * min(1.0, 0.85 * amount), LINER_COLOUR)


def _glossy(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Lights on the lips become stronger, and what lies between them a little deeper."""
    light = picture.mean(1, keepdim=True)
    detail = light - _smooth(light * mask, GLOSS_RADIUS) / (_smooth(mask, GLOSS_RADIUS) + 1e-4)
    return picture + amount * mask * (GLOSS * detail.clamp_min(0) + 0.3 * detail.clamp_max(0))


def _blurred(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Blurred by what lies behind the person alone, so that no outline glows."""
    radius, sure = BLUR * min(1.5, max(0.3, amount)), (2 * mask - 1).clamp_min(0) + 1e-5
    return torch.lerp(picture, _smooth(picture * sure, radius) / _smooth(sure, radius), mask * min(1.0, 3 * amount))


def _tinted(picture: Tensor, mask: Tensor, amount: float, factors: tuple[float, float, float]) -> Tensor:
    """Linear light times factors, equally bright."""
    weights = picture.new_tensor((0.2126, 0.7152, 0.0722)).view(1, 3, 1, 1)
    light = _linear(picture)
    tinted = light * picture.new_tensor(factors).view(1, 3, 1, 1) ** amount
    level = (light * weights).sum(1, keepdim=True) / (tinted * weights).sum(1, keepdim=True).clamp_min(1e-4)
    return torch.lerp(picture, _encoded(tinted * level), mask)


def _exposed(picture: Tensor, mask: Tensor, amount: float, factor: float) -> Tensor:
    """Linear light times a factor; more of it spares the highlights."""
    light, gain = _linear(picture), factor**amount
    return torch.lerp(picture, _encoded(light * gain / (1 + light * max(0.0, gain - 1))), mask)


def _linear(picture: Tensor) -> Tensor:
    return ((picture + 1) / 2).clamp(0, 1) ** GAMMA


def _encoded(light: Tensor) -> Tensor:
    return 2 * light.clamp(0, 1) ** (1 / GAMMA) - 1


RETOUCHES: Mapping[str, Retouch] = MappingProxyType(
    {
        "smooth skin": Retouch(_part("skin"), _smooth_skin),
        "freckles": Retouch(_freckled, _with_freckles),
        "eyeliner": Retouch(_eye_rims, _with_eyeliner),
        "lip gloss": Retouch(_part("lips"), _glossy),
        "blurred background": Retouch(_part("background"), _blurred),
        "warm light": Retouch(None, partial(_tinted, factors=WARM)),
        "cool light": Retouch(None, partial(_tinted, factors=COOL)),
        "bright light": Retouch(None, partial(_exposed, factor=BRIGHT)),
        "dim light": Retouch(None, partial(_exposed, factor=DIM)),
    }
)
"""By the words that ask for it, in the order in which several are done."""
