"""Long work in a thread, its progress as a generator, cancellable between two steps."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from mcaclip.types import Progress, ProgressCallback
from mcaclip.ui.session import CancelToken

Result = TypeVar("Result")


class CancelledError(Exception):
    """The computation ended because nobody wants its result any more."""


def steps(
    work: Callable[[ProgressCallback], Result], token: CancelToken
) -> Generator[Progress, None, Result]:
    """Runs `work` and yields its newest progress; steps that come faster than they are taken are dropped.

    Closing the generator (the visitor left) cancels the work like the token does, and waits for its end.

    Args:
        work: called with a callback; its exceptions are raised here.
        token: cancelled from outside to end the work at its next step.

    Returns:
        What `work` returns.

    Raises:
        CancelledError: when the token ended it.
    """
    news: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
    future: Future[Result] = Future()

    def report(step: Progress) -> None:
        if token.cancelled:
            raise CancelledError
        news.put(step)

    def run() -> None:
        try:
            future.set_result(work(report))
        except BaseException as error:
            future.set_exception(error)
        finally:
            news.put(None)

    thread = threading.Thread(target=run, name="studio-work", daemon=True)
    thread.start()
    try:
        while (step := _newest(news)) is not None:
            yield step
    finally:
        token.cancel()
        thread.join()
    return future.result()


def _newest(news: queue.SimpleQueue[Progress | None]) -> Progress | None:
    """Waits for progress and returns the last there is, with the last frame there was; None at the end."""
    step = news.get()
    while step is not None and not news.empty():
        later = news.get()
        if later is None:
            return None
        step = later if later.image is not None else replace(later, image=step.image)
    return step
