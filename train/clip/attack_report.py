"""Robustness of FaceCLIP: latent ascent on a prompt, and what the parser of pictures measures in the named part."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import ImageColor
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.clip.face_tower import mask_gradient
from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.colour import lab_values, srgb_to_lab
from mcaclip.language.grammar import PART_NOUNS
from mcaclip.methods.optimisation import FACECLIP_RATE, L2_WEIGHT, MASK_GRADIENT, pace
from mcaclip.perception.face_parser import LABELS, FaceParser
from train.clip.report import nearest_colour
from train.clip.scenes.part_masks import CLASSES_OF, FaceMap
from train.clip.scenes.scenes import mean_lab
from train.clip.scenes.types import DISTINCT, Lab
from train.common.faces import CodeSampler, hold_rows
from train.common.sheets import grid

log = logging.getLogger(__name__)
SIDE = 192
RULED_CLASSES = {"eyes": ("l_eye", "r_eye"), **CLASSES_OF}
LEAST_AREA = 20.0
"""Pixels below which a part is not found."""
SAMPLER = CodeSampler(psi=(0.7, 0.7), mix=0.0, jitter=0.0)


@dataclass(frozen=True)
class AscentSettings:
    """An attack.

    Attributes:
        parts: parts that prompts name, in turn.
        cases: number of prompts, each on its own face.
        steps: of Adam, on all rows of W+.
        lr: its learning rate.
        reach: longest shift of a row, relative to the mean distance of a face's w from the average w; 0 for no limit.
        as_the_app: with the rates and the penalty of StyleCLIP's latent optimisation, which the app offers.
        by_ruler: on the part's mean Lab instead of FaceCLIP's cosine, as an upper bound of what can be reached.
        name: of the figure and the sheet.
    """

    parts: tuple[str, ...] = ("hair", "lips", "skin", "background", "eyes", "brows")
    cases: int = 24
    steps: int = 100
    lr: float = 0.03
    reach: float = 0.0
    as_the_app: bool = False
    by_ruler: bool = False
    seed: int = 77
    name: str = "ascent"


MILD = AscentSettings(lr=0.01, reach=1.0, name="bounded ascent")
"""No row moves farther than the typical distance of a face from the mean."""
OPTIMISATION = AscentSettings(as_the_app=True, name="latent optimisation")
"""StyleCLIP's optimisation as in the app, but without the identity loss and with another number of steps."""
BY_RULER = AscentSettings(lr=0.01, reach=1.0, by_ruler=True, name="bounded ascent on the mean colour")
ATTACKS = (MILD, BY_RULER, AscentSettings(), OPTIMISATION)


def words_loss(space: ClipSpace, prompt: str, mask_share: float = 1.0) -> Callable[[Tensor], Tensor]:
    """1 - cosine of a picture `[1, 3, S, S]` and a prompt.

    Args:
        mask_share: of the gradient that passes through FaceCLIP's masks.
    """
    target = space.encode_text([prompt]).detach()

    def loss(picture: Tensor) -> Tensor:
        with mask_gradient(mask_share):
            return 1 - (space.encode_image(picture) * target).sum()

    return loss


def ruler_loss(parser: FaceParser, part: str, colour: str) -> Callable[[Tensor], Tensor]:
    """Squared distance / 50 of a part's mean Lab in a picture `[1, 3, S, S]` from a colour.

    The first area of the part is used where the parser no longer finds it.
    """
    wanted, first = torch.tensor(lab_values(colour)), None
    rows = [LABELS.index(name) for name in RULED_CLASSES[part]]

    def loss(picture: Tensor) -> Tensor:
        nonlocal first
        with torch.no_grad():
            mask = parser.probabilities(picture)[:, rows].sum(1, keepdim=True)
        first = mask if first is None else first
        mask = mask if float(mask.sum()) > LEAST_AREA else first
        mask = F.interpolate(mask, size=picture.shape[-2:], mode="bilinear")
        mean = (srgb_to_lab(picture) * mask).sum((2, 3)) / mask.sum((2, 3))
        return ((mean - wanted) / 50).square().sum()

    return loss


