"""A run that is cut short in its middle."""

from __future__ import annotations

from collections.abc import Callable


class Interrupted:
    """Calls a function `allowed` times; the next call is interrupted, as by Ctrl-C."""

    def __init__(self, real: Callable, allowed: int):
        self.real, self.allowed = real, allowed

    def __call__(self, *args: object) -> object:
        if not self.allowed:
            raise KeyboardInterrupt
        self.allowed -= 1
        return self.real(*args)
