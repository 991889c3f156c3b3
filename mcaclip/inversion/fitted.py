"""What an optimisation finds of a face."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mcaclip.types import Residual


@dataclass(frozen=True, eq=False)
class Fitted:
    """A face as an optimisation found it.

    Attributes:
        code: `w_plus [18, 512]`.
        residual: what the code does not say, or None.
    """

    code: Tensor
    residual: Residual | None = None
