"""The faces that the inversion encoder learns from: W+ codes and their 256 px pictures, rendered once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.generators.base import NUM_WS, W_DIM
from mcaclip.generators.preview import PREVIEW_SIZE, PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from train.common.arrays import open_array, read_count, unfinished
from train.common.faces import CodeSampler

FLUSH_EVERY = 25
DRAWN_AT_ONCE = 250


@dataclass(frozen=True)
class Pool:
    """`codes float32 [N, 18, 512]` on the CPU and `images uint8 [N, 3, 256, 256]` (a memory map)."""

    codes: Tensor
    images: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def first(self, count: int) -> Pool:
        """The first `count` faces."""
        return Pool(self.codes[:count], self.images[:count])

    def pictures(self, index: np.ndarray) -> Tensor:
        """Pictures `[B, 3, 256, 256]` in [-1, 1] of the faces `index [B]`."""
        return torch.from_numpy(self.images[index]).float() / 127.5 - 1


@torch.no_grad()
def render_pool(
    generator: PreviewGenerator, sampler: CodeSampler, count: int, seed: int, folder: Path, minutes: float = 1e9
) -> Pool:
    """Render up to `count` faces; an earlier call is continued, at most 25 faces back.

    Codes are drawn `DRAWN_AT_ONCE` at a time, so that a short call does not draw codes that it never renders. The
    layers compute in bfloat16, which halves the time on a CPU that supports it and changes pixels by less than one
    of 256 levels.

    Returns:
        The finished faces.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, done_file = folder / f"faces_{seed}_{count}.npy", folder / f"faces_{seed}_{count}.done"
    images = open_array(file, (count, 3, PREVIEW_SIZE, PREVIEW_SIZE), np.uint8)
    done = read_count(done_file, count)
    codes = [_draw(generator, sampler, seed, first) for first in range(0, done, DRAWN_AT_ONCE)]
    device = generator.w_avg.device
    for (index,) in unfinished(done_file, count, minutes, images, every=FLUSH_EVERY):
        if index % DRAWN_AT_ONCE == 0:
            codes.append(_draw(generator, sampler, seed, index))
        code = codes[-1][index % DRAWN_AT_ONCE].to(device)
        with torch.autocast(device.type, torch.bfloat16):
            picture = synthesize(generator, code[None]).image[0].float()
        images[index] = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
    done = read_count(done_file, count)
    return Pool(torch.cat([torch.empty(0, NUM_WS, W_DIM), *codes])[:done], images[:done])


def _draw(generator: PreviewGenerator, sampler: CodeSampler, seed: int, first: int) -> Tensor:
    """The codes of the faces from number `first` on, `[DRAWN_AT_ONCE, 18, 512]` on the CPU."""
    return sampler.draw(generator, DRAWN_AT_ONCE, np.random.default_rng((seed, first))).cpu()
