"""`python -m train deltaedit`: train DeltaEdit's network on pairs of generated faces. No text is read.

First the styles and picture features of some thousand faces are collected (on disk, resumable). Then the network
learns from pairs of them to predict the change of styles from the first face's styles and features and the change of
features.

Source: Lyu et al., "DeltaEdit" (CVPR 2023), section 3, and its published code.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.config import Stack
from mcaclip.errors import TrainingError
from mcaclip.generators.base import Generator
from mcaclip.generators.style_space import convolution_channels, read_styles
from mcaclip.generators.synthesis import synthesize
from mcaclip.loading import GeneratorPair
from mcaclip.methods.delta_mapper import DeltaMapper, delta_config, save_delta
from train.common.arrays import open_array, read_count, unfinished
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.common.precision import FLOAT32, Precision

log = logging.getLogger(__name__)
MODEL = "deltaedit.safetensors"
TOGETHER, NOTED_EVERY = 8, 10
"""Pictures that are drawn at once, and how many such draws an interrupted run repeats at most."""


@dataclass(frozen=True)
class DeltaSettings:
    """Settings of a training.

    Attributes:
        faces: faces that the pairs are drawn from (258 000 published, 58 000 of them photos).
        batch: pairs per step (as published).
        lr: learning rate of Adam (as published, for lr_mul 0.01).
        layers: see `DeltaConfig`.
        raw_styles: styles enter and leave as they are, as published for StyleGAN2; otherwise each slot's are divided
            by their deviation, since MobileStyleGAN's slots differ a hundredfold in scale.
        seed: of faces and pairs.
        sampler: draws the faces.
    """

    faces: int = 4000
    steps: int = 2000
    batch: int = 64
    lr: float = 0.5
    layers: int = 4
    raw_styles: bool = False
    seed: int = 29
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.7, 1.0), mix=0.2, jitter=0.0))


@dataclass(frozen=True)
class StylePool:
    """`styles [N, S]` and unit `features [N, D]` of the same faces."""

    styles: Tensor
    features: Tensor


@torch.no_grad()
def collect_pool(
    pair: GeneratorPair,
    space: ClipSpace,
    settings: DeltaSettings,
    out: Path,
    max_minutes: float = 1e9,
    precision: Precision = FLOAT32,
) -> StylePool:
    """Styles and features of the settings' faces; an earlier call, whose features are in `out`, is continued.

    Args:
        pair: the preview draws the pictures; the styles are those of the full generator.
        precision: of the pictures.

    Raises:
        TrainingError: fewer than two faces are ready when the time is over, or the earlier features are damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    codes = settings.sampler.draw(pair.preview, settings.faces, np.random.default_rng(settings.seed))
    file = out / f"features_{settings.seed}_{settings.faces}.npy"
    features = open_array(file, (settings.faces, space.encode_text(["a face"]).shape[1]), np.float32)
    note = file.with_suffix(".done")
    for span in unfinished(note, settings.faces, max_minutes, features, size=TOGETHER, every=NOTED_EVERY):
        with precision.autocast(codes.device):
            pictures = synthesize(pair.preview, codes[span.start : span.stop]).image
        features[span.start : span.stop] = space.encode_image(pictures.float()).cpu().numpy()
    done = read_count(note, settings.faces)
    if done < 2:
        raise TrainingError(f"only {done} faces are ready: run the same command again, with more --max-minutes")
    channels = convolution_channels(pair.full)
    styles = torch.cat([read_styles(pair.full, part)[:, channels].cpu() for part in codes[:done].split(256)])
    return StylePool(styles, torch.from_numpy(np.array(features[:done])))


def style_scale(generator: Generator, styles: Tensor) -> Tensor:
    """For every channel of `styles [N, S]` the standard deviation of its slot, `[S]`."""
    widths = [slot.channels for slot in generator.style_slots if not slot.rgb]
    deviations = [(part - part.mean(0)).square().mean().sqrt() for part in styles.split(widths, 1)]
    return torch.cat([deviation.expand(width) for deviation, width in zip(deviations, widths, strict=True)])


def delta_loss(given: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Squared distance and angle of two changes of styles `[B, S]`, each as a mean.

    Source: DeltaEdit, Eq. 5, with the mean square of its published code for the distance.
    """
    return {"l2": F.mse_loss(given, wanted), "cos": 1 - F.cosine_similarity(given, wanted, dim=1).mean()}


def train_deltaedit(
    pair: GeneratorPair,
    space: ClipSpace,
    settings: DeltaSettings,
    out: Path,
    max_minutes: float = 1e9,
    stack: Stack | None = None,
    precision: Precision = FLOAT32,
) -> Path:
    """Collect faces, train, write the model into `out`; returns its file.

    Args:
        pair: see `collect_pool`.
        precision: of the pictures and the network.
        stack: its names are written into the file.
    """
    started, device = time.monotonic(), pair.full.w_avg.device
    pool = collect_pool(pair, space, settings, out / "pool", max_minutes, precision)
    torch.manual_seed(settings.seed)
    model = DeltaMapper(delta_config(pair.full, pool.features.shape[1], settings.layers)).to(device)
    if not settings.raw_styles:
        model.scale.copy_(style_scale(pair.full, pool.styles))
    left = max(0.05, max_minutes - (time.monotonic() - started) / 60)
    loop = TrainingLoop(
        model,
        torch.optim.Adam(model.parameters(), settings.lr, fused=True),
        LoopSettings(settings.steps, left, settings.seed, checkpoint_seconds=600, log_every=20, warmup=20),
        out,
        {**asdict(settings), "stack": stack.label if stack else None, "ready": len(pool.styles)},
    )
    there = StylePool(pool.styles.to(device), pool.features.to(device))

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        first, second = (torch.from_numpy(rng.integers(len(pool.styles), size=settings.batch)) for _ in range(2))
        with precision.autocast(device):
            terms = pair_terms(model, there, first, second)
        return {**terms, "loss": torch.stack(list(terms.values())).sum()}

    done = loop.run(step)
    names = (stack.generator_name, stack.clip) if stack else ("", "")
    save_delta(model, out / MODEL, *names, {"faces": len(pool.styles), "steps": done})
    log.info("%d steps on %d faces, written to %s", done, len(pool.styles), out / MODEL)
    return out / MODEL


def pair_terms(model: DeltaMapper, pool: StylePool, first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """The loss terms of pairs of faces, given by their numbers; the inputs are s_1, i_1 and Delta i."""
    change = F.normalize(pool.features[second] - pool.features[first], dim=1)
    wanted = pool.styles[second] - pool.styles[first]
    given = model(pool.styles[first], pool.features[first], change)
    return delta_loss(given / model.scale, wanted / model.scale)
