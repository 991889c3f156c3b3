"""`python -m train faceclip-pooled`: trains both towers of FaceCLIP further, on pictures that are pooled once.

The layers behind the image tower's pooling and the whole text tower see batches several times larger than
`train.clip.train` can paint, and each picture many times, each time with other captions. The pooling's own
convolution stays as it is.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.clip.face_tower import NOISE, PooledFeatures
from mcaclip.errors import TrainingError
from train.clip.captions.batch import CaptionBatch, write_captions
from train.clip.feature_cache import CachedBatch, face_tower
from train.clip.train import FaceCLIPSettings, Trainee, adamw, caption_features, save_space
from train.common.loop import LoopSettings, TrainingLoop

log = logging.getLogger(__name__)
Learners = Literal["both", "image", "text"]
POOLING = ("parser", "texture")
"""Parts of the image tower that stand before the pooling."""


@dataclass(frozen=True)
class PooledSettings:
    """Settings of the training.

    Attributes:
        blocks: painted batches.
        attacked: blocks of pictures that attacks on the starting towers have made; one joins each batch.
        block: how a block is drawn; its learning rate and the like do not matter.
        captions: captions per use of a picture, the first of which has a twin.
        noise: deviation of the noise on pooled features, relative to theirs, because each picture is used many times.
        word_noise: greatest deviation of the noise on token embeddings, relative to theirs (see `train.blurred`).
        unseen: held-out blocks; the loss on them is logged at the end.
        kept: weight of the starting weights in the result: their mean with the new ones reads held-out words better.
        learns: "both" towers; "image": the text tower stays, so networks that were trained on its codes still fit;
            "text": the image tower stays, and with it its resistance to attacks.
        noisy: share of pictures that are encoded under noise, as pictures that are optimised against FaceCLIP are
            (`mcaclip.clip.face_tower.FaceTower.smoothed`).
    """

    blocks: int = 400
    attacked: int = 40
    block: FaceCLIPSettings = field(default_factory=lambda: FaceCLIPSettings(groups=40, broken=6))
    captions: int = 1
    noise: float = 0.03
    word_noise: float = 0.7
    unseen: int = 2
    kept: float = 0.5
    learns: Learners = "both"
    noisy: float = 0.5
    steps: int = 9000
    lr: float = 8e-4
    weight_decay: float = 0.03
    seed: int = 91


class PooledTrainee(Trainee):
    """FaceCLIP behind its pooling, with its probes."""

    def __init__(self, space: ClipSpace, known: Tensor, settings: PooledSettings):
        space.requires_grad_(True)
        word_noise = 0.0 if settings.learns == "image" else settings.word_noise
        super().__init__(space, known, FaceCLIPSettings(word_noise=word_noise))
        self.feature_noise, self.noisy = settings.noise, settings.noisy
        if settings.learns == "image":
            space.requires_grad_(False)
        face_tower(space).requires_grad_(settings.learns != "text")
        for name in POOLING:
            face_tower(space).get_submodule(name).requires_grad_(False)

    def image_features(self, features: PooledFeatures) -> Tensor:
        """Image features `[B, D]` of pooled pictures; in training with noise on what was pooled and on tokens."""
        found, whole, token_noise = features.found.float(), features.whole.float(), None
        if self.training and self.feature_noise:
            there = found != 0  # an area that is absent stays absent
            found = (found + self.feature_noise * found.std(0) * torch.randn_like(found)) * there
            whole = whole + self.feature_noise * whole.std(0) * torch.randn_like(whole)
        if self.training and self.noisy:
            token_noise = torch.tensor(NOISE)[torch.randint(len(NOISE), (len(found),))]
            token_noise = token_noise * (torch.rand(len(found)) < self.noisy)
        with torch.autocast(found.device.type, torch.bfloat16):
            return face_tower(self.space).encode_pooled(PooledFeatures(found, whole), token_noise).float()

    def pooled_terms(self, features: PooledFeatures, batch: CaptionBatch) -> dict[str, Tensor]:
        """Loss terms of a block and its captions."""
        return self.terms(self.image_features(features), caption_features(self.space, batch.captions), batch)


def train_pooled(
    space: ClipSpace,
    known: Tensor,
    blocks: Sequence[Path],
    settings: PooledSettings,
    out: Path,
    max_minutes: float = 1e9,
    attacked: Sequence[Path] = (),
) -> None:
    """Train both towers in place, and write all of FaceCLIP to `model.safetensors` (float16) in `out`.

    Args:
        space: a trained FaceCLIP, whose pooling made the blocks.
        known: `bool [tokens]`, those whose embedding stays.
        attacked: blocks of attacked pictures, one of which joins each of the others.

    Raises:
        TrainingError: too few blocks.
    """
    if len(blocks) <= settings.unseen:
        raise TrainingError(f"{len(blocks)} painted blocks are too few to learn from: allow more --max-minutes")
    read = [CachedBatch.load(path) for path in blocks]
    learned, unseen = read[: len(read) - settings.unseen], read[len(read) - settings.unseen :]
    trainee = PooledTrainee(space, known, settings)
    optimizer = adamw(space, trainee.parameters(), settings.lr, settings.weight_decay)
    before = {f"space.{n}": t.clone() for n, t in space.state_dict().items() if t.is_floating_point()}
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.999, warmup=200)
    loop = TrainingLoop(trainee, optimizer, loop_settings, out, asdict(settings))
    trainee.train()
    caption_batches = iter(
        _ahead(Lessons(learned, settings, [CachedBatch.load(path) for path in attacked]), loop.step)
    )

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        return trainee.pooled_terms(*next(caption_batches))

    loop.run(step)
    after = loop.averaged_state()
    trainee.load_state_dict(
        after | {name: torch.lerp(after[name], old, settings.kept) for name, old in before.items()}
    )
    trainee.requires_grad_(False).eval()
    for name, some in (("seen", learned[: settings.unseen]), ("unseen", unseen)):
        log.info("blocks %s: %s", name, _mean_terms(trainee, some, settings))
    save_space(space, out)


class Lessons(Dataset[tuple[PooledFeatures, CaptionBatch]]):
    """Maps the number of a step to pooled pictures and their captions."""

    def __init__(self, blocks: Sequence[CachedBatch], settings: PooledSettings, attacked: Sequence[CachedBatch] = ()):
        self.blocks, self.settings, self.attacked = blocks, settings, attacked

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, number: int) -> tuple[PooledFeatures, CaptionBatch]:
        rng = np.random.default_rng((self.settings.seed, number))
        block = self.blocks[int(rng.integers(len(self.blocks)))]
        if self.attacked:
            block = block.joined(self.attacked[int(rng.integers(len(self.attacked)))])
        others = list(zip(block.others, block.asked, strict=True))
        return block.features, write_captions(block.drawn, self.settings.captions, rng, others)


def _ahead(lessons: Lessons, first: int) -> DataLoader[tuple[PooledFeatures, CaptionBatch]]:
    """The lessons from the first one on, prepared by a separate process during training."""
    return DataLoader(
        lessons,
        batch_size=None,
        sampler=range(first, len(lessons)),
        num_workers=1,
        collate_fn=lambda lesson: lesson,
        worker_init_fn=_ignore_interrupts,
    )


def _ignore_interrupts(_: int) -> None:
    """Ctrl-C reaches both processes, but training still needs lessons until its checkpoint is written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _mean_terms(trainee: PooledTrainee, blocks: Sequence[CachedBatch], settings: PooledSettings) -> dict[str, float]:
    found = []
    for number in range(len(blocks)):
        with torch.no_grad():
            found.append(trainee.pooled_terms(*Lessons(blocks, settings)[number]))
    return {name: round(float(torch.stack([terms[name] for terms in found]).mean()), 4) for name in found[0]}
