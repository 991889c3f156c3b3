"""Directions in W that change one measure of faces and hold the others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mcaclip.editing.network.direction_edit import SHAPING_ROWS
from mcaclip.errors import TrainingError
from mcaclip.platform.atomic import written_whole

RIDGE = 1e-2
"""Weight of the ridge, relative to the mean variance of w."""
HELD = 30.0
"""Weight of a held measure's change, in standard deviations squared, against the shift's own squared size (in
standard deviations of w)."""
LARGEST = 3.0
"""Standard deviations beyond which a measure is cut off, so that single failures of a network do not count."""


@dataclass(frozen=True)
class Regression:
    """How measures depend on w.

    Attributes:
        names: of the measures.
        slopes: `[M, 512]`, in standard deviations of each measure.
        mean: `[M]`.
        deviation: `[M]`.
        w_avg: `[512]`.
        covariance: of w, `[512, 512]`.
        explained: share of the variance on faces that were held out, `[M]`.
    """

    names: Sequence[str]
    slopes: Tensor
    mean: Tensor
    deviation: Tensor
    w_avg: Tensor
    covariance: Tensor
    explained: Tensor

    def slope(self, rises: Mapping[str, float]) -> Tensor:
        """How a weighted sum of measures depends on w, `[512]`; the weights are scaled to a norm of 1.

        Raises:
            TrainingError: no such measure.
        """
        if strange := sorted(set(rises) - set(self.names)):
            raise TrainingError(
                f"the faces were not measured for {', '.join(strange)}: run `python -m train directions`"
            )
        slopes = torch.stack([weight * self.slopes[self.names.index(name)] for name, weight in rises.items()])
        return slopes.sum(0) / sum(weight**2 for weight in rises.values()) ** 0.5

    def level(self, codes: Tensor, rises: Mapping[str, float]) -> Tensor:
        """How much of a weighted sum of measures codes `[B, 18, 512]` show, `[B]`, in standard deviations."""
        level: Tensor = (codes[:, :SHAPING_ROWS].mean(1) - self.w_avg) @ self.slope(rises)
        return level

    def direction(self, rises: Mapping[str, float], free: Sequence[str] = ()) -> Tensor:
        """The smallest shift `[512]` that raises a weighted sum of measures by one standard deviation.

        Measures that are neither in `rises` nor `free` are held. Size is measured by the covariance of w, so that a
        shift stays among natural faces.
        """
        target = self.slope(rises)
        held = [n for n, name in enumerate(self.names) if name not in rises and name not in free]
        ridge = RIDGE * self.covariance.diagonal().mean() * torch.eye(len(self.w_avg))
        size = torch.linalg.inv(self.covariance + ridge)
        metric = size + HELD * self.slopes[held].T @ self.slopes[held]
        shift = torch.linalg.solve(metric, target)
        return shift / (target @ shift)


def regress(w: Tensor, measures: Mapping[str, Tensor], w_avg: Tensor, held_out: float = 0.1) -> Regression:
    """A ridge regression of measures, each `[N]`, on codes `[N, 512]`; the last share of them is held out."""
    values = torch.stack(list(measures.values()), 1)
    mean, deviation = values.mean(0), values.std(0).clamp_min(1e-6)
    scores, offsets = ((values - mean) / deviation).clamp(-LARGEST, LARGEST), w - w_avg
    kept = round((1 - held_out) * len(w))

    def slopes(x: Tensor, z: Tensor) -> Tensor:
        covariance = x.T @ x / len(x)
        ridge = RIDGE * covariance.diagonal().mean() * torch.eye(x.shape[1])
        return torch.linalg.solve(covariance + ridge, x.T @ (z - z.mean(0)) / len(x)).T

    guess = offsets[kept:] @ slopes(offsets[:kept], scores[:kept]).T + scores[:kept].mean(0)
    explained = 1 - (scores[kept:] - guess).square().mean(0) / scores[kept:].var(0)
    covariance = offsets.T @ offsets / len(w)
    return Regression(list(measures), slopes(offsets, scores), mean, deviation, w_avg, covariance, explained)


_TENSORS = ("slopes", "mean", "deviation", "w_avg", "covariance", "explained")


def save_regression(regression: Regression, path: Path) -> None:
    """Write a safetensors file. Raises OSError."""
    tensors = {name: getattr(regression, name).contiguous() for name in _TENSORS}
    with written_whole(path) as temporary:
        save_file(tensors, temporary, {"names": json.dumps(list(regression.names))})


def load_regression(path: Path) -> Regression:
    """Read it again.

    Raises:
        TrainingError: missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            names = json.loads(file.metadata()["names"])
            return Regression(names, **{name: file.get_tensor(name) for name in _TENSORS})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{path} holds no measured directions ({error}): make them with `python -m train directions`"
        ) from error
