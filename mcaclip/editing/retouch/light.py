"""The whole picture, or its background: light, sharpness and colours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.retouch.filters import blur, encoded, keeping_edges, linear, luminance, with_lab
from mcaclip.imaging.colour import srgb_to_lab

BLUR = 1 / 40
"""Radius of the blur behind a person, in sides of the picture."""
WARM, COOL = (1.14, 1.0, 0.74), (0.84, 1.0, 1.22)
"""Factors on linear red, green and blue."""
BRIGHT, DIM = 2.1, 0.5
"""Factors on linear light: as more exposure, which spares the highlights, and as less."""
DARK_BEHIND, BRIGHT_BEHIND = 0.35, 2.6
"""The same for the background alone."""
SHADING_RADIUS, SHADING_EDGE = 1 / 20, 0.12
"""Radius, in sides of the picture, of light and shadow, and the standard deviation, in [0, 1], of an edge."""
CONTRAST, LEAST_MIDDLE = 0.32, 0.42
"""What light and shadow gain in difference from the picture's mean, in [0, 1], and the least that this mean is: of a
face before something dark the lights would burn out."""
FILL, TAMED, LIGHTS = 0.7, 0.4, 0.65
"""How far a soft light fills the shadows and tames the lights, and the level, in [0, 1], from which it does so."""
LARGEST_GAIN = 2.0
"""On encoded values: a black that is lifted further shows its noise."""
SHARP_RADII, SHARP = (1 / 900, 1 / 300), (0.9, 0.5)
"""Radii of the details that are sharpened, in sides of the picture, and by how much."""
NOISE, OVERSHOOT = 0.012, 0.03
"""Contrast of noise, which is not sharpened, and how far an edge may pass its surroundings, in [-1, 1]."""
GLOW_RADIUS, SOFTENED, GLOW = 1 / 90, 0.32, 0.3
"""Radius of a soft focus, and the shares of blur and of its glow."""
VIVID, MUTED = 1.75, 0.6
"""Factors on chroma."""
RICH = 45.0
"""Chroma, in Lab, that gains half as much as a pale colour."""
SKIN_HUE, SKIN_HUES, SPARED = 0.8, 0.7, 0.75
"""Middle of the hues of skin and how far they reach, in radians of Lab's a and b, and how far they are spared."""
SEPIA = (1.32, 0.98, 0.66)
"""Factors on linear red, green and blue of a grey picture."""


def blurred(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Blurred by what lies behind the person alone, so that no outline glows."""
    radius, sure = BLUR * min(1.5, max(0.3, amount)), (2 * mask - 1).clamp_min(0) + 1e-5
    return torch.lerp(picture, blur(picture * sure, radius) / blur(sure, radius), mask * min(1.0, 3 * amount))


def tinted(picture: Tensor, mask: Tensor, amount: float, factors: tuple[float, float, float]) -> Tensor:
    """Linear light times factors, equally bright."""
    light = linear(picture)
    colour = light * picture.new_tensor(factors).view(1, 3, 1, 1) ** amount
    return torch.lerp(picture, encoded(colour * luminance(light) / luminance(colour).clamp_min(1e-4)), mask)


def exposed(picture: Tensor, mask: Tensor, amount: float, factor: float) -> Tensor:
    """Linear light times a factor; more of it spares the highlights."""
    light, gain = linear(picture), factor**amount
    return torch.lerp(picture, encoded(light * gain / (1 + light * max(0.0, gain - 1))), mask)


def with_contrast(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Light and shadow differ more from each other; black stays black and white white."""
    base = _shading(picture)
    middle = base.mean().clamp_min(LEAST_MIDDLE)
    return _relit(picture, mask, base, base + CONTRAST * amount * (base - middle) * 4 * base * (1 - base))


def softly_lit(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """As from a wide lamp: shadows are lighter, lights tamer; black and white stay."""
    base, amount = _shading(picture), min(1.5, amount)
    filled = base + FILL * amount * base * (1 - base).square()
    filled = filled * (base.mean() / filled.mean()) ** 0.25
    tamed = TAMED * amount * (filled - LIGHTS).clamp_min(0) * 4 * (1 - filled).clamp_min(0)
    return _relit(picture, mask, base, filled - tamed)


def _shading(picture: Tensor) -> Tensor:
    """The picture's light without its texture, `[1, 1, S, S]` in [0.02, 1]."""
    light = (encoded(luminance(linear(picture))) + 1) / 2
    edge, mean = keeping_edges(light, torch.ones_like(light), SHADING_RADIUS, SHADING_EDGE)
    return torch.lerp(mean, light, edge).clamp(0.02, 1)


def _relit(picture: Tensor, mask: Tensor, base: Tensor, wanted: Tensor) -> Tensor:
    """A picture whose shading becomes another."""
    gain = (wanted / base).clamp(1 / LARGEST_GAIN, LARGEST_GAIN)
    return torch.lerp(picture, ((picture + 1) * gain - 1).clamp(-1, 1), mask)


def sharpened(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Finer details of the light become stronger; no edge gets a bright or dark rim."""
    light = encoded(luminance(linear(picture)))
    more = torch.zeros_like(light)
    for radius, gain in zip(SHARP_RADII, SHARP, strict=True):
        detail = light - blur(light, radius)
        more += gain * amount * detail * detail.abs() / (detail.abs() + NOISE)
    most, least = F.max_pool2d(light, 5, 1, 2), -F.max_pool2d(-light, 5, 1, 2)
    made = torch.minimum(torch.maximum(light + more, least - OVERSHOOT), most + OVERSHOOT)
    return picture + mask * (made - light)


def soft_focus(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Blended with its blur, and lights glow into what is around them."""
    share = min(1.3, amount)
    light, haze = linear(picture), blur(linear(picture), GLOW_RADIUS)
    soft = torch.lerp(light, haze, SOFTENED * share)
    made = 1 - (1 - soft) * (1 - GLOW * share * haze * haze)
    return torch.lerp(picture, encoded(made), mask)


def coloured(picture: Tensor, mask: Tensor, amount: float, factor: float) -> Tensor:
    """Chroma times a factor; rich colours gain less, and so does skin, which would turn orange."""
    colour = srgb_to_lab(picture)[:, 1:]
    gain = factor**amount - 1
    if gain > 0:
        hue = torch.atan2(colour[:, 1:], colour[:, :1]) - SKIN_HUE
        skin = torch.exp(-(hue / SKIN_HUES).square())
        gain = gain * (1 - SPARED * skin) * RICH / (RICH + colour.norm(dim=1, keepdim=True))
    return with_lab(picture, mask * torch.cat([torch.zeros_like(colour[:, :1]), gain * colour], 1))


def grey(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """As black and white film has it: light without colour."""
    return torch.lerp(picture, encoded(luminance(linear(picture))).expand_as(picture), mask * min(1.0, amount))


def sepia(picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """Grey, in brown."""
    whole = torch.ones_like(mask)
    brown = tinted(grey(picture, whole, 1.0), whole, 1.0, SEPIA)
    return torch.lerp(picture, brown, mask * min(1.0, amount))
