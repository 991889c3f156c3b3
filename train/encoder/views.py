"""What the frozen backbone sees of the pool's faces, computed once: degraded inputs for the encoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.inversion.encoder import PIXELS, View, view_of
from mcaclip.perception.identity import FaceIdentity
from mcaclip.types import to_uint8
from train.common.arrays import open_array, read_count, write_count
from train.encoder.degrade import Degradation, degrade
from train.encoder.pool import Pool

log = logging.getLogger(__name__)
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
    """Views of all faces of the pool, degraded; goes on where an earlier call stopped.

    Args:
        capacity: the size that the pool may have in the end.

    Returns:
        The views that are done; they may be fewer than the pool's faces.
    """
    done_file = folder / f"views_{seed}.done"
    arrays = {}
    for name, shape in SHAPES.items():
        file = folder / f"views_{seed}_{name}.npy"
        arrays[name] = open_array(file, (capacity, *shape), np.uint8 if name == "pixels" else np.float16)
    done = read_count(done_file, capacity)
    started = time.monotonic()
    while done < len(pool) and time.monotonic() - started < 60 * minutes:
        index = np.arange(done, min(done + CHUNK, len(pool)))
        view = view_of(identity, degraded(pool, index, how, seed).to(identity.center.device))
        for name, values in zip(SHAPES, view, strict=True):
            if name == "pixels":
                arrays[name][index] = np.stack([to_uint8(v) for v in values]).transpose(0, 3, 1, 2)
            else:
                arrays[name][index] = values.half().cpu().numpy()
        done = int(index[-1]) + 1
        write_count(done_file, done)
        if done % (CHUNK * 50) == 0:
            log.info("views %d: face %d of %d, %.0f s", seed, done, len(pool), time.monotonic() - started)
    return ViewCache(arrays, min(done, len(pool)))
