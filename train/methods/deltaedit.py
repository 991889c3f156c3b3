"""`python -m train deltaedit`: train DeltaEdit's network on pairs of generated faces. No text is read.

First the styles and picture features of some thousand faces are collected (on disk, resumable). Then the network
learns from pairs of them to predict the change of styles from the first face's styles and features and the change of
features.

Source: Lyu et al., "DeltaEdit" (CVPR 2023), section 3.
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
from mcaclip.generators.style_space import read_styles
from mcaclip.generators.synthesis import synthesize
from mcaclip.methods.delta_mapper import DeltaMapper, delta_config, save_delta
from train.common.arrays import read_array, unusable, write_array
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop

log = logging.getLogger(__name__)
MODEL = "deltaedit.safetensors"


@dataclass(frozen=True)
class DeltaSettings:
    """Settings of a training.

    Attributes:
        faces: faces that the pairs are drawn from.
        batch: pairs per step (64 published).
        lr: learning rate of Adam (0.5 published for lr_mul 0.01; this is for lr_mul 1).
        layers: see `DeltaConfig`.
        seed: of faces and pairs.
        sampler: draws the faces.
    """

    faces: int = 2000
    steps: int = 5000
    batch: int = 64
    lr: float = 1e-3
    layers: int = 4
    seed: int = 29
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.7, 1.0), mix=0.2, jitter=0.0))


@dataclass(frozen=True)
class Pool:
    """`styles [N, S]` and unit `features [N, D]` of the same faces."""

    styles: Tensor
    features: Tensor


@torch.no_grad()
def collect_pool(
    generator: Generator, space: ClipSpace, settings: DeltaSettings, out: Path, max_minutes: float = 1e9
) -> Pool:
    """Styles and features of the settings' faces; an earlier call, whose features are in `out`, is continued.

    Raises:
        TrainingError: fewer than two faces are ready when the time is over, or the earlier features are damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    codes = settings.sampler.draw(generator, settings.faces, np.random.default_rng(settings.seed))
    file = out / f"features_{settings.seed}_{settings.faces}.npy"
    kept = torch.zeros(0, space.encode_text(["a face"]).shape[1])
    if file.exists():
        kept = torch.from_numpy(np.array(read_array(file, (None, kept.shape[1]), np.float32)))
        if len(kept) > settings.faces or not kept.isfinite().all():
            raise unusable(file, "it holds something else than it should")
    parts, done, started, saved = [kept], len(kept), time.monotonic(), time.monotonic()
    while done < settings.faces and time.monotonic() - started < 60 * max_minutes:
        parts.append(space.encode_image(synthesize(generator, codes[done : done + 1]).image).cpu())
        done += 1
        if time.monotonic() - saved > 30:
            write_array(file, torch.cat(parts).numpy())
            saved = time.monotonic()
            log.info("faces %d of %d", done, settings.faces)
    features = torch.cat(parts)
    write_array(file, features.numpy())
    if done < 2:
        raise TrainingError(f"only {done} faces are ready: run the same command again, with more --max-minutes")
    styles = torch.cat([read_styles(generator, part).cpu() for part in codes[:done].split(256)])
    return Pool(styles, features)


def delta_loss(given: Tensor, wanted: Tensor) -> dict[str, Tensor]:
    """Distance and angle of two changes of styles `[B, S]`, each as a mean over the batch.

    The distance is divided by the root of the number of channels, so that it does not depend on the generator.

    Source: DeltaEdit, Eq. 5.
    """
    distance = (given - wanted).norm(dim=1).mean() / wanted.shape[1] ** 0.5
    return {"l2": distance, "cos": (1 - F.cosine_similarity(given, wanted, dim=1)).mean()}


def train_deltaedit(
    generator: Generator,
    space: ClipSpace,
    settings: DeltaSettings,
    out: Path,
    max_minutes: float = 1e9,
    stack: Stack | None = None,
) -> Path:
    """Collect faces, train, write the model into `out`; returns its file.

    Args:
        generator: the preview, whose styles are the first ones of the full generator's.
        stack: its names are written into the file.
    """
    started, device = time.monotonic(), generator.w_avg.device
    pool = collect_pool(generator, space, settings, out / "pool", max_minutes)
    torch.manual_seed(settings.seed)
    config = delta_config(generator, pool.features.shape[1], settings.layers, lr_mul=1.0)
    model = DeltaMapper(config).to(device)
    model.mean.copy_(pool.styles.mean(0))
    model.std.copy_(pool.styles.std(0).clamp_min(1e-4))
    left = max(0.05, max_minutes - (time.monotonic() - started) / 60)
    loop = TrainingLoop(
        model,
        torch.optim.Adam(model.parameters(), settings.lr),
        LoopSettings(settings.steps, left, settings.seed, ema=0.99, log_every=20, warmup=20),
        out,
        {**asdict(settings), "stack": stack.label if stack else None, "ready": len(pool.styles)},
    )

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        first, second = (torch.from_numpy(rng.integers(len(pool.styles), size=settings.batch)) for _ in range(2))
        terms = pair_terms(model, Pool(pool.styles.to(device), pool.features.to(device)), first, second)
        return {**terms, "loss": torch.stack(list(terms.values())).sum()}

    done = loop.run(step)
    model.load_state_dict(loop.averaged_state())
    names = (stack.generator_name, stack.clip) if stack else ("", "")
    save_delta(model, out / MODEL, *names, {"faces": len(pool.styles), "steps": done})
    log.info("%d steps on %d faces, written to %s", done, len(pool.styles), out / MODEL)
    return out / MODEL


def pair_terms(model: DeltaMapper, pool: Pool, first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """The loss terms of pairs of faces, given by their numbers; the inputs are s_1, i_1 and Delta i."""
    change = F.normalize(pool.features[second] - pool.features[first], dim=1)
    wanted = (pool.styles[second] - pool.styles[first]) / model.std
    return delta_loss(model(pool.styles[first], pool.features[first], change), wanted)
