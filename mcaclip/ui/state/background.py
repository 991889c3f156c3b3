"""Long work in a thread, its progress as a generator, cancellable between two steps."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from mcaclip.types import Progress, ProgressCallback, StopEarly
from mcaclip.ui.state.session import CancelToken

Result = TypeVar("Result")
Shown = TypeVar("Shown")
PACE = 0.4
"""Seconds before the first step is shown, and between two of them. A step that is shown costs the page's server more
than an edit computes in the meantime."""


class CancelledError(Exception):
    """The computation ended because its result is no longer wanted."""


class Turn:
    """Lets work in the background wait while somebody waits for a picture, or is about to ask for one.

    Args:
        clock: seconds that only go forwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._busy = 0
        self._last = -math.inf

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While a visitor waits for what is computed inside."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._last = self._clock()
                self._changed.notify_all()

    def touched(self) -> None:
        """A visitor does something, such as typing, that a request is likely to follow."""
        with self._changed:
            self._last = self._clock()

    def wait(self, quiet: float, longest: float) -> None:
        """Returns when for `quiet` seconds nobody waited or did anything, after `longest` seconds all the same."""
        end = self._clock() + longest
        with self._changed:
            while (now := self._clock()) < end and (self._busy or now < self._last + quiet):
                until = end if self._busy else min(end, self._last + quiet)
                self._changed.wait(max(until - now, 0.001))


def steps(
    work: Callable[[ProgressCallback], Result], token: CancelToken, show: Callable[[Progress], Shown]
) -> Generator[Shown, None, Result]:
    """Runs `work` and shows its newest progress now and then; the steps between are dropped.

    Closing the generator (the visitor left) cancels the work as the token does, and waits for its end.

    Args:
        work: called with a callback; its exceptions are raised here.
        token: cancelled from outside to end the work at its next step, or stopped to end it with the best it has
            (work that keeps no best so far is cancelled by that).
        show: from a step to what is yielded.

    Returns:
        What `work` returns.

    Raises:
        CancelledError: when the token ended it.
    """
    news, left = _Newest(), threading.Event()
    future: Future[Result] = Future()

    def report(step: Progress) -> None:
        if token.cancelled or left.is_set():
            raise CancelledError
        news.put(step)
        if token.stopping:
            raise StopEarly

    def run() -> None:
        try:
            if token.cancelled:
                raise CancelledError
            future.set_result(work(report))
        except StopEarly:
            future.set_exception(CancelledError())
        except BaseException as error:
            future.set_exception(error)
        finally:
            news.close()

    thread = threading.Thread(target=run, name="studio-work", daemon=True)
    thread.start()
    try:
        while (step := news.take()) is not None:
            yield show(step)
    finally:
        left.set()
        thread.join()
    return future.result()


class _Newest:
    """Room for one step between two threads: a later step takes the place of one that was not taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._step: Progress | None = None
        self._closed = False
        self._due = time.monotonic() + PACE

    def put(self, step: Progress) -> None:
        """Leaves a step; one without a frame keeps the frame of the step it replaces."""
        with self._changed:
            if step.image is None and self._step is not None:
                step = replace(step, image=self._step.image)
            self._step = step
            self._changed.notify()

    def close(self) -> None:
        """No more steps will come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self) -> Progress | None:
        """Waits for a step, at least until `PACE` after the last one, and takes it; None at the end."""
        with self._changed:
            while not self._closed and (self._step is None or time.monotonic() < self._due):
                self._changed.wait(None if self._step is None else self._due - time.monotonic())
            step, self._step, self._due = self._step, None, time.monotonic() + PACE
            return None if self._closed else step
