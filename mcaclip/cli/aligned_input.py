"""Faces for commands that take aligned pictures as well as photos."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from mcaclip.imaging.align import FaceAligner

ALIGNED_SIDES = (1024, 512, 256)
"""Square pictures of these sides are taken for aligned faces."""

AlignerLoader = Callable[[], "FaceAligner"]


@functools.cache
def load_aligner() -> FaceAligner:
    """dlib's detector and landmarks, read once. Raises WeightsError."""
    from mcaclip import weights
    from mcaclip.imaging import align

    return align.FaceAligner(weights.get("dlib_landmarks"))


def aligned_face(path: Path, aligner: AlignerLoader, always: bool, face: int = 0) -> tuple[Tensor, bool]:
    """The aligned face of an image file, and whether it had to be found in it.

    Args:
        path: a square picture of one of `ALIGNED_SIDES`, which is taken as it is, or a photo.
        aligner: is called only where a face has to be found.
        always: find the face in square pictures, too.
        face: which face of a photo, 0 is the largest.

    Returns:
        `[3, S, S]` in [-1, 1].

    Raises:
        StudioError: no image, or no such face in it.
    """
    from mcaclip.imaging import align
    from mcaclip.types import from_uint8

    photo = align.load_photo(path)
    height, width = photo.shape[:2]
    if always or height != width or height not in ALIGNED_SIDES:
        return align.align_face(photo, aligner(), face).image, True
    return from_uint8(photo), False
