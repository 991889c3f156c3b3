"""How good a reconstruction is, and in plain words why it is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.inversion.likeness import SIDE, Likeness, to_side
from mcaclip.perception.base import Identity
from mcaclip.types import AlignedFace

LIKENESS = (1.17, 1.24)
"""What an independent network's cosine falls by with the perceptual distance and its square; see `likeness`."""
POOR_LIKENESS = 0.6
POOR_PART = 0.3
TINY_CROP = 220.0
"""Side of the FFHQ crop in photo pixels; the face itself takes about half of it."""
PROFILE_RATIO = 2.2
OUTSIDE_SHARE = 0.12
REGIONS = {
    "eyes": (0.27, 0.40, 0.73, 0.55),
    "mouth and chin": (0.33, 0.66, 0.67, 0.88),
}
"""Left, top, right, bottom in units of the crop's side."""


@dataclass(frozen=True)
class Quality:
    """Distances of a reconstruction from its photo.

    Attributes:
        identity: cosine of the stack's identities, -1..1. The optimisation maximises it, so it flatters.
        pixel: mean absolute difference at 256 px of values in [0, 1], the face counts three times.
        perceptual: squared difference of the identity network's maps, relative to their size.
        parts: mean absolute difference in [0, 1] of each of `REGIONS`, brightness aligned.
    """

    identity: float
    pixel: float
    perceptual: float
    parts: dict[str, float]


@torch.no_grad()
def measure(identity: Identity, photo: Tensor, reconstruction: Tensor) -> Quality:
    """Compare two FFHQ-aligned pictures `[3, S, S]` in [-1, 1]."""
    likeness = Likeness.of(photo[None], identity)
    made = to_side(reconstruction[None])
    terms = likeness.parts(made, identity)
    difference = (made - likeness.image) / 2
    pixel = float((difference.abs() * likeness.weight).mean())
    parts = {name: _part(difference, box) for name, box in REGIONS.items()}
    return Quality(1 - float(terms["identity"]), pixel, float(terms["feature"]), parts)


def _part(difference: Tensor, box: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = (round(value * SIDE) for value in box)
    region = F.avg_pool2d(difference, 4)[:, :, top // 4 : bottom // 4, left // 4 : right // 4].mean(1)
    return float((region - region.mean()).abs().mean())


def likeness(perceptual: float) -> float:
    """What a face network that nothing is optimised against is likely to say of a reconstruction, a cosine.

    A curve through its answers on 16 portraits, with and without residuals and after few and many steps, found by
    least squares for the compact stack. Single answers lie 0.05 from it for *instant* (root mean square), which it
    rather underrates, and 0.01 for *good*. The identity that the optimisation maximises cannot say it, being near 1
    from the first steps on.
    """
    linear, square = LIKENESS
    return 1 - linear * perceptual - square * perceptual**2


def is_poor(perceptual: float) -> bool:
    """Whether a reconstruction should be called a poor likeness; see `Quality` for the argument."""
    return likeness(perceptual) < POOR_LIKENESS


def warnings(aligned: AlignedFace, quality: Quality, effort: str) -> tuple[str, ...]:
    """What to tell the user: nothing for a good reconstruction, else that it is poor, why, and what to do."""
    worst = max(quality.parts, key=lambda name: quality.parts[name])
    odd = quality.parts[worst] > POOR_PART
    if not odd and not is_poor(quality.perceptual):
        return ()
    reasons = _reasons(aligned)
    if odd:
        cause = "glasses or closed eyes" if worst == "eyes" else "a hand or something else in front of the face"
        reasons.append(f"the {worst} came out differently ({cause}, perhaps)")
    advice = "" if effort == "best" else " The effort best takes longer and comes closer."
    because = "; ".join(reasons) if reasons else "no clear reason was found"
    return (f"The reconstruction is a poor likeness: {because}. A frontal, sharp photo works best.{advice}",)


def _reasons(aligned: AlignedFace) -> list[str]:
    """What about the photo makes reconstruction hard."""
    reasons = []
    if aligned.quad is not None:
        side = float(np.linalg.norm(aligned.quad[3] - aligned.quad[0]))
        if side < TINY_CROP:
            reasons.append(f"the face is tiny (about {side / 2:.0f} pixels wide)")
    if aligned.landmarks is not None and _turned(aligned.landmarks):
        reasons.append("the head is turned to the side")
    if float(1 - np.asarray(aligned.valid).mean()) > OUTSIDE_SHARE:
        reasons.append("a part of the head lies outside the photo")
    return reasons


def _turned(landmarks: np.ndarray) -> bool:
    """Whether the nose is far nearer to one side of the jaw than to the other."""
    across = landmarks[16] - landmarks[0]
    place = float(np.dot(landmarks[30] - landmarks[0], across) / max(float(np.dot(across, across)), 1e-9))
    place = min(max(place, 1e-3), 1 - 1e-3)
    return max(place / (1 - place), (1 - place) / place) > PROFILE_RATIO
