"""`python -m train encoder`: the network that gives inversions their first code.

Three stages, each resumable: render generated faces with known codes; learn the codes from degraded copies of them;
then learn from pictures, with the generator's preview behind the encoder.
Source: e4e (Tov et al. 2021) for the structure of the loss: pictures, identity, and an offset penalty.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.encoder import LAST_OFFSET_ROW, FaceEncoder, look
from mcaclip.inversion.likeness import Likeness, LikenessWeights
from mcaclip.modules import save_half
from mcaclip.perception.identity import FaceIdentity
from train.degrade import MILD, STRONG
from train.encoder_linear import fit_linear
from train.encoder_pool import Pool, render_pool
from train.encoder_views import ViewCache, cache_views, degraded
from train.faces import CodeSampler
from train.loop import CHECKPOINT, LoopSettings, TrainingLoop
from train.preview_head import psnr

log = logging.getLogger(__name__)
ROWS_USED = 16


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the three stages.

    Attributes:
        faces: size of the pool, if the time allows (0.1 s a face on one idle CPU core); the last `held_out` of
            those rendered are for the report.
        seed: of the pool; mild and strong degradations use the next two numbers.
        shares: parts of the time for rendering, for looking, for codes and for pictures.
        steps: of learning codes, `batch` faces each.
        picture_steps: of learning from pictures, `picture_batch` faces each.
        offset: weight of the squared offsets in the code stage.
        anchor: weight of the squared distance from the true code in the picture stage.
    """

    faces: int = 16000
    held_out: int = 200
    seed: int = 71
    shares: tuple[float, float, float, float] = (0.45, 0.12, 0.2, 0.23)
    steps: int = 6000
    batch: int = 32
    lr: float = 1e-3
    weight_decay: float = 0.05
    picture_steps: int = 3000
    picture_batch: int = 4
    picture_lr: float = 1.5e-4
    offset: float = 0.02
    anchor: float = 0.15
    likeness: LikenessWeights = field(default_factory=lambda: LikenessWeights(identity=1.0))


def sampler() -> CodeSampler:
    """W, style mixing and W+ jitter, truncation 0.5-1."""
    return CodeSampler(psi=(0.5, 1.0), mix=0.3, jitter=0.2)


def code_loss(
    encoder: FaceEncoder, base: Tensor, offsets: Tensor, codes: Tensor, penalty: float
) -> dict[str, Tensor]:
    """Squared error of the rows in variances of w; upper rows, which hardly show at 256 px, count a quarter."""
    true = (codes - encoder.w_mean) / encoder.w_std
    rows = torch.cat([base[:, None], base[:, None] + offsets], 1)
    lower = (rows - true[:, : LAST_OFFSET_ROW + 1]).square().mean()
    upper = (base[:, None] - true[:, LAST_OFFSET_ROW + 1 : ROWS_USED]).square().mean()
    size = offsets.square().mean()
    return {"loss": lower + 0.25 * upper + penalty * size, "lower": lower, "upper": upper, "offset": size}


def learn_codes(
    encoder: FaceEncoder, codes: Tensor, caches: list[ViewCache], settings: EncoderSettings, out: Path, minutes: float
) -> None:
    """Stage two: from cached views to codes; the averaged weights are left in `encoder`."""
    count = min(cache.count for cache in caches) - settings.held_out
    encoder.project.requires_grad_(False)  # the linear path is solved afterwards
    encoder.spread.requires_grad_(False)
    learned = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, settings.lr, weight_decay=settings.weight_decay)
    limits = LoopSettings(settings.steps, minutes, settings.seed, ema=0.995, log_every=20, warmup=100)
    loop = TrainingLoop(encoder, optimizer, limits, out / "codes", {**asdict(settings), "faces_used": count})

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        index = np.sort(rng.choice(count, settings.batch, replace=False))
        view = caches[rng.integers(len(caches))].batch(index)
        with torch.autocast(encoder.w_mean.device.type, torch.bfloat16):
            base, offsets = encoder(view)
        return code_loss(encoder, base.float(), offsets.float(), codes[index], settings.offset)

    encoder.train()
    loop.run(step)
    encoder.load_state_dict(loop.averaged_state())
    encoder.eval()


