"""The two measures of a colour edit, in evaluation and training: how close the colour came, how much else changed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.base import Parser
from mcaclip.perception.regions import dilate, face_width
from mcaclip.types import Inversion

HIT_SHARE = 0.5
"""An edit that went at least this share of the way is a hit."""
MARGIN = 0.05
"""Share of the face's width by which the area that may change extends beyond the named region."""
PARSE_SIZE = 256


@torch.no_grad()
def see_face(preview: Generator, parser: Parser, face: Inversion) -> tuple[Tensor, Tensor]:
    """The preview's picture `[3, 256, 256]` of a face, and classes `[1, 19, 256, 256]`, on the CPU."""
    code = face.w_plus[None].to(preview.w_avg.device)
    rendered = synthesize(of_face(preview, face.residual), code, keep=parser.layers)
    return rendered.image[0].clamp(-1, 1).cpu(), parser.parse(rendered, PARSE_SIZE).cpu()


def grow(mask: Tensor, parsed: Tensor, margin: float) -> Tensor:
    """A soft mask `[1, 1, 256, 256]`, thresholded and grown by a share of the width of a face `[1, 19, 256, 256]`."""
    return dilate((mask > 0.3).float(), round(margin * float(face_width(parsed))))


def colour_moved(source: Tensor, edited: Tensor, mask: Tensor, colour: Tensor) -> float:
    """Share of the Lab distance to a colour that the region's mean colour covered; below 0 if it moved away.

    Args:
        source: `[3, S, S]` in [-1, 1], as `edited`.
        mask: the region, `[1, 1, 256, 256]`.
        colour: L, a, b, `[3]`.
    """
    before, after = ((region_colour(picture, mask) - colour).norm() for picture in (source, edited))
    return float(1 - after / before.clamp_min(1e-6))


def region_colour(picture: Tensor, mask: Tensor) -> Tensor:
    """Mean Lab `[3]` of the region `mask [1, 1, 256, 256]` of a picture `[3, S, S]` in [-1, 1]."""
    weight = (mask > 0.5).float()
    if weight.sum() < 20:
        weight = mask
    lab = srgb_to_lab(F.adaptive_avg_pool2d(picture[None], PARSE_SIZE))
    return (lab * weight).sum((0, 2, 3)) / weight.sum().clamp_min(1e-6)


def leak_outside(source: Tensor, edited: Tensor, allowed: Tensor) -> float:
    """Mean absolute change of pictures `[3, S, S]` outside `allowed [1, 1, 256, 256]`, in 0..255."""
    outside = 1 - F.interpolate(allowed, size=source.shape[-2:], mode="nearest")
    change = (edited - source).abs().mean(0, keepdim=True)[None] * 127.5
    return float((change * outside).sum() / outside.sum().clamp_min(1))
