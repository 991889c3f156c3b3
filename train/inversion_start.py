"""`python -m train inversion-start`: ridge regression from 32 px pictures to w."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator, broadcast_w, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.start import START_SIZE, LinearStart
from mcaclip.modules import save_half

log = logging.getLogger(__name__)
RIDGES = (1e0, 1e1, 1e2, 1e3, 1e4)


@dataclass(frozen=True)
class StartSettings:
    """Settings of the regression; `faces` take 0.1 s each, the last tenth chooses the ridge."""

    faces: int = 1200
    seed: int = 51


@torch.no_grad()
def _pairs(generator: Generator, settings: StartSettings) -> tuple[Tensor, Tensor]:
    """Pixels `[N, 3072]`, with the exposure and colour casts of real photos, and w `[N, 512]`."""
    rng = np.random.default_rng(settings.seed)
    pixels, codes = [], []
    for index in range(settings.faces):
        z = torch.from_numpy(rng.standard_normal((1, 512)).astype(np.float32))
        w = truncate(generator.mapping(z), generator.w_avg, float(rng.uniform(0.6, 1.0)))
        picture = F.adaptive_avg_pool2d(synthesize(generator, broadcast_w(w)).image, START_SIZE)
        cast = torch.from_numpy(rng.normal(0, 0.06, (1, 3, 1, 1)).astype(np.float32))
        pixels.append((picture * float(rng.uniform(0.8, 1.2)) + cast).flatten(1))
        codes.append(w)
        if index % 200 == 0:
            log.info("inversion start: face %d of %d", index, settings.faces)
    return torch.cat(pixels), torch.cat(codes)


def fit_inversion_start(generator: Generator, settings: StartSettings, out: Path) -> dict[str, float]:
    """Fit and write `inversion_start.safetensors` and `report.json` (share of w's variance explained)."""
    pixels, codes = _pairs(generator, settings)
    split = len(pixels) * 9 // 10
    mean_x, mean_w = pixels[:split].mean(0), codes[:split].mean(0)
    x, w = (pixels[:split] - mean_x).double(), (codes[:split] - mean_w).double()
    # more pixels than faces: solve in the faces' space
    gram = x @ x.T
    best: tuple[float, float, Tensor] = (-float("inf"), 0.0, torch.empty(0))
    for ridge in RIDGES:
        solution = x.T @ torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), w)
        guess = (pixels[split:] - mean_x).double() @ solution + mean_w
        residual = (guess - codes[split:]).square().sum() / (codes[split:] - mean_w).square().sum()
        explained = 1 - float(residual)
        if explained > best[0]:
            best = (explained, ridge, solution)
    start = LinearStart()
    with torch.no_grad():
        start.map.weight.copy_(best[2].T)
        start.map.bias.copy_(mean_w - mean_x @ best[2].float())
    out.mkdir(parents=True, exist_ok=True)
    save_half(start.state_dict(), out / "inversion_start.safetensors")
    report = {"explained_variance": best[0], "ridge": best[1], "faces": settings.faces}
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("inversion start: %s", report)
    return report
