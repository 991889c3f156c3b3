"""`python -m train preview-head`: fit the 256 px preview of the embedded generator."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import TOP_LAYER, PreviewGenerator, PreviewHead
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.ops import channels_last, inverse_haar
from mcaclip.nn.safetensors_io import save_half
from train.common.faces import CodeSampler, FaceSet, collect_faces
from train.common.loop import Budget, LoopSettings, TrainingLoop

log = logging.getLogger(__name__)
CROP = 32


@dataclass(frozen=True)
class PreviewHeadSettings:
    """Settings of the fit.

    Attributes:
        faces: training faces (each 0.6 s on two CPU cores and 8 MB of memory).
        test_faces: unseen faces for the reported PSNR, truncation 1 and no mixing.
        batch: crops of 32 x 32 feature cells per step.
    """

    faces: int = 640
    test_faces: int = 200
    steps: int = 4000
    batch: int = 24
    lr: float = 2e-3
    seed: int = 11


@torch.no_grad()
def _features(generator: MobileStyleGAN, codes: Tensor) -> Tensor:
    """`float16 [N, 256, 128, 128]` of layer 10, modulated for the head."""
    preview = PreviewGenerator(generator, PreviewHead())
    maps = []
    for code in codes:
        made = synthesize(preview, code[None], keep=(TOP_LAYER,))
        maps.append(preview.modulate(made.features[TOP_LAYER], code[None]).half())
    return torch.cat(maps)


def _batch(faces: FaceSet, features: Tensor, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    index = rng.integers(0, len(faces.codes), size)
    y, x = rng.integers(0, 128 - CROP + 1, (2, size))
    places = list(zip(index, y, x, strict=True))
    crops = torch.stack([features[i, :, a : a + CROP, b : b + CROP] for i, a, b in places])
    targets = [faces.images[i, :, 2 * a : 2 * (a + CROP), 2 * b : 2 * (b + CROP)] for i, a, b in places]
    return crops.float(), torch.stack(targets).float(), faces.codes[index]


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio `[B]` in dB of images in [-1, 1] (peak-to-peak 2)."""
    return 10 * torch.log10(4 / (a.clamp(-1, 1) - b.clamp(-1, 1)).square().flatten(1).mean(1))


@torch.no_grad()
def evaluate_head(generator: MobileStyleGAN, head: PreviewHead, faces: FaceSet) -> dict[str, float]:
    """PSNR in dB against the area-downsampled 1024 px pictures."""
    preview = PreviewGenerator(generator, head)
    pairs = zip(faces.codes.split(1), faces.images.split(1), strict=True)
    values = torch.cat([psnr(synthesize(preview, code).image, image.float()) for code, image in pairs])
    return {"psnr_mean": float(values.mean()), "psnr_min": float(values.min()), "faces": len(values)}


def fit_preview_head(
    generator: MobileStyleGAN, settings: PreviewHeadSettings, out: Path, max_minutes: float = 1e9
) -> dict[str, float]:
    """Fit, evaluate and write `preview_head.safetensors` and `report.json` into `out`."""
    sampler = CodeSampler(shift=0.35)
    budget = Budget(max_minutes, {"faces": 1.0, "learn": 1.0})
    cache, minutes = out.parent / "faces", budget.minutes("faces")
    faces = collect_faces(generator, sampler, settings.faces, settings.seed, cache, minutes)
    features = _features(generator, faces.codes)
    head = channels_last(PreviewHead())
    optimizer = torch.optim.AdamW(head.parameters(), settings.lr, weight_decay=0.02)
    minutes = budget.minutes("learn")
    loop_settings = LoopSettings(settings.steps, minutes, settings.seed, ema=0.998, log_every=20, warmup=100)
    loop = TrainingLoop(head, optimizer, loop_settings, out, asdict(settings))

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        crops, targets, codes = _batch(faces, features, settings.batch, rng)
        error = inverse_haar(head(crops, codes)) - targets
        # Charbonnier: quadratic for small errors, so that the shifted faces do not dominate the fit
        loss = (error.square() + 0.05**2).sqrt().mean() - 0.05
        return {"loss": loss, "mse": error.square().mean()}

    loop.run(step)
    head.load_state_dict(loop.averaged_state())
    natural = CodeSampler(psi=(1.0, 1.0), mix=0.0, jitter=0.0)
    test = collect_faces(generator, natural, settings.test_faces, settings.seed + 1, cache)
    report = evaluate_head(generator, head.eval(), test)
    save_half(head.state_dict(), out / "preview_head.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("preview head: %s", report)
    return report
