"""Pictures that are painted and pooled once, and that FaceCLIP learns from many times.

Nearly all of the time of FaceCLIP's training goes into painting and parsing. Here the image tower's pooling, which
hardly learns any more, runs once per picture; its features are kept with what the picture shows, so that each use
of the picture can draw new captions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.clip.face_tower import FaceTower, PooledFeatures
from train.clip.negatives import Attack, no_faces
from train.clip.scenes.scenes import SceneSet
from train.clip.scenes.types import Caption, Scene, read_captions, read_scenes, to_json
from train.clip.train import FaceCLIPSettings, draw_pictures
from train.common.arrays import unusable

log = logging.getLogger(__name__)
CHUNK = 32
"""Pictures that are pooled at a time."""
ATTACKED = 24
"""Attacked pictures in a block of them."""


@dataclass(frozen=True)
class CachedBatch:
    """Pooled pictures, and what they show.

    Attributes:
        features: of all pictures.
        drawn: what the first pictures show; captions are drawn from these.
        others: what the last pictures, broken and attacked ones, are known to show.
        asked: a caption for each of `others` that it is compared with, true or not.
    """

    features: PooledFeatures
    drawn: list[Scene]
    others: list[Scene]
    asked: list[Caption]

    def joined(self, other: CachedBatch) -> CachedBatch:
        """This block followed by one without drawn scenes; raises ValueError for other blocks."""
        if other.drawn:
            raise ValueError("a block of drawn pictures cannot come behind others")
        mine, others = self.features, other.features
        features = PooledFeatures(torch.cat([mine.found, others.found]), torch.cat([mine.whole, others.whole]))
        return CachedBatch(features, self.drawn, self.others + other.others, self.asked + other.asked)

    def save(self, path: Path) -> None:
        """Write everything, in half precision."""
        kept = {
            "found": self.features.found.half().numpy(),
            "whole": self.features.whole.half().numpy(),
            "drawn": np.array(to_json(self.drawn)),
            "others": np.array(to_json(self.others)),
            "asked": np.array(to_json(self.asked)),
        }
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            np.savez(file, **kept)  # type: ignore[arg-type]
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> CachedBatch:
        """A saved block; its features stay in half precision.

        Raises:
            TrainingError: the file is damaged.
        """
        try:
            with np.load(path) as kept:
                features = PooledFeatures(torch.from_numpy(kept["found"]), torch.from_numpy(kept["whole"]))
                drawn, others = (read_scenes(str(kept[name])) for name in ("drawn", "others"))
                block = cls(features, drawn, others, read_captions(str(kept["asked"])))
            if len(features.found) != len(features.whole) or len(drawn) + len(others) != len(features.found):
                raise ValueError("its parts are not of the same pictures")
            if not (features.found.isfinite().all() and features.whole.isfinite().all()):
                raise ValueError("its figures are not finite")
        except Exception as error:  # whatever unpacking garbage raises
            raise unusable(path, f"it is no block of pictures ({' '.join(str(error).split())[:200]})") from error
        return block


def face_tower(space: ClipSpace) -> FaceTower:
    """The image tower of a FaceCLIP."""
    tower = space.model.visual.trunk
    assert isinstance(tower, FaceTower)
    return tower


def make_blocks(
    space: ClipSpace,
    scenes: SceneSet,
    groups: Sequence[np.ndarray],
    settings: FaceCLIPSettings,
    count: int,
    folder: Path,
    max_minutes: float = 1e9,
) -> list[Path]:
    """Paint and pool the blocks that are not in the folder yet, as far as the minutes go.

    Args:
        groups: faces to draw from, see `train.clip.train.rare_faces`.
        settings: of a batch; each block is one batch.
        count: blocks in all.

    Returns:
        Files of the blocks that are there.
    """
    parser = space.model.visual.trunk.parser.to(memory_format=torch.channels_last)  # half the time
    end = time.monotonic() + 60 * max_minutes

    def painted(number: int) -> CachedBatch | None:
        if time.monotonic() > end:
            return None
        rng = np.random.default_rng((settings.seed, number))
        more = no_faces(scenes, groups[0], settings.broken, rng)
        images, drawn = draw_pictures(scenes, groups, settings, rng, more)
        return CachedBatch(pool_pictures(space, images), drawn, [x.scene for x in more], [x.caption for x in more])

    paths = _make_missing([folder / f"block_{number:04d}.npz" for number in range(count)], painted)
    parser.to(memory_format=torch.contiguous_format)
    return paths


def make_attacked(
    space: ClipSpace,
    attack: Attack,
    scenes: SceneSet,
    faces: np.ndarray,
    count: int,
    folder: Path,
    seed: int,
    max_minutes: float = 1e9,
) -> list[Path]:
    """Blocks of pictures that attacks on the space have made, and of faces on which their prompts are painted.

    Args: see `make_blocks`, and
        faces: to paint on.
    """
    end = time.monotonic() + 60 * max_minutes

    def attacked(number: int) -> CachedBatch | None:
        rng = np.random.default_rng((seed, number))
        attack.pool.clear()
        while len(attack.pool) < ATTACKED and time.monotonic() < end:
            attack.advance(space, rng)
        examples = attack.examples(scenes, faces, ATTACKED, rng)
        if not examples:
            return None
        features = pool_pictures(space, torch.stack([x.picture for x in examples]))
        return CachedBatch(features, [], [x.scene for x in examples], [x.caption for x in examples])

    return _make_missing([folder / f"attacked_{number:04d}.npz" for number in range(count)], attacked)


def _make_missing(paths: Sequence[Path], make: Callable[[int], CachedBatch | None]) -> list[Path]:
    """Make and save the blocks that do not exist yet, until `make` returns None; returns the files that exist."""
    for number, path in enumerate(paths):
        if path.exists():
            continue
        block = make(number)
        if block is None:
            break
        path.parent.mkdir(parents=True, exist_ok=True)
        block.save(path)
        log.info("%s is written, %d in all", path.name, len(paths))
    return [path for path in paths if path.exists()]


@torch.no_grad()
def pool_pictures(space: ClipSpace, images: Tensor) -> PooledFeatures:
    """What the tower pools of pictures `[B, 3, S, S]` in [-1, 1]."""
    with torch.autocast(images.device.type, torch.bfloat16):
        pooled = [face_tower(space).pool_features(space.normalised(piece)) for piece in images.split(CHUNK)]
    return PooledFeatures(torch.cat([x.found for x in pooled]).float(), torch.cat([x.whole for x in pooled]).float())
