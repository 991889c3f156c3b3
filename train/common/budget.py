"""A call's time, handed out to stages that follow each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Budget:
    """Gives every stage its share of the time that is left.

    A stage that ends early, or was done by an earlier call, leaves its time to those after it; one that overruns
    takes it from them.

    Args:
        minutes: of the whole call, from now on.
        shares: part of the time by stage, in their order.
        clock: gives seconds.
    """

    def __init__(self, minutes: float, shares: Mapping[str, float], clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._end = clock() + 60 * minutes
        self._shares = dict(shares)

    def minutes(self, stage: str) -> float:
        """Minutes that a stage which begins now may take; 0 when the time is used up.

        Raises:
            ValueError: no such stage.
        """
        names = list(self._shares)
        coming = sum(self._shares[name] for name in names[names.index(stage) :])
        return max(0.0, self._end - self._clock()) / 60 * self._shares[stage] / coming
