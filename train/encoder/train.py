"""`python -m train encoder`: the network that gives inversions their first code.

Stages, each resumable: render generated faces with known codes; compute features of degraded copies; learn the codes;
solve the linear path; learn from pictures, with the generator's preview behind the encoder.
Source: e4e (Tov et al. 2021) for the structure of the loss: pictures, identity, and an offset penalty.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.generators.preview import PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.encoder import LAST_OFFSET_ROW, FaceEncoder, View, view_of
from mcaclip.inversion.likeness import Likeness, LikenessWeights
from mcaclip.nn.safetensors_io import save_half
from mcaclip.perception.identity import FaceIdentity
from train.common.faces import CodeSampler
from train.common.loop import CHECKPOINT, Budget, LoopSettings, TrainingLoop
from train.encoder.degrade import MILD, STRONG
from train.encoder.linear import fit_linear
from train.encoder.pool import Pool, render_pool
from train.encoder.views import ViewCache, cache_views, degraded
from train.heads.preview_head import psnr

log = logging.getLogger(__name__)
ROWS_USED = 16
LINEAR_REPORT = "linear.json"
FEWEST_REPORTED = 20
SHARES = {"faces": 0.38, "mild": 0.09, "strong": 0.09, "codes": 0.2, "linear": 0.03, "pictures": 0.17, "report": 0.04}
"""Shares of a call's time by stage."""


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the stages.

    Attributes:
        faces: size of the pool, if the time allows (0.1 s per face on an idle CPU core); the last `held_out` of those
            rendered, at most a fifth, are for the report.
        seed: of the pool and of the first weights; mild and strong degradations use the next two numbers.
        steps: of learning codes from `batch` faces each.
        picture_steps: of learning from `picture_batch` pictures each.
        offset: weight of the squared offsets in the code stage.
        anchor: weight of the squared distance from the true code in the picture stage.
    """

    faces: int = 16000
    held_out: int = 200
    seed: int = 71
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


def new_encoder(pool: Pool, generator: PreviewGenerator, seed: int) -> FaceEncoder:
    """An untrained encoder with the codes' mean and spread, on the generator's device."""
    torch.manual_seed(seed)
    encoder, w_avg = FaceEncoder(), generator.w_avg.cpu()
    encoder.w_mean.copy_(w_avg)
    encoder.w_std.copy_((pool.codes - w_avg).square().mean().sqrt())
    return encoder.to(generator.w_avg.device)


def code_loss(
    encoder: FaceEncoder, base: Tensor, offsets: Tensor, codes: Tensor, penalty: float
) -> dict[str, Tensor]:
    """Squared error of the rows in variances of w; upper rows, which hardly show at 256 px, have weight 0.25."""
    true = (codes - encoder.w_mean) / encoder.w_std
    rows = torch.cat([base[:, None], base[:, None] + offsets], 1)
    lower = (rows - true[:, : LAST_OFFSET_ROW + 1]).square().mean()
    upper = (base[:, None] - true[:, LAST_OFFSET_ROW + 1 : ROWS_USED]).square().mean()
    size = offsets.square().mean()
    return {"loss": lower + 0.25 * upper + penalty * size, "lower": lower, "upper": upper, "offset": size}


def learn_codes(
    encoder: FaceEncoder, codes: Tensor, caches: list[ViewCache], settings: EncoderSettings, out: Path, minutes: float
) -> None:
    """Learn codes from cached views; `encoder` ends with the averaged weights."""
    count, device = min(cache.count for cache in caches) - settings.held_out, encoder.w_mean.device
    encoder.project.requires_grad_(False)  # the linear path is solved afterwards
    encoder.spread.requires_grad_(False)
    learned = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, settings.lr, weight_decay=settings.weight_decay)
    limits = LoopSettings(settings.steps, minutes, settings.seed, ema=0.995, log_every=20, warmup=100)
    loop = TrainingLoop(encoder, optimizer, limits, out / "codes", {**asdict(settings), "faces_used": count})

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        index = np.sort(rng.choice(count, settings.batch, replace=False))
        view = View(*(part.to(device) for part in caches[rng.integers(len(caches))].batch(index)))
        with torch.autocast(device.type, torch.bfloat16):
            base, offsets = encoder(view)
        return code_loss(encoder, base.float(), offsets.float(), codes[index].to(device), settings.offset)

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
    """Learn from pictures: the preview's reconstruction has to look like the face before it was degraded."""
    count, device = len(pool) - settings.held_out, encoder.w_mean.device
    encoder.project.requires_grad_(False)
    encoder.spread.requires_grad_(True)
    learned = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, settings.picture_lr, betas=(0.9, 0.99))
    limits = LoopSettings(settings.picture_steps, minutes, settings.seed, ema=0.98, log_every=10, warmup=20)
    loop = TrainingLoop(encoder, optimizer, limits, out / "pictures", {**asdict(settings), "faces_used": count})

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        index = np.sort(rng.choice(count, settings.picture_batch, replace=False))
        how = STRONG if number % 2 else MILD
        with torch.no_grad():
            view = view_of(identity, degraded(pool, index, how, settings.seed + 3 + number).to(device))
            likeness = Likeness.of(pool.pictures(index).to(device), identity)
        base, offsets = encoder(view)
        terms = code_loss(encoder, base, offsets, pool.codes[index].to(device), settings.offset)
        code = encoder.rows(base, offsets)
        with torch.autocast(code.device.type, torch.bfloat16):
            picture = synthesize(generator, code).image
        parts = likeness.parts(picture.float(), identity)
        distance = likeness.total(parts, settings.likeness)
        loss = distance + settings.anchor * terms["loss"]
        return {"loss": loss, "picture": distance, **parts, "code": terms["lower"]}

    encoder.eval()  # batches of four are too small for new batch norm statistics
    loop.run(step)
    encoder.load_state_dict(loop.averaged_state())


