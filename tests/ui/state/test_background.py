"""Work in a thread with progress and cancelling."""

from __future__ import annotations

import itertools
import threading

import pytest
import torch

from mcaclip.types import Progress
from mcaclip.ui.state import background
from mcaclip.ui.state.background import CancelledError, Turn, steps
from mcaclip.ui.state.session import CancelToken


def _steps(work, token=None):
    return steps(work, token or CancelToken(), lambda step: step)


def _drain(running):
    seen = []
    while True:
        try:
            seen.append(next(running))
        except StopIteration as end:
            return seen, end.value


def test_result_is_returned():
    assert _drain(_steps(lambda callback: 42)) == ([], 42)


def test_errors_of_the_work_are_raised_here():
    def work(callback):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        _drain(_steps(work))


def test_slow_consumer_gets_the_newest_step_with_the_last_frame():
    sent = threading.Event()
    taken = threading.Event()
    frame = torch.zeros(3, 2, 2)

    def work(callback):
        callback(Progress("a", 0.1))
        assert taken.wait(10)
        callback(Progress("b", 0.2, frame))
        callback(Progress("c", 0.3))
        sent.set()
        assert release.wait(10)

    release = threading.Event()
    running = _steps(work)
    assert next(running).stage == "a"
    taken.set()
    assert sent.wait(10)
    step = next(running)
    assert (step.stage, step.image is frame) == ("c", True)
    release.set()
    assert _drain(running) == ([], None)


def test_what_is_quick_is_not_held_up_by_showing_its_steps(monkeypatch):
    monkeypatch.setattr(background, "PACE", 1e6)

    def work(callback):
        for number in range(5):
            callback(Progress("on", number / 5))
        return "done"

    assert _drain(_steps(work)) == ([], "done")


def test_token_ends_endless_work():
    token = CancelToken()

    def work(callback):
        while True:
            callback(Progress("on", 0.5))

    running = _steps(work, token)
    next(running)
    token.cancel()
    with pytest.raises(CancelledError):
        _drain(running)


def test_closing_the_generator_ends_the_work():
    ended = threading.Event()

    def work(callback):
        try:
            while True:
                callback(Progress("on", 0.5))
        finally:
            ended.set()

    running = _steps(work)
    next(running)
    running.close()
    assert ended.is_set()


def test_work_in_the_background_goes_on_after_those_who_wait():
    turn, order, begun = Turn(), [], threading.Event()

    def behind():
        begun.set()
        turn.wait(0.0, 60.0)
        order.append("behind")

    worker = threading.Thread(target=behind)
    with turn.taken(), turn.taken():
        worker.start()
        assert begun.wait(10)
        order.append("served")
    worker.join(10)
    assert order == ["served", "behind"] and not worker.is_alive()


def test_work_in_the_background_waits_for_a_quiet_moment_but_not_for_ever():
    ticks = itertools.count()
    turn = Turn(lambda: next(ticks) / 1000)
    turn.wait(60.0, 60.0)
    assert next(ticks) <= 3, "nobody did anything"
    turn.touched()
    start = next(ticks)
    turn.wait(0.005, 60.0)
    assert 4 <= next(ticks) - start < 100, "after a quiet moment"
    with turn.taken():
        turn.wait(60.0, 0.01)
    with pytest.raises(ValueError), turn.taken():
        raise ValueError
    start = next(ticks)
    turn.wait(0.0, 60.0)
    assert next(ticks) - start <= 4, "who failed waits no more"
