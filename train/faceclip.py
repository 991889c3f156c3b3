"""`python -m train faceclip`: train FaceCLIP on painted generated faces."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.colour import colour_lab
from mcaclip.generators.ops import channels_last
from mcaclip.modules import save_half
from mcaclip.text.clip_space import FACECLIP, ClipSpace, create_model
from mcaclip.text.grammar import PART_NOUNS, Meaning
from train.loop import LoopSettings, TrainingLoop
from train.painting import PARTS, FacePool, Sample, augment, caption, draw_variants, render

log = logging.getLogger(__name__)
TEST_COLOURS = (
    "red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "black", "white", "brown", "silver",
)  # fmt: skip


@dataclass(frozen=True)
class FaceCLIPSettings:
    """Settings of the training.

    Attributes:
        faces: size of the pool; its last `test_faces` are held out.
        groups: faces a batch; each stands in it `VARIANTS` times (see `train.painting`).
    """

    faces: int = 460
    test_faces: int = 60
    groups: int = 14
    steps: int = 4000
    lr: float = 1.2e-3
    weight_decay: float = 0.02
    seed: int = 31


def contrastive_loss(images: Tensor, texts: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE in which several texts may fit a picture.

    Args:
        images: L2-normalised `[B, D]`.
        texts: L2-normalised `[B, D]`.
        scale: inverse temperature.
        same: `bool [B, B]`, which text describes which picture.
    """
    logits = scale * images @ texts.T
    target = same.float()
    rows = -(target / target.sum(1, keepdim=True) * logits.log_softmax(1)).sum(1).mean()
    columns = -(target / target.sum(0, keepdim=True) * logits.log_softmax(0)).sum(0).mean()
    return (rows + columns) / 2


@dataclass(frozen=True)
class Batch:
    """One batch of painted faces.

    Attributes:
        images: `[B, 3, S, S]` in [-1, 1].
        captions: one a picture.
        same: `bool [B, B]`, which caption describes which picture.
        painted: `[B, parts]`, 1 where a part is painted.
        lab: `[B, parts, 3]`, the colours of painted parts in Lab / 50.
    """

    images: Tensor
    captions: list[str]
    same: Tensor
    painted: Tensor
    lab: Tensor


def draw_batch(pool: FacePool, faces: int, groups: int, size: int, rng: np.random.Generator) -> Batch:
    """`groups` faces of the first `faces`, in `VARIANTS` pictures each."""
    samples, pictures = [], []
    for face in rng.choice(faces, groups, replace=False):
        for sample in draw_variants(rng):
            samples.append(sample)
            pictures.append(render(pool, int(face), sample, rng))
    keys = [sample.key for sample in samples]
    same = torch.tensor([[a == b for b in keys] for a in keys])
    painted, lab = torch.zeros(len(samples), len(PARTS)), torch.zeros(len(samples), len(PARTS), 3)
    for row, sample in enumerate(samples):
        for meaning in sample.paints:
            painted[row, PARTS.index(meaning.part)] = 1
            lab[row, PARTS.index(meaning.part)] = colour_lab(meaning.colour) / 50
    captions = [caption(sample, rng) for sample in samples]
    return Batch(augment(torch.stack(pictures), size, rng), captions, same, painted, lab)


class Trainee(nn.Module):
    """FaceCLIP with a probe that must read off its image features which parts are painted, and how.

    The probe is thrown away. It shows the image tower in a few hundred steps where colours are, for which the
    contrastive loss alone needs thousands.
    """

    def __init__(self, space: ClipSpace):
        super().__init__()
        self.space = space
        self.probe = nn.Linear(512, 4 * len(PARTS))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Loss terms and the share of pictures whose own caption ranks first in the batch."""
        # bfloat16 convolutions take two thirds of the time; the similarities stay in float32
        with torch.autocast(batch.images.device.type, torch.bfloat16):
            raw = self.space.image_features(batch.images).float()
            texts = self.space.encode_text(batch.captions).float()
        images = F.normalize(raw, dim=-1)
        scale = self.space.model.logit_scale.exp().clamp(max=60)
        contrast = contrastive_loss(images, texts, scale, batch.same)
        flags, lab = self.probe(raw).split((len(PARTS), 3 * len(PARTS)), dim=1)
        painted = F.binary_cross_entropy_with_logits(flags, batch.painted)
        error = (lab.view_as(batch.lab) - batch.lab).abs().mean(2) * batch.painted
        colour = error.sum() / batch.painted.sum().clamp_min(1)
        found = (images @ texts.T).argmax(1)
        right = batch.same[torch.arange(len(found)), found].float().mean()
        loss = contrast + 2 * painted + colour
        return {"loss": loss, "contrast": contrast, "painted": painted, "colour": colour, "accuracy": right}


@torch.no_grad()
def zero_shot(space: ClipSpace, pool: FacePool, faces: range, seed: int = 0) -> dict[str, float]:
    """Held-out accuracy in held-out wordings: the right one of 12 colours, given the part; and of all 84 captions.

    Every held-out face is painted once in each part, in a random colour.
    """
    rng = np.random.default_rng(seed)
    pairs = [(part, colour) for part in PARTS for colour in TEST_COLOURS]
    texts = space.encode_text([f"someone wearing {colour} {PART_NOUNS[part][0]}" for part, colour in pairs])
    hits: dict[str, list[bool]] = {}
    for face in faces:
        for part in PARTS:
            colour = str(rng.choice(TEST_COLOURS))
            picture = render(pool, face, Sample((Meaning(part, colour),)), rng)
            cosines = (space.encode_image(picture[None]) @ texts.T)[0]
            first = PARTS.index(part) * len(TEST_COLOURS)
            best = int(cosines[first : first + len(TEST_COLOURS)].argmax())
            hits.setdefault(f"colour of {part}", []).append(TEST_COLOURS[best] == colour)
            hits.setdefault("any of 84", []).append(pairs[int(cosines.argmax())] == (part, colour))
    return {name: round(float(np.mean(values)), 4) for name, values in hits.items()}


def train_faceclip(
    pool: FacePool, settings: FaceCLIPSettings, out: Path, max_minutes: float = 1e9
) -> dict[str, float]:
    """Train, evaluate and write `model.safetensors` (float16) and `report.json` into `out`."""
    torch.manual_seed(settings.seed)
    trainee = Trainee(ClipSpace(create_model(FACECLIP), FACECLIP))
    space = channels_last(trainee.space)
    training_faces = len(pool.images) - settings.test_faces
    optimizer = torch.optim.AdamW(
        trainee.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay, fused=True
    )
    loop_settings = LoopSettings(
        settings.steps, max_minutes, settings.seed, ema=0.995, log_every=10, warmup=100, clip_gradient=1.0
    )
    loop = TrainingLoop(trainee, optimizer, loop_settings, out, asdict(settings))
    trainee.train()

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return trainee(draw_batch(pool, training_faces, settings.groups, space.image_size, rng))

    loop.run(step)
    trainee.load_state_dict(loop.averaged_state())
    trainee.eval()
    report = zero_shot(space, pool, range(training_faces, len(pool.images)), settings.seed)
    report["steps"] = loop.step
    save_half({k.removeprefix("model."): v for k, v in space.state_dict().items()}, out / "model.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("FaceCLIP: %s", report)
    return report
