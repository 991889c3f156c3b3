"""`python -m train faceclip`: train FaceCLIP on painted generated faces."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from mcaclip.text.clip_space import FACECLIP, ClipSpace, create_model
from mcaclip.text.grammar import PART_NOUNS, Meaning
from train.loop import LoopSettings, TrainingLoop
from train.painting import PARTS, VARIANTS, FacePool, Sample, augment, caption, draw_variants, render

log = logging.getLogger(__name__)
TEST_COLOURS = (
    "red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink", "black", "white", "brown", "silver",
)  # fmt: skip


@dataclass(frozen=True)
class FaceCLIPSettings:
    """Settings of the training.

    Attributes:
        faces: size of the pool; its last `test_faces` are held out.
        groups: faces a batch; each stands in it four times (see `train.painting`).
    """

    faces: int = 1000
    test_faces: int = 150
    groups: int = 20
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


def _batch(pool: FacePool, faces: int, groups: int, size: int, rng: np.random.Generator):
    samples, pictures = [], []
    for face in rng.choice(faces, groups, replace=False):
        for sample in draw_variants(rng):
            samples.append(sample)
            pictures.append(render(pool, int(face), sample, rng))
    assert len(samples) == VARIANTS * groups
    keys = [sample.key for sample in samples]
    same = torch.tensor([[a == b for b in keys] for a in keys])
    return augment(torch.stack(pictures), size, rng), [caption(s, rng) for s in samples], same


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
    space = ClipSpace(create_model(FACECLIP), FACECLIP)
    space.to(memory_format=torch.channels_last)
    training_faces = len(pool.images) - settings.test_faces
    optimizer = torch.optim.AdamW(
        space.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=settings.weight_decay
    )
    loop_settings = LoopSettings(
        settings.steps, max_minutes, settings.seed, ema=0.998, log_every=10, warmup=100, clip_gradient=1.0
    )
    loop = TrainingLoop(space, optimizer, loop_settings, out, asdict(settings))
    space.train()

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        images, texts, same = _batch(pool, training_faces, settings.groups, space.image_size, rng)
        image_features, text_features = space.encode_image(images), space.encode_text(texts)
        scale = space.model.logit_scale.exp().clamp(max=60)
        loss = contrastive_loss(image_features, text_features, scale, same)
        found = (image_features @ text_features.T).argmax(1)
        right = same[torch.arange(len(same)), found].float().mean()
        return {"loss": loss, "accuracy": right, "scale": scale.detach()}

    loop.run(step)
    space.load_state_dict(loop.averaged_state())
    space.eval()
    report = zero_shot(space, pool, range(training_faces, len(pool.images)), settings.seed)
    report["steps"] = loop.step
    state = {k.removeprefix("model."): v.half().contiguous() for k, v in space.state_dict().items()}
    save_file(state, out / "model.safetensors")
    (out / "report.json").write_text(json.dumps(report, indent=1))
    log.info("FaceCLIP: %s", report)
    return report
