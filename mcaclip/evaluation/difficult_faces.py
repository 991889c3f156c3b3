"""Generated faces that are hard to edit: turned away, behind glasses, under a hat, as in the paper's Figure 5.

The seeds 0 to 499 were drawn once by the compact stack's preview and parsed at 256 px by its parsing head. Of them:

- profiles: truncation 1.0, where faces turn further; the four with the largest distance of the nose's centre of mass
  from the skin's, in square roots of the skin's area (0.31 to 0.42; a face that looks ahead has less than 0.05).
  Broken pictures, with less than 6000 px of skin or 300 px of nose, did not count;
- glasses and hats: truncation 0.7; the two with the most pixels of the class, as a share of the face's (0.135 and
  more, 0.17 and more).

On the paper stack, whose space W is the same, the faces are alike and the figures may differ a little.

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
        kind: what makes it hard.
        seed: see `FaceEditor.sample`, as the following is.
        truncation_psi: 0 is the mean face, 1 as the generator learned them.
    """

    kind: Kind
    seed: int
    truncation_psi: float

    @property
    def name(self) -> str:
        """For rows, files and columns."""
        return f"{self.kind}_{self.seed}"


DIFFICULT_FACES = (
    *(DifficultFace("profile", seed, 1.0) for seed in (75, 438, 238, 442)),
    *(DifficultFace("glasses", seed, 0.7) for seed in (69, 115)),
    *(DifficultFace("hat", seed, 0.7) for seed in (83, 106)),
)
"""Four profiles, two faces behind glasses, two under a hat."""
