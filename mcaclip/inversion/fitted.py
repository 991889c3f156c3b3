"""What an optimisation finds of a face."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mcaclip.types import Residual

OFFSET_ROWS = 12
"""Rows from here on keep their offset from the base: a preview only guesses their effect, and offsets of their own
would exploit its errors."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A face as an optimisation found it.

    Attributes:
        code: `w_plus [18, 512]`.
        residual: what the code does not say, or None.
    """

    code: Tensor
    residual: Residual | None = None
