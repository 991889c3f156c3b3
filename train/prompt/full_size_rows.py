"""Full-size agreement: the rows above the preview learn to do at 1024 px what the preview showed.

A prompt is fitted through the 256 px preview, which only approximates rows 12-15: lips that are green there may come
out teal at full size. Here the finished network is its own teacher. The real upper layers run on small windows, at a
tenth of the cost, and the change that they make has to equal the change that the preview showed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.editing.network.mca import MCANetwork
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.generators.compose import compose
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import TOP_LAYER, PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.generators.upper_window import CELLS, upper_picture, window_at
from mcaclip.imaging.colour import lab_of
from mcaclip.methods.losses import lab_colour_distance
from mcaclip.nn.ops import resize_mask
from train.common.faces import Faces
from train.common.loop import LoopSettings, TrainingLoop
from train.common.network import parameter_groups
from train.prompt.objective import Target
from train.prompt.presets import AgreementSettings

CELL = 8
"""Side in pixels of one cell of the 128 px map at full size."""
LATTICE_BLOCK = 5


@dataclass(frozen=True)
class _Lower:
    """Results of the layers up to 128 px for one face: source and blended features, mask, the preview's change."""

    source: Tensor
    blended: Tensor
    mask: Tensor
    change: Tensor


@torch.no_grad()
def _lower(preview: PreviewGenerator, teacher: MCANetwork, code: Tensor, target: Target) -> _Lower:
    made = synthesize(preview, code, keep=range(TOP_LAYER + 1))
    opened = teacher.config.masks is None
    shift = PromptedNetwork(teacher, target.code).shift(preview, code, made, opened)
    blended: dict[int, Tensor] = {}

    def observe(index: int, features: Tensor, _: object) -> None:
        blended[index] = features

    edited = compose(preview, code, [shift], made.image, observe=observe, entire=True)
    return _Lower(made.features[TOP_LAYER], blended[TOP_LAYER], shift.masks[-1], edited - made.image)


def _place(mask: Tensor, size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Top left cell of a window around a random open cell of a `[1, 1, 128, 128]` mask."""
    weights = mask.flatten().double().cpu().numpy() + 1e-9
    y, x = divmod(int(rng.choice(len(weights), p=weights / weights.sum())), CELLS)
    y, x = (int(np.clip(v - size // 2, 0, CELLS - size)) for v in (y, x))
    return y, x


def lattice_energy(picture: Tensor, mask: Tensor) -> Tensor:
    """The fine detail of a picture that repeats with the generator's grid, a scalar in units of the picture.

    Up-sampling turns a shift that is too strong into a mesh of 8 px, one cell of the 128 px map. Skin and hair have
    no such period: averaged over blocks of 5 x 5 cells they leave a flat pattern, which the mesh does not.

    Args:
        picture: `[1, 3, 8K, 8K]`, K a multiple of `LATTICE_BLOCK`.
        mask: `[1, 1, 8K, 8K]` in [0, 1], where it counts.
    """
    cell, block = CELL, CELL * LATTICE_BLOCK
    local = picture - F.avg_pool2d(picture, cell + 1, 1, cell // 2, count_include_pad=False)

    def folded(x: Tensor) -> Tensor:
        blocks = x.unfold(2, block, block).unfold(3, block, block)
        return blocks.unflatten(-1, (LATTICE_BLOCK, cell)).unflatten(-3, (LATTICE_BLOCK, cell)).mean((-4, -2))

    weight = F.avg_pool2d(mask, block)[..., None, None]
    pattern = folded(local * mask)
    return (pattern.square().mean((1, 4, 5)) + 1e-8).sqrt().sum() / weight.sum().clamp_min(0.1)


def fit_full_size_rows(
    network: MCANetwork,
    generator: MobileStyleGAN,
    preview: PreviewGenerator,
    targets: Sequence[Target],
    faces: Faces,
    out: Path,
    settings: AgreementSettings,
    max_minutes: float = 1e9,
) -> int:
    """Train Feature Fusion and mapper in place until full size and preview agree; returns the steps done."""
    teacher = copy.deepcopy(network).requires_grad_(False).eval()
    for part, learns in ((network.fusion, True), (network.mapper, True), (network.coral, False)):
        part.requires_grad_(learns)
    loop = TrainingLoop(
        network,
        torch.optim.Adam(parameter_groups(network, settings.lr, equalised_factor=1.0)),
        LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.95, log_every=5, warmup=5),
        out,
        {"settings": repr(settings), "prompts": [target.prompt for target in targets]},
    )

    def one(target: Target, rng: np.random.Generator) -> dict[str, Tensor]:
        code = faces.draw(generator, 1, rng)
        lower = _lower(preview, teacher, code, target)
        corner = _place(lower.mask, settings.window, rng)
        ys, xs = window_at(corner, settings.window, 1)
        mask = lower.mask[:, :, ys, xs]
        with torch.no_grad():
            before = upper_picture(generator, lower.source[:, :, ys, xs], code, corner)
            _, delta_before = teacher(code, target.code)
        _, delta = network(code, target.code)
        edited = upper_picture(generator, lower.blended[:, :, ys, xs], code, corner, (delta, mask))
        edited = before + resize_mask(mask, before.shape[-1]) * (edited - before)
        small, small_before = F.avg_pool2d(edited, 4), F.avg_pool2d(before, 4)
        ys, xs = window_at(corner, settings.window, 2)
        error = (small - small_before - lower.change[:, :, ys, xs]).abs()
        weight = resize_mask(mask, error.shape[-1])
        agree = (error * weight).sum() / (3 * weight.sum().clamp_min(1))
        anchor = (delta - delta_before)[:, : TOP_LAYER + 1].square().mean()
        mesh = lattice_energy(edited, resize_mask(mask, edited.shape[-1]))
        terms = {"agree": agree, "anchor": settings.anchor * anchor, "lattice": settings.lattice * mesh}
        if target.meaning and settings.colour:
            lab = lab_of(target.meaning.colour).to(small)
            inside = (weight > 0.5).float()
            terms["colour"] = settings.colour * lab_colour_distance(small, inside, lab, settings.lightness)
        return {**terms, "loss": torch.stack(list(terms.values())).sum()}

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        results = [one(target, rng) for target in targets]
        names = set.intersection(*(set(terms) for terms in results))
        means = {name: torch.stack([terms[name] for terms in results]).mean() for name in sorted(names)}
        return means | {f"agree {t.prompt}": r["agree"] for t, r in zip(targets, results, strict=True)}

    done = loop.run(step)
    network.load_state_dict(loop.averaged_state())
    network.requires_grad_(True)
    return done
