"""Generated faces that are hard to edit: turned away, behind glasses, under a hat, as in the paper's Figure 5.

They are chosen from the seeds 0 to 499 by the parsing head at 256 px, on pictures of the compact stack's preview:

- profiles: truncation 1.0, where faces turn further; the four with the largest distance between the centres of nose
  and skin, in square roots of the skin's area (0.31 to 0.42; a face that looks ahead has less than 0.05). Broken
  pictures, with less than 6000 px of skin or 300 px of nose, do not count;
- glasses and hats: truncation 0.7; the two with the largest share of the class in the face's pixels (at least 0.135
  for glasses, 0.17 for hats).

The paper stack has the same space W, so its faces are similar and its figures may differ a little.

Source: MCA-CLIP (2025), Figure 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["profile", "glasses", "hat"]


@dataclass(frozen=True)
class DifficultFace:
    """A generated face.

    Attributes:
        kind: what makes it difficult.
        seed: see `FaceEditor.sample`.
        truncation_psi: 0 is the mean face, 1 switches truncation off.
    """

    kind: Kind
    seed: int
    truncation_psi: float

    @property
    def name(self) -> str:
        """Its name in rows and files."""
        return f"{self.kind}_{self.seed}"


DIFFICULT_FACES = (
    *(DifficultFace("profile", seed, 1.0) for seed in (75, 438, 238, 442)),
    *(DifficultFace("glasses", seed, 0.7) for seed in (69, 115)),
    *(DifficultFace("hat", seed, 0.7) for seed in (83, 106)),
)