def learn_pictures(
    encoder: FaceEncoder,
    pool: Pool,
    generator: PreviewGenerator,
    identity: FaceIdentity,
    settings: EncoderSettings,
    out: Path,
    minutes: float,
) -> None:
    """Stage three: the reconstruction, made by the preview, has to look like the face before it was degraded."""
    count = len(pool) - settings.held_out
    encoder.spread.requires_grad_(True)
    learned = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, settings.picture_lr, betas=(0.9, 0.99))
    limits = LoopSettings(settings.picture_steps, minutes, settings.seed, ema=0.98, log_every=10, warmup=20)
    loop = TrainingLoop(encoder, optimizer, limits, out / "pictures", {**asdict(settings), "faces_used": count})

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        index = np.sort(rng.choice(count, settings.picture_batch, replace=False))
        how = STRONG if number % 2 else MILD
        with torch.no_grad():
            view = look(identity, degraded(pool, index, how, settings.seed + 3 + number))
            likeness = Likeness.of(pool.pictures(index), identity)
        base, offsets = encoder(view)
        terms = code_loss(encoder, base, offsets, pool.codes[index], settings.offset)
        code = encoder.rows(base, offsets)
        with torch.autocast(code.device.type, torch.bfloat16):
            picture = synthesize(generator, code).image
        parts = likeness.parts(picture.float(), identity)
        distance = likeness.total(parts, settings.likeness)
        loss = distance + settings.anchor * terms["loss"]
        return {"loss": loss, "picture": distance, **parts, "code": terms["lower"]}

    encoder.eval()  # the statistics of the code stage stay: batches of four are too small for new ones
    loop.run(step)
    encoder.load_state_dict(loop.averaged_state())


@torch.no_grad()
def evaluate_encoder(
    encoder: FaceEncoder, pool: Pool, generator: PreviewGenerator, identity: FaceIdentity, settings: EncoderSettings
) -> dict[str, float]:
    """PSNR in dB at 256 px, dlib identity and explained variance of the held-out faces, not degraded."""
    index = np.arange(len(pool) - settings.held_out, len(pool))
    signal, alike, error, power = [], [], 0.0, 0.0
    for face in index:
        picture, code = pool.pictures(np.array([face])), pool.codes[face : face + 1]
        guess = encoder.code(look(identity, picture))
        made = synthesize(generator, guess).image
        signal.append(psnr(made, picture))
        alike.append(identity.similarity(made, picture))
        error += float((guess - code)[:, : LAST_OFFSET_ROW + 1].square().sum())
        power += float((encoder.w_mean - code)[:, : LAST_OFFSET_ROW + 1].square().sum())
    return {
        "psnr": float(torch.cat(signal).mean()),
        "identity_dlib": float(torch.cat(alike).mean()),
        "explained_variance": 1 - error / power,
        "faces": len(index),
    }


def train_encoder(
    generator: PreviewGenerator, identity: FaceIdentity, settings: EncoderSettings, out: Path, minutes: float = 1e9
) -> dict[str, float]:
    """All stages; writes `encoder.safetensors` and `report.json` into `out`."""
    render, looking, codes, pictures = (share * minutes for share in settings.shares)
    if (out / "codes" / CHECKPOINT).exists():
        render = 0.0  # what has begun to learn goes on with the faces it began with
    pool = render_pool(generator, sampler(), settings.faces, settings.seed, out, render)
    caches = [
        cache_views(pool, identity, how, settings.seed + 1 + number, out, settings.faces, looking / 2)
        for number, how in enumerate((MILD, STRONG))
    ]
    encoder = FaceEncoder()
    encoder.w_mean.copy_(generator.w_avg)
    encoder.w_std.copy_((pool.codes - generator.w_avg).square().mean().sqrt())
    learn_codes(encoder, pool.codes, caches, settings, out, codes)
    blend = fit_linear(encoder, pool.codes, caches, settings.held_out)
    log.info("codes: %s", blend)
    learn_pictures(encoder, pool, generator, identity, settings, out, pictures)
    report = evaluate_encoder(encoder, pool, generator, identity, settings) | {"pool": len(pool)} | blend
    state = encoder.state_dict()
    # counters of the batch norms: of no use any more, and too large for half precision after a long run
    save_half({n: t if t.is_floating_point() else t * 0 for n, t in state.items()}, out / "encoder.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("encoder: %s", report)
    return report
