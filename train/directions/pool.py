"""`python -m train directions`: generated faces, measured, and how the measures depend on their codes."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.platform.atomic import write_text
from train.common.arrays import open_array, read_count, unfinished
from train.common.faces import CodeSampler
from train.common.setup import load_preview
from train.directions.face_networks import FaceNetworks
from train.directions.fit import regress, save_regression
from train.directions.hair import save_hair

log = logging.getLogger(__name__)
TOGETHER = 8
"""Faces that are made and measured at once."""
FEWEST = 1200
"""Faces below which a regression on 512 numbers says nothing."""


@dataclass(frozen=True)
class PoolSettings:
    """Settings of the faces: how many, and from which seed."""

    faces: int = 6000
    seed: int = 101
    sampler: CodeSampler = field(default_factory=lambda: CodeSampler(psi=(0.5, 1.0), mix=0, jitter=0))


@torch.no_grad()
def measure_faces(
    preview: PreviewGenerator, networks: FaceNetworks, settings: PoolSettings, out: Path, minutes: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Codes `[N, 512]` and measures, each `[N]`, of the faces that are done, also of earlier calls."""
    out.mkdir(parents=True, exist_ok=True)
    codes = settings.sampler.draw(preview, settings.faces, np.random.default_rng(settings.seed))[:, 0]
    names = list(networks.measures(synthesize(preview, codes[:1, None].expand(-1, 18, -1)).image))
    done_file, array = out / "measures.done", out / "measures.npy"
    values = open_array(array, (settings.faces, len(names)), np.float32)
    for span in unfinished(done_file, settings.faces, minutes, values, size=TOGETHER, every=10):
        faces = codes[span.start : span.stop, None].expand(-1, 18, -1)
        found = networks.measures(synthesize(preview, faces).image)
        values[span.start : span.stop] = torch.stack(list(found.values()), 1).numpy()
    done = read_count(done_file, settings.faces)
    table = torch.from_numpy(np.array(values[:done]))
    return codes[:done], dict(zip(names, table.T, strict=True))


def run(models: Path, out: Path, minutes: float) -> Path:
    """Measure faces, or more of them, and write what they say into the run folder.

    `directions.safetensors` is for `python -m train universal`, `hair.safetensors` for the studio; `report.json` says
    how far the codes explain each measure.

    Raises:
        TrainingError: a network of `models` is missing, or too few faces were measured in the time.
    """
    preview = load_preview()
    codes, measures = measure_faces(preview, FaceNetworks(models), PoolSettings(), out, minutes)
    if len(codes) < FEWEST:
        raise TrainingError(
            f"{len(codes)} faces are measured, and {FEWEST} are needed: run the same command again, or give it more "
            "--max-minutes"
        )
    regression = regress(codes, measures, preview.w_avg.reshape(-1))
    path = out / "directions.safetensors"
    save_regression(regression, path)
    save_hair(regression, out / "hair.safetensors")
    explained = zip(regression.names, regression.explained.tolist(), strict=True)
    report = {"faces": len(codes), "explained": {name: round(share, 2) for name, share in explained}}
    write_text(out / "report.json", json.dumps(report, indent=1) + "\n")
    log.info("%d faces, written to %s", len(codes), path)
    return path
