"""Features of the pool's degraded faces from the frozen backbone, computed once: the encoder's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.inversion.encoder import PIXELS, View, view_of
from mcaclip.perception.identity import FaceIdentity
from mcaclip.types import to_uint8
from train.common.arrays import open_array, read_count, unfinished
from train.encoder.degrade import Degradation, degrade
from train.encoder.pool import Pool

CHUNK = 16
SHAPES = {
    "pixels": (3, PIXELS, PIXELS),
    "fine": (64, 17, 17),
    "middle": (128, 8, 8),
    "coarse": (256, 4, 4),
    "descriptor": (128,),
}


@dataclass(frozen=True)
class ViewCache:
    """Views of degraded faces on disk, float16 (pixels uint8), by name of the view's fields."""

    arrays: Mapping[str, np.ndarray]
    count: int

    def batch(self, index: np.ndarray) -> View:
        """The view of the faces `index [B]`."""
        return View(*(_restore(self.arrays[name][index]) for name in SHAPES))


def _restore(values: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(values).float()
    return tensor / 127.5 - 1 if values.dtype == np.uint8 else tensor


def degraded(pool: Pool, index: np.ndarray, how: Degradation, seed: int) -> Tensor:
    """Degraded pictures `[B, 3, 256, 256]` in [-1, 1]; the same for the same face and seed."""
    pictures = []
    for face in index:
        picture = np.ascontiguousarray(pool.images[face].transpose(1, 2, 0))
        changed = degrade(picture, np.random.default_rng((seed, int(face))), how)
        pictures.append(torch.from_numpy(changed.transpose(2, 0, 1).copy()))
    return torch.stack(pictures).float() / 127.5 - 1


@torch.no_grad()
def cache_views(
    pool: Pool, identity: FaceIdentity, how: Degradation, seed: int, folder: Path, capacity: int, minutes: float = 1e9
) -> ViewCache:
    """Views of the pool's faces, degraded, as many as are finished in time; an earlier call is continued.

    Args:
        capacity: the size that the pool may have in the end.
    """
    arrays = {
        name: open_array(
            folder / f"views_{seed}_{name}.npy", (capacity, *shape), np.uint8 if name == "pixels" else np.float16
        )
        for name, shape in SHAPES.items()
    }
    done_file = folder / f"views_{seed}.done"
    if read_count(done_file, capacity) < len(pool):
        for index in map(np.array, unfinished(done_file, len(pool), minutes, size=CHUNK)):
            view = view_of(identity, degraded(pool, index, how, seed).to(identity.center.device))
            for name, values in zip(SHAPES, view, strict=True):
                if name == "pixels":
                    arrays[name][index] = np.stack([to_uint8(v) for v in values]).transpose(0, 3, 1, 2)
                else:
                    arrays[name][index] = values.half().cpu().numpy()
    return ViewCache(arrays, min(read_count(done_file, capacity), len(pool)))