def ascend(
    generator: Generator,
    code: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    settings: AscentSettings,
    longest: float = 0.0,
) -> Tensor:
    """The picture `[3, S, S]` in [-1, 1] after gradient steps from `code [1, 18, 512]` that lower a loss.

    Args:
        loss_of: the loss of a picture `[1, 3, S, S]`.
        longest: greatest L2 norm of a row's shift; 0 for no limit.
    """
    shift = torch.zeros_like(code, requires_grad=True)
    optimizer = torch.optim.Adam([shift], settings.lr)
    for step in range(settings.steps):
        loss = loss_of(synthesize(generator, code + shift).image)
        if settings.as_the_app:
            optimizer.param_groups[0]["lr"] = FACECLIP_RATE * pace(step / settings.steps)
            loss = loss + L2_WEIGHT * shift.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if longest:
            hold_rows(shift, longest)
    with torch.no_grad():
        return synthesize(generator, code + shift).image[0].clamp(-1, 1)


def shown_colours(parser: FaceParser, picture: Tensor, part: str) -> frozenset[str]:
    """One or two names of `DISTINCT` for the mean Lab of a part, whose area the parser finds.

    They are the nearest by the survey's values and the nearest by those of CSS, because attacks reach the corners of
    sRGB: pure blue is nearly as near to the survey's purple as to its blue. Empty where the part is not found.
    """
    labels = parser.probabilities(picture[None])[0].argmax(0).to(torch.uint8).numpy()
    small = F.interpolate(picture[None], size=(SIDE, SIDE), mode="area")[0]
    rgb = ((small + 1) / 2).permute(1, 2, 0).contiguous().numpy()
    mean = mean_lab(FaceMap(labels, cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)), rgb, part)
    names = (nearest_colour(mean), nearest_colour(mean, _css_lab))
    return frozenset(name for name in names if name)


def _css_lab(name: str) -> Lab:
    rgb = torch.tensor(ImageColor.getrgb(name)[:3]) / 127.5 - 1
    lightness, a, b = srgb_to_lab(rgb.view(3, 1, 1)).flatten().tolist()
    return lightness, a, b


def measure_ascent(
    generator: Generator, space: ClipSpace, parser: FaceParser, settings: AscentSettings, out: Path
) -> dict[str, dict[str, float]]:
    """Share of ascents after which the parser finds the prompted colour in the prompted part; a sheet in `out`."""
    rng = np.random.default_rng(settings.seed)
    codes = SAMPLER.draw(generator, settings.cases, rng)
    longest = settings.reach * float((codes[:, 0] - generator.w_avg).norm(dim=1).mean())
    hits: list[bool] = []
    sheet: list[tuple[Tensor, Tensor]] = []
    for number in range(settings.cases):
        part, colour = settings.parts[number % len(settings.parts)], str(rng.choice(DISTINCT))
        prompt = f"{colour} {PART_NOUNS[part][0]}"
        code = codes[number : number + 1]
        if settings.by_ruler:
            loss_of = ruler_loss(parser, part, colour)
        else:
            loss_of = words_loss(space, prompt, MASK_GRADIENT if settings.as_the_app else 1.0)
        made = ascend(generator, code, loss_of, settings, longest)
        found = shown_colours(parser, made, part)
        hits.append(colour in found)
        log.info("%s: found %s", prompt, " or ".join(sorted(found)) or "no such part")
        with torch.no_grad():
            sheet.append((synthesize(generator, code).image[0].clamp(-1, 1), made))
    pictures = [list(row) for row in zip(*sheet, strict=True)]  # faces above, what became of them below
    grid(pictures).save(out / f"{settings.name.replace(' ', '_')}.png")
    return {f"{settings.name}: colour agrees": {"share": round(float(np.mean(hits)), 4), "of": len(hits)}}
