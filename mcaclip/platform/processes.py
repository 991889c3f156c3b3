"""Identities of processes that outlive the program that records them.

The system reuses the number of a process that has ended. A number together with the time at which its process started
identifies one process only.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from dataclasses import dataclass
from typing import Any

import psutil

CLOCK_SECONDS = 0.05
"""Start times that differ by less are the same: systems count them in hundredths of a second."""
_POLL_SECONDS = 0.05
_KILL_SECONDS = 5.0


@dataclass(frozen=True)
class ProcessId:
    """One process of this machine, distinct from a later one with the same number.

    Attributes:
        pid: its number.
        started: when it started, in seconds since the epoch as the system counts them.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The process that has a number now, or None when there is none that can be inspected."""
        process = _look_up(pid)
        return None if process is None else cls(pid, process.create_time())

    @classmethod
    def of_current(cls) -> ProcessId:
        """This process."""
        return cls(os.getpid(), psutil.Process().create_time())

    @classmethod
    def from_record(cls, pid: object, started: object) -> ProcessId | None:
        """A recorded process, or None when these values are not a process number and a time."""
        if type(pid) is not int or not 0 < pid < 2**31:
            return None
        if type(started) not in (int, float) or not 0 <= started < 2**53:  # type: ignore[operator]
            return None
        return cls(pid, float(started))  # type: ignore[arg-type]

    def alive(self) -> bool:
        """Whether this very process still runs; one that has ended but was not collected yet does not."""
        return self._running() is not None

    def terminate(self, seconds: float) -> bool:
        """Asks the process to end, and after `seconds` ends it. What it started ends with it.

        Never touches this process, one that started it, the system's first one, or a later one with the same number.

        Returns:
            Whether the process is gone.
        """
        if not self.alive():
            return True
        family = {self, *self._children()}
        if self.pid == 1 or ProcessId.of_current() in family:
            return False
        self._signal("terminate")
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            family |= self._children()
        for one in family:
            one._signal("kill")
        deadline = time.monotonic() + _KILL_SECONDS
        while any(one.alive() for one in family) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return not self.alive()

    def _children(self) -> set[ProcessId]:
        process = self._running()
        try:
            found = [] if process is None else process.children(recursive=True)
        except (psutil.Error, OSError):
            return set()
        return {made for one in found if (made := ProcessId.of(one.pid)) is not None}

    def _signal(self, how: str) -> None:
        """Sends a signal, unless the process has ended or belongs to another user."""
        process = self._running()
        with contextlib.suppress(psutil.Error, OSError):
            getattr(process, how, lambda: None)()

    def _running(self) -> psutil.Process | None:
        process = _look_up(self.pid)
        try:
            if process is None or not math.isclose(
                process.create_time(), self.started, rel_tol=0, abs_tol=CLOCK_SECONDS
            ):
                return None
            return None if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else process
        except (psutil.Error, OSError, ValueError, TypeError, OverflowError):
            return None


def _look_up(pid: Any) -> psutil.Process | None:
    if type(pid) is not int:  # psutil takes None for this process
        return None
    try:
        process = psutil.Process(pid)
        process.create_time()
    except (psutil.Error, OSError, ValueError, TypeError, OverflowError):
        return None
    return process
