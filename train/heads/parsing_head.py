"""`python -m train parsing-head`: learn 19 classes from the generator's features, with a pixel teacher."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.safetensors_io import save_half
from mcaclip.perception.parsing_head import CLASSES, PARSED_LAYERS, ParsingHead
from train.common.faces import CodeSampler
from train.common.loop import LoopSettings, TrainingLoop
from train.parser.teacher import Teacher

log = logging.getLogger(__name__)
SAMPLER = CodeSampler(psi=(0.4, 1.0), mix=0.25, jitter=0.3)


@dataclass(frozen=True)
class ParsingHeadSettings:
    """Settings of the fit.

    Attributes:
        pool: labelled faces in memory (features in float16, 18 MB per face); every step draws from it.
        test_faces: unseen faces on which agreement with the teacher is reported.
    """

    pool: int = 220
    test_faces: int = 30
    steps: int = 700
    batch: int = 6
    lr: float = 2e-3
    seed: int = 21


@torch.no_grad()
def _labelled(generator: Generator, teacher: Teacher, count: int, rng: np.random.Generator):
    """Features (float16) and teacher probabilities at 128 px (float16) of `count` faces."""
    features: dict[int, list[Tensor]] = {layer: [] for layer in PARSED_LAYERS}
    labels = []
    for code in SAMPLER.draw(generator, count, rng):
        made = synthesize(generator, code[None], keep=PARSED_LAYERS)
        for layer in PARSED_LAYERS:
            features[layer].append(made.features[layer].half())
        labels.append(F.avg_pool2d(teacher(made.image), 2).half())
    return {layer: torch.cat(maps) for layer, maps in features.items()}, torch.cat(labels)


def _pick(features: dict[int, Tensor], index: np.ndarray) -> dict[int, Tensor]:
    return {layer: maps[index].float() for layer, maps in features.items()}


@torch.no_grad()
def agreement(head: ParsingHead, features: dict[int, Tensor], labels: Tensor) -> dict[str, float]:
    """Intersection over union with the teacher's labels, by class, over all test faces together."""
    wanted = labels.float().argmax(1)
    predicted = torch.cat([head(_pick(features, np.array([index]))).argmax(1) for index in range(len(labels))])
    scores = {}
    for number, name in enumerate(CLASSES):
        union = ((predicted == number) | (wanted == number)).sum()
        if union > 0:
            scores[name] = float(((predicted == number) & (wanted == number)).sum() / union)
    return scores


def fit_parsing_head(
    generator: Generator, teacher: Teacher, settings: ParsingHeadSettings, out: Path, max_minutes: float = 1e9
) -> dict[str, float]:
    """Fit on preview pictures; writes `parsing_head.safetensors` and `report.json` into `out`."""
    rng = np.random.default_rng(settings.seed)
    features, labels = _labelled(generator, teacher, settings.pool, rng)
    log.info("labelled %d faces", len(labels))
    head = ParsingHead()
    optimizer = torch.optim.Adam(head.parameters(), settings.lr)
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.995, log_every=10, warmup=50)
    loop = TrainingLoop(head, optimizer, loop_settings, out, asdict(settings))

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        index = rng.integers(0, len(labels), settings.batch)
        target = labels[index].float()
        log_p = head(_pick(features, index)).log_softmax(1)
        # weighting by 1 / sqrt(area) lets small parts (eyes, brows, lips) count as well as hair and background
        weight = target.sum((0, 2, 3)).clamp_min(64.0).rsqrt()
        weights = (target * weight[None, :, None, None]).sum(1)
        loss = (-(target * log_p).sum(1) * weights).sum() / weights.sum()
        return {"loss": loss}

    loop.run(step)
    head.load_state_dict(loop.averaged_state())
    test = _labelled(generator, teacher, settings.test_faces, np.random.default_rng(settings.seed + 1))
    report = agreement(head.eval(), *test)
    save_half(head.state_dict(), out / "parsing_head.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("parsing head: %s", report)
    return report
