"""The attribute probe: measures of any aligned picture by dlib's landmarks, the pixel parser and lightness."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mcaclip import weights
from mcaclip.evaluation.measures import PARSE_SIZE
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.age_gender import AgeGender
from mcaclip.perception.face_measures import (
    colour_measures,
    fine_measures,
    finish_measures,
    label_measures,
    landmark_measures,
    retouch_measures,
    skin_measures,
)
from mcaclip.perception.face_parser import FaceParser, celeb
from mcaclip.types import DetectedFace, to_uint8

LANDMARK_SIDE = 512


class AttributeProbe:
    """Measures faces from their pixels alone, independently of any prompt.

    Args:
        find_faces: from a photo `uint8 [H, W, 3]` to its faces, the largest first.
        parser: parses pictures.
        people: tells age and gender; None where its networks are not there, and neither is measured.
    """

    def __init__(
        self,
        find_faces: Callable[[np.ndarray], Sequence[DetectedFace]],
        parser: FaceParser,
        people: AgeGender | None = None,
    ):
        self.find_faces, self.parser, self.people = find_faces, parser, people

    @classmethod
    def load(
        cls, find_faces: Callable[[np.ndarray], Sequence[DetectedFace]], people: AgeGender | None = None
    ) -> AttributeProbe:
        """A probe with the shipped pixel parser, on the CPU. Raises WeightsError."""
        return cls(find_faces, FaceParser.load(weights.get("face_parser")), people)

    def measures(self, picture: Tensor) -> dict[str, float]:
        """All measures of an aligned picture `[3, S, S]` in [-1, 1]; empty when it shows no face."""
        large = F.interpolate(picture[None], size=LANDMARK_SIDE, mode="bicubic", antialias=True)
        faces = self.find_faces(to_uint8(large[0]))
        if not faces:
            return {}
        small = F.interpolate(picture[None], size=PARSE_SIZE, mode="bilinear", antialias=True)
        parsed, points = self.parser.probabilities(small), faces[0].landmarks * PARSE_SIZE / LANDMARK_SIDE
        small_lab, large_lab = srgb_to_lab(small), srgb_to_lab(large)
        return (
            landmark_measures(points)
            | colour_measures(small_lab, celeb(parsed), points)
            | label_measures(parsed, points)
            | skin_measures(small_lab, parsed, points)
            | fine_measures(large_lab, faces[0].landmarks)
            | finish_measures(large_lab, parsed, faces[0].landmarks)
            | retouch_measures(large_lab, parsed, faces[0].landmarks)
            | (self.people.measures(small) if self.people else {})
        )
