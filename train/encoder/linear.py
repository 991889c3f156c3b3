"""The encoder's linear path: ridge regression from views to w in closed form, reduced to a low rank."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from mcaclip.inversion.encoder import FaceEncoder, View, flatten
from train.encoder.views import ViewCache

log = logging.getLogger(__name__)
RIDGES = (0.4, 0.8, 1.6, 3.2)
SHARES = tuple(step / 10 for step in range(11))
MOST_FACES = 6000
"""Memory grows with their number and time with its cube: 6000 take 2 GB and a minute on one core."""


@torch.no_grad()
def flat_views(caches: list[ViewCache], first: int, end: int) -> Tensor:
    """`[end - first, 19584]`; the caches take turns, so that every degradation occurs."""
    return torch.cat([flatten(_view(caches, face)) for face in range(first, end)])


def _view(caches: list[ViewCache], face: int) -> View:
    return caches[face % len(caches)].batch(np.array([face]))


@torch.no_grad()
def fit_linear(encoder: FaceEncoder, codes: Tensor, caches: list[ViewCache], held_out: int) -> dict[str, float]:
    """Solve the ridge, and blend it with what the convolutional path has learned.

    The features are scaled so that every kind of map has the same total variance. The ridge's strength and the share
    of each path are chosen on the last `held_out` faces; `encoder` then holds the blend. Only the last
    `MOST_FACES` faces are used.

    Args:
        encoder: on the CPU.
        codes: `[N, 18, 512]`, those of the cached views.

    Returns:
        The explained variance of the base row on the held-out faces: linear, convolutional, blended.
    """
    first, count = max(0, len(codes) - MOST_FACES), len(codes)
    x, scale, mean = _standardised(flat_views(caches, first, count), held_out)
    codes = codes[first:]
    true = (codes[:, 0] - encoder.w_mean) / encoder.w_std
    middle = true[:-held_out].mean(0)
    gram = x @ x.T
    train, test = gram[:-held_out, :-held_out], gram[-held_out:, :-held_out]
    eye = torch.eye(len(train))
    solutions = {ridge: torch.linalg.solve(train + ridge * eye, true[:-held_out] - middle) for ridge in RIDGES}
    explained = {ridge: _explained(test @ s + middle, true[-held_out:]) for ridge, s in solutions.items()}
    ridge = max(explained, key=lambda key: explained[key])
    log.info("ridge: %s", explained)
    solution = solutions[ridge]
    _, directions = torch.linalg.eigh((train @ solution).T @ (train @ solution))
    kept = directions[:, -encoder.project.out_features :]
    weight = (x[:-held_out].T @ (solution @ kept)).T * scale
    linear = test @ solution @ kept @ kept.T + middle
    deep = _convolutional(encoder, caches, count, held_out)
    scores = {share: _explained(share * linear + (1 - share) * deep, true[-held_out:]) for share in SHARES}
    share = max(scores, key=lambda key: scores[key])
    encoder.project.weight.copy_(weight)
    encoder.project.bias.copy_(-weight @ mean)
    encoder.spread.weight.copy_(share * kept)
    head = encoder.base[-1]
    assert isinstance(head, torch.nn.Linear)
    head.weight.mul_(1 - share)
    head.bias.mul_(1 - share).add_(share * middle)
    explained_by = {"linear": scores[1.0], "convolutional": scores[0.0], "blend": scores[share]}
    return {**explained_by, "share": share, "ridge": ridge}


def _standardised(x: Tensor, held_out: int) -> tuple[Tensor, Tensor, Tensor]:
    """Centred features, each kind with a total variance of one; their scale and mean."""
    mean = x[:-held_out].mean(0)
    x = x - mean
    sizes = (3 * 32**2, 64 * 8**2, 128 * 8**2, 256 * 4**2, 128)
    factors = [1 / part[:-held_out].square().sum(1).mean().sqrt() for part in x.split(sizes, dim=1)]
    scale = torch.stack(factors).repeat_interleave(torch.tensor(sizes))
    return x * scale, scale, mean


def _explained(guess: Tensor, true: Tensor) -> float:
    return 1 - float((guess - true).square().sum() / true.square().sum())


def _convolutional(encoder: FaceEncoder, caches: list[ViewCache], count: int, held_out: int) -> Tensor:
    """The base that the convolutional path alone gives for the held-out faces."""
    encoder.eval()
    return torch.cat([encoder(_view(caches, face))[0] for face in range(count - held_out, count)])