@torch.no_grad()
def evaluate_encoder(
    encoder: FaceEncoder,
    pool: Pool,
    generator: PreviewGenerator,
    identity: FaceIdentity,
    settings: EncoderSettings,
    minutes: float = 1e9,
) -> dict[str, float]:
    """PSNR in dB at 256 px, dlib identity and explained variance of held-out faces, not degraded.

    Faces are left out when the time is short, down to `FEWEST_REPORTED`.
    """
    index, started = np.arange(len(pool) - settings.held_out, len(pool)), time.monotonic()
    signal: list[Tensor] = []
    alike: list[Tensor] = []
    error = power = 0.0
    for face in index:
        if len(signal) >= FEWEST_REPORTED and time.monotonic() - started > 60 * minutes:
            break
        picture = pool.pictures(np.array([face])).to(encoder.w_mean.device)
        code = pool.codes[face : face + 1].to(encoder.w_mean.device)
        guess = encoder.code(view_of(identity, picture))
        made = synthesize(generator, guess).image
        signal.append(psnr(made, picture))
        alike.append(identity.similarity(made, picture))
        error += float((guess - code)[:, : LAST_OFFSET_ROW + 1].square().sum())
        power += float((encoder.w_mean - code)[:, : LAST_OFFSET_ROW + 1].square().sum())
    return {
        "psnr": float(torch.cat(signal).mean()),
        "identity_dlib": float(torch.cat(alike).mean()),
        "explained_variance": 1 - error / power,
        "faces": len(signal),
    }


def train_encoder(
    generator: PreviewGenerator, identity: FaceIdentity, settings: EncoderSettings, out: Path, minutes: float = 1e9
) -> dict[str, float]:
    """All stages; writes `encoder.safetensors` and `report.json` into `out`, or continues a stopped run there.

    Once learning has begun, no faces are added; once the last stage has begun, all further time goes to it.

    Raises:
        TrainingError: the time was too short for enough faces.
    """
    budget = Budget(minutes, SHARES)
    pool, caches = _see_faces(generator, identity, settings, out, budget)
    settings = replace(settings, held_out=min(settings.held_out, len(pool) // 5))
    encoder = new_encoder(pool, generator, settings.seed)
    if not (out / "pictures" / CHECKPOINT).exists():
        _stage("learning codes from %d faces", len(pool) - settings.held_out)
        learn_codes(encoder, pool.codes, caches, settings, out, budget.minutes("codes"))
        _stage("solving the linear path")
        blend = fit_linear(encoder.cpu(), pool.codes, caches, settings.held_out)
        encoder.to(generator.w_avg.device)
        (out / LINEAR_REPORT).write_text(json.dumps(blend))
        log.info("explained variance of the base row: %s", blend)
    _stage("learning from pictures")
    learn_pictures(encoder, pool, generator, identity, settings, out, budget.minutes("pictures"))
    _stage("measuring on held-out faces")
    report = evaluate_encoder(encoder, pool, generator, identity, settings, budget.minutes("report"))
    report |= {"pool": len(pool)} | json.loads((out / LINEAR_REPORT).read_text())
    state = encoder.state_dict()
    # the batch norms' counters are not needed any more, and after a long run too large for half precision
    save_half({n: t if t.is_floating_point() else t * 0 for n, t in state.items()}, out / "encoder.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("%s: %s", out / "encoder.safetensors", report)
    return report


def _see_faces(
    generator: PreviewGenerator, identity: FaceIdentity, settings: EncoderSettings, out: Path, budget: Budget
) -> tuple[Pool, list[ViewCache]]:
    """The rendered faces, and their views after mild and after strong degradation."""
    # a stage that has begun to learn keeps its faces
    frozen = any((out / stage / CHECKPOINT).exists() for stage in ("codes", "pictures"))
    _stage("rendering faces")
    time_left = 0.0 if frozen else budget.minutes("faces")
    pool = render_pool(generator, sampler(), settings.faces, settings.seed, out, time_left)
    caches = []
    for number, (name, how) in enumerate((("mild", MILD), ("strong", STRONG)), 1):
        _stage("looking at %d faces, degradation: %s", len(pool), name)
        time_left = 0.0 if frozen else budget.minutes(name)
        caches.append(cache_views(pool, identity, how, settings.seed + number, out, settings.faces, time_left))
    count = min(cache.count for cache in caches)
    if count < 2 * settings.batch:
        raise TrainingError(
            f"only {count} faces were ready in this time, {2 * settings.batch} are needed: run the same command "
            "again, with a larger --max-minutes; it continues where it stopped"
        )
    return pool.first(count), [replace(cache, count=count) for cache in caches]


def _stage(text: str, *values: object) -> None:
    log.info("stage: " + text, *values)
