"""From a photo or a seed to everything that a result folder holds. No files are read or written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from mcaclip.imaging import align
from mcaclip.types import AlignedFace, EditResult, EditSettings, Inversion, Paint, ProgressCallback, to_uint8

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


@dataclass(frozen=True, eq=False)
class Outcome:
    """One face, reconstructed and, with a prompt, edited.

    Attributes:
        aligned: `float32 [3, 1024, 1024]` in [-1, 1]: the photo's face; for a seed the face itself.
        inversion: the face in the generator's latent space.
        result: the edit, or None when none was asked for.
        pasted: `uint8 [H, W, 3]`, the edit in the photo; for a seed the edit itself. None without an edit.
        seconds: wall time by stage.
    """

    aligned: Tensor
    inversion: Inversion
    result: EditResult | None
    pasted: np.ndarray | None
    seconds: dict[str, float]


def edit_photo(
    editor: FaceEditor,
    photo: np.ndarray,
    settings: EditSettings | None,
    face: int = 0,
    effort: str = "good",
    seed: int = 0,
    callback: ProgressCallback | None = None,
    painted: Callable[[AlignedFace], Paint] | None = None,
    already_aligned: bool = False,
) -> Outcome:
    """Aligns one face of a photo `uint8 [H, W, 3]`, inverts it and, with settings, edits it.

    Args:
        settings: what to edit; None to invert the face only.
        face: which face, 0 is the largest.
        painted: gives the masks painted over a face, in place of the settings' paint; its errors pass through,
            before the face is inverted.
        already_aligned: take the photo, which is square, as it is.

    Raises:
        ImageError: it is not square.
        NoFaceError: there is no such face.
        PromptError: a prompt cannot be used.
    """
    start = time.perf_counter()
    aligned = align.already_aligned(photo) if already_aligned else editor.align(photo, face)
    if settings is not None and painted is not None:
        settings = replace(settings, paint=painted(aligned))
    seconds = {"align": time.perf_counter() - start}
    inversion = editor.invert(aligned, effort, callback, seed)
    seconds["invert"] = inversion.seconds
    if settings is None:
        return Outcome(aligned.image, inversion, None, None, seconds)
    result = editor.edit(inversion, settings, callback)
    start = time.perf_counter()
    pasted = align.paste_back(aligned, result.image)
    seconds |= {"edit": result.seconds, "paste": time.perf_counter() - start}
    return Outcome(aligned.image, inversion, result, pasted, seconds)


def sample_face(
    editor: FaceEditor, seed: int, settings: EditSettings | None, callback: ProgressCallback | None = None
) -> Outcome:
    """Makes a face and, with settings, edits it; it is its own photo. Raises PromptError."""
    inversion = editor.sample(seed)
    seconds = {"sample": inversion.seconds}
    if settings is None:
        return Outcome(inversion.reconstruction, inversion, None, None, seconds)
    result = editor.edit(inversion, settings, callback)
    seconds["edit"] = result.seconds
    return Outcome(inversion.reconstruction, inversion, result, to_uint8(result.image), seconds)
