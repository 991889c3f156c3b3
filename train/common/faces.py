"""Faces for training: W+ codes of several kinds and, where needed, their pictures, all from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.generators.base import NUM_WS, W_DIM, Generator, broadcast_w, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.platform.digests import sha256_of
from train.common.arrays import open_array, read_count, unfinished

CODES = f"Codes of faces are one tensor of numbers [N, {NUM_WS}, {W_DIM}] in a file of torch.save."


class Faces(Protocol):
    """Where a training takes its faces from."""

    def draw(self, generator: Generator, count: int, rng: np.random.Generator) -> Tensor:
        """Codes `[count, 18, 512]` on the generator's device."""
        ...


@dataclass(frozen=True)
class CodeSampler:
    """Draws W+ codes.

    Attributes:
        psi: range of the truncation, drawn uniformly per face.
        mix: probability that rows above a random crossover come from another face.
        jitter: largest per-row Gaussian offset, in standard deviations of w.
        common: largest Gaussian offset that all rows share, in standard deviations of w. Codes of inverted photos
            have such offsets: where w hardly varies, they deviate two to three times as far.
        shift: probability of a strong shift on a random range of rows, which moves features as far from natural
            faces as a counterfactual edit does.
    """

    psi: tuple[float, float] = (0.5, 1.0)
    mix: float = 0.25
    jitter: float = 0.3
    shift: float = 0.0
    common: float = 0.0

    def draw(self, generator: Generator, count: int, rng: np.random.Generator) -> Tensor:
        """`[count, 18, 512]` codes."""
        w = self._w(generator, count, rng)
        other = self._w(generator, count, rng)
        w_std = (w - generator.w_avg).std()
        codes = broadcast_w(w)
        for index in range(count):
            if rng.random() < self.mix:
                codes[index, rng.integers(3, 14) :] = other[index]
            scale = self.jitter * rng.random() * w_std
            codes[index] += scale * torch.from_numpy(rng.standard_normal((NUM_WS, 512)).astype(np.float32)).to(codes)
            if self.common:
                shared = torch.from_numpy(rng.standard_normal(512).astype(np.float32)).to(codes)
                codes[index] += self.common * rng.random() * w_std * shared
            if rng.random() < self.shift:
                first = rng.integers(0, 14)
                last = rng.integers(first + 1, NUM_WS)
                direction = (other[index] - generator.w_avg) * float(rng.uniform(-3, 3))
                codes[index, first:last] += direction
        return codes

    def _w(self, generator: Generator, count: int, rng: np.random.Generator) -> Tensor:
        z = torch.from_numpy(rng.standard_normal((count, 512)).astype(np.float32))
        psi = torch.from_numpy(rng.uniform(*self.psi, (count, 1)).astype(np.float32))
        return truncate(generator.mapping(z.to(generator.w_avg.device)), generator.w_avg, psi.to(generator.w_avg))


@dataclass(frozen=True, eq=False)
class RealCodes:
    """Known codes, for instance e4e's of the photos of CelebA-HQ, in place of generated ones.

    Attributes:
        codes: `float32 [N, 18, 512]`.
        sha256: digest of their file.
    """

    codes: Tensor
    sha256: str

    @classmethod
    def read(cls, file: Path) -> RealCodes:
        """Codes as StyleCLIP and CF-CLIP publish them: one tensor `[N, 18, 512]` that `torch.save` wrote.

        Raises:
            TrainingError: the file is missing or damaged, holds more than a tensor, or one of another shape.
        """
        try:
            codes = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever unpacking garbage raises
            raise TrainingError(f"--codes {file} is missing, damaged or no file of a tensor. {CODES}") from error
        if not isinstance(codes, Tensor):
            raise TrainingError(f"--codes {file} holds a {type(codes).__name__}, not a tensor. {CODES}")
        if codes.shape[1:] != (NUM_WS, W_DIM) or not len(codes) or not codes.is_floating_point():
            kind = str(codes.dtype).removeprefix("torch.")
            raise TrainingError(f"--codes {file} holds {kind} {list(codes.shape)}. {CODES}")
        if not codes.isfinite().all():
            raise TrainingError(f"--codes {file} holds values that are no numbers: encode the photos again.")
        return cls(codes.float(), sha256_of(file))

    def draw(self, generator: Generator, count: int, rng: np.random.Generator) -> Tensor:
        """`[count, 18, 512]`, each of the faces with the same chance."""
        return self.codes[rng.integers(len(self.codes), size=count)].to(generator.w_avg.device)


@dataclass(frozen=True)
class FaceSet:
    """`codes float32 [N, 18, 512]` and `images float16 [N, 3, 256, 256]`, the area-downsampled 1024 px pictures."""

    codes: Tensor
    images: Tensor


@torch.no_grad()
def collect_faces(
    generator: Generator, sampler: CodeSampler, count: int, seed: int, cache: Path, minutes: float = 1e9
) -> FaceSet:
    """Generate `count` faces at full size and shrink them to 256 px, or continue where an earlier call stopped."""
    cache.mkdir(parents=True, exist_ok=True)
    codes = sampler.draw(generator, count, np.random.default_rng(seed))
    file = cache / f"faces_{seed}_{count}.npy"
    images = open_array(file, (count, 3, 256, 256), np.float16)
    for (index,) in unfinished(file.with_suffix(".done"), count, minutes, images):
        picture = synthesize(generator, codes[index : index + 1]).image
        images[index] = F.adaptive_avg_pool2d(picture, 256)[0].half().cpu().numpy()
    done = read_count(file.with_suffix(".done"), count)
    return FaceSet(codes[:done], torch.from_numpy(np.asarray(images[:done])))


@torch.no_grad()
def hold_rows(shift: Tensor, longest: float) -> None:
    """Shorten, in place, those rows of a shift `[B, 18, 512]` whose L2 norm exceeds `longest`."""
    shift.mul_((longest / shift.norm(dim=2, keepdim=True).clamp_min(1e-6)).clamp(max=1))
