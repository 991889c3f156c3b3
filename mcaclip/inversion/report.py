"""Live frames of a long inversion, and the wish to stop it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mcaclip.types import Progress, ProgressCallback, StopEarly


@dataclass(frozen=True)
class Report:
    """Sends the progress of one stage, which is the part from `start` to `end` of the whole.

    Attributes:
        shows: whether its pictures are sent too.
    """

    callback: ProgressCallback | None
    start: float
    end: float
    shows: bool = True

    def __call__(self, fraction: float, pictures: Tensor | None = None) -> bool:
        """Report a fraction 0..1 of the stage.

        Args:
            pictures: `[1, 3, S, S]` to show, or None.

        Returns:
            Whether the callback asked to stop here. Any other exception that it raises passes through.
        """
        if self.callback is None:
            return False
        frame = None if pictures is None or not self.shows else pictures[0].detach().clamp(-1, 1).cpu()
        try:
            self.callback(Progress("reconstructing", self.start + (self.end - self.start) * fraction, frame))
        except StopEarly:
            return True
        return False
