"""`python -m train faceclip-eyes`: FaceCLIP's image tower learns on, while every text keeps its code.

Nearly all the time of FaceCLIP's training goes into painting, parsing and the text tower. Here each picture is
painted and pooled once; the layers that judge what was pooled then see it many times, in batches that are several
times larger. The text tower stays as it is, and with it every network that was taught its codes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mcaclip.errors import TrainingError
from mcaclip.text.clip_space import ClipSpace
from mcaclip.text.face_tower import FaceTower, Look
from train.faceclip import FaceCLIPSettings, adamw, draw_batch, match_terms, save_space
from train.faceclip_negatives import Attack, no_faces
from train.loop import LoopSettings, TrainingLoop
from train.scenes import SceneSet

log = logging.getLogger(__name__)
CHUNK = 32
"""Pictures that are pooled at a time."""
CAPTIONS = 256
"""Captions that are read at a time."""
ATTACK_STEPS = 3
"""Steps of the attack a block."""


@dataclass(frozen=True)
class EyesSettings:
    """Settings of the training.

    Attributes:
        blocks: batches that are painted.
        block: how one is drawn; see `FaceCLIPSettings`.
        noise: deviation of the noise on what was pooled, in its own: a picture is seen many times.
        kept: share of the weights as they were in what is written: the mean of both reads unseen wordings better
            than either.
    """

    blocks: int = 150
    block: FaceCLIPSettings = field(default_factory=lambda: FaceCLIPSettings(groups=40, captions=3, broken=6))
    noise: float = 0.03
    kept: float = 0.4
    steps: int = 6000
    lr: float = 4e-4
    weight_decay: float = 0.05
    seed: int = 91


@dataclass(frozen=True)
class Block:
    """A batch as the judging layers meet it.

    Attributes:
        look: of all pictures.
        captions: `C` of them.
        fits: `[B, C]`, see `train.faceclip.Batch`.
        pairs: `[P, 3]`, see there.
    """

    look: Look
    captions: list[str]
    fits: Tensor
    pairs: Tensor

    def save(self, path: Path) -> None:
        """Write everything, in half precision."""
        kept: dict[str, Any] = {
            "found": self.look.found.half().numpy(),
            "whole": self.look.whole.half().numpy(),
            "captions": np.array(self.captions),
            "fits": self.fits.to(torch.int8).numpy(),
            "pairs": self.pairs.numpy(),
        }
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            np.savez(file, **kept)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Block:
        """As it was saved."""
        with np.load(path) as kept:
            look = Look(torch.from_numpy(kept["found"]), torch.from_numpy(kept["whole"]))
            fits, pairs = torch.from_numpy(kept["fits"]), torch.from_numpy(kept["pairs"])
            return cls(look, kept["captions"].tolist(), fits, pairs)


def face_tower(space: ClipSpace) -> FaceTower:
    """The image tower of a FaceCLIP."""
    tower = space.model.visual.trunk
    assert isinstance(tower, FaceTower)
    return tower


def make_blocks(
    space: ClipSpace,
    scenes: SceneSet,
    groups: Sequence[np.ndarray],
    settings: EyesSettings,
    folder: Path,
    attack: Attack | None = None,
    max_minutes: float = 1e9,
) -> list[Path]:
    """Paint and pool what is not in the folder yet, as far as the minutes go.

    Args:
        groups: faces to draw from, see `train.faceclip.rare_faces`.
        attack: makes pictures that fool the towers as they are; None for none.

    Returns:
        Files of the blocks that are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"block_{number:04d}.npz" for number in range(settings.blocks)]
    parser = space.model.visual.trunk.parser.to(memory_format=torch.channels_last)  # half the time
    end = time.monotonic() + 60 * max_minutes
    for number, path in enumerate(paths):
        if path.exists():
            continue
        if time.monotonic() > end:
            break
        rng = np.random.default_rng((settings.seed, number))
        more = no_faces(scenes, groups[0], settings.block.broken, rng)
        if attack is not None:
            for _ in range(ATTACK_STEPS):
                attack.advance(space, rng)
            more += attack.examples(scenes, groups[0], settings.block.broken, rng)
        batch = draw_batch(scenes, groups, settings.block, rng, more)
        Block(pooled(space, batch.images), batch.captions, batch.fits, batch.pairs).save(path)
        log.info("painted %d of %d", number + 1, settings.blocks)
    parser.to(memory_format=torch.contiguous_format)
    return [path for path in paths if path.exists()]


