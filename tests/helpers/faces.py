"""Faces for tests that need no encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import synthesize
from mcaclip.types import Inversion


def face_of(generator: Generator, code: Tensor) -> Inversion:
    """The generated face of a code `[18, 512]` or `[1, 18, 512]`."""
    w_plus = code.reshape(18, 512)
    with torch.no_grad():
        return Inversion(w_plus, synthesize(generator, w_plus[None]).image[0].clamp(-1, 1), None, 0.0)