@torch.no_grad()
def pooled(space: ClipSpace, images: Tensor) -> Look:
    """What the tower pools of pictures `[B, 3, S, S]` in [-1, 1], as the space shows them to it."""
    looks = []
    for piece in images.split(CHUNK):
        with torch.autocast(images.device.type, torch.bfloat16):
            looks.append(face_tower(space).look(space.normalised(piece)))
    return Look(torch.cat([x.found for x in looks]).float(), torch.cat([x.whole for x in looks]).float())


class Eyes(nn.Module):
    """The layers that judge what was pooled, with noise on it while they learn."""

    def __init__(self, space: ClipSpace, noise: float):
        super().__init__()
        self.tower, self.noise = face_tower(space), noise
        self.logit_scale = space.model.logit_scale

    def forward(self, look: Look) -> Tensor:
        """Features `[B, D]`."""
        if not self.training:
            return self.tower.judge(look)
        found, whole = (x + self.noise * x.std(0) * torch.randn_like(x) for x in (look.found, look.whole))
        # an area that is not there stays away
        return self.tower.judge(Look(found * (look.found != 0), whole))


@dataclass(frozen=True)
class _Lesson:
    """A block with its captions' codes `[C, D]`, which do not change."""

    block: Block
    said: Tensor

    def terms(self, eyes: Eyes) -> dict[str, Tensor]:
        look = Look(self.block.look.found.float(), self.block.look.whole.float())
        raw = eyes(look)
        return match_terms(raw, self.said, eyes.logit_scale, self.block.fits, self.block.pairs)


def train_eyes(
    space: ClipSpace, blocks: Sequence[Path], settings: EyesSettings, out: Path, max_minutes: float = 1e9
) -> None:
    """Train the judging layers in place, and write all of FaceCLIP to `model.safetensors` (float16) in `out`.

    The last block takes no part: the loss on it and on the first one is written down at the end.

    Raises:
        TrainingError: fewer than two blocks.
    """
    if len(blocks) < 2:
        raise TrainingError(f"{len(blocks)} painted blocks are too few to learn from: allow more --max-minutes")
    lessons = [_lesson(space, path) for path in blocks]
    eyes = Eyes(space, settings.noise).train()
    for name, weight in eyes.named_parameters():
        weight.requires_grad_(not name.startswith(("tower.parser", "tower.texture")))
    optimizer = adamw(space, eyes.parameters(), settings.lr, settings.weight_decay)
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.998, warmup=100)
    before = {name: tensor.clone() for name, tensor in eyes.state_dict().items() if tensor.is_floating_point()}
    loop = TrainingLoop(eyes, optimizer, loop_settings, out, asdict(settings))

    def step(number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        terms = lessons[int(rng.integers(len(lessons) - 1))].terms(eyes)
        return {"loss": terms["contrast"] + terms["twins"], **terms}

    loop.run(step)
    after = loop.averaged_state()
    eyes.load_state_dict(after | {name: torch.lerp(after[name], old, settings.kept) for name, old in before.items()})
    eyes.requires_grad_(False).eval()
    for name, lesson in (("seen", lessons[0]), ("unseen", lessons[-1])):
        log.info("a block %s: %s", name, {k: round(float(v), 4) for k, v in lesson.terms(eyes).items()})
    save_space(space, out)


def _lesson(space: ClipSpace, path: Path) -> _Lesson:
    block = Block.load(path)
    texts = [block.captions[start : start + CAPTIONS] for start in range(0, len(block.captions), CAPTIONS)]
    with torch.no_grad():
        return _Lesson(block, torch.cat([space.text_features(some) for some in texts]))
