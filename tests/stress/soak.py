"""Visitors who come, work and leave for a while, and what the server is like meanwhile and afterwards."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

import numpy as np

from mcaclip.ui.state.tabs import CLOSED_SECONDS, MAX_AWAKE_BYTES, QUIET_SECONDS, SWEEP_SECONDS
from tests.fakes import PROMPTS
from tests.stress.cases import made_world
from tests.stress.server import Server, served
from tests.stress.visitor import Tab, Visitor

EVERY_SECONDS = 10
THINK_SECONDS = (0.5, 4.0)
LEAVE_CHANCE = 0.25
"""After every step."""
SLACK_SECONDS = 30
ALONE = 1_000_000
"""The first address of visitors who come alone."""
MAX_REST_MB = 8.0
"""Of a visitor who does nothing, beside the pictures that are kept for all together."""
MAX_END_MB = 2048
HEAD = "minute  RSS MB  open  left  events  median s  95 % s  files     MB  errors"


class Crowd:
    """So many visitors at a time; whoever leaves is replaced by somebody new.

    Args:
        server: of the page.
        count: how many are there at a time.
        seed: of all that they do.
    """

    def __init__(self, server: Server, count: int, seed: int):
        self.server, self.count, self.seed = server, count, seed
        self.idle, self.gone = threading.Event(), threading.Event()
        self.errors: list[str] = []
        self.latencies: list[float] = []
        self.open = self.left = 0
        self._seen: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._place, args=(n,), daemon=True) for n in range(count)]

    def start(self) -> None:
        """Everybody comes."""
        for thread in self._threads:
            thread.start()

    def rest(self) -> None:
        """Everybody ends what is under way and stays without doing anything. Nobody comes any more."""
        self.idle.set()

    def leave(self) -> None:
        """Everybody leaves."""
        self.gone.set()
        for thread in self._threads:
            thread.join()

    def _place(self, place: int) -> None:
        """One after another: each has an address of its own."""
        visit = 0
        while not self.idle.is_set():
            rng = np.random.default_rng([self.seed, place, visit])
            self.visit(1 + place + visit * self.count, rng)
            visit += 1

    def visit(self, number: int, rng: np.random.Generator) -> None:
        """One visitor from coming to leaving; notes what goes wrong."""
        tab = None
        try:
            tab = Tab(self.server, number, f"soak{number}x{rng.integers(2**60)}", self._report)
            with self._lock:
                self.open += 1
            visitor = Visitor(tab, rng, self._seen)
            steps: tuple[Callable[[], None], ...] = (
                lambda: visitor.edit(PROMPTS[int(rng.integers(len(PROMPTS)))]),
                visitor.slide,
                visitor.check,
            )
            steps[0]()
            while not self.idle.wait(rng.uniform(*THINK_SECONDS)) and rng.random() > LEAVE_CHANCE:
                steps[int(rng.integers(len(steps)))]()
            if self.idle.is_set():
                self.gone.wait()
                visitor.check()
        except Exception:
            self.errors.append(traceback.format_exc(limit=-4))
        finally:
            if tab is not None:
                tab.close()
                with self._lock:
                    self.open, self.left = self.open - 1, self.left + 1

    def _report(self, seconds: float) -> None:
        self.latencies.append(seconds)


def soak(minutes: float, count: int, seed: int, real: bool) -> int:
    """Runs it, printing what it sees; the exit status."""
    with made_world() as world, served(world, real) as server:
        own = set(server.files())
        base = _single_visit(server, seed)
        print(f"{base} MB after a first visitor\n{HEAD}", flush=True)
        crowd = Crowd(server, count, seed)
        crowd.start()
        start, rows = time.monotonic(), [_row(0, crowd, 0)]
        while time.monotonic() - start < 60 * minutes:
            before = len(crowd.latencies)
            time.sleep(EVERY_SECONDS)
            rows.append(_row((time.monotonic() - start) / 60, crowd, before))
        crowd.rest()
        time.sleep(QUIET_SECONDS + SWEEP_SECONDS + SLACK_SECONDS)
        rest, resting = server.memory() >> 20, max(crowd.open, 1)
        rows.append(_row((time.monotonic() - start) / 60, crowd, len(crowd.latencies)))
        print(f"{crowd.open} visitors rest: {rest} MB", flush=True)
        crowd.leave()
        until = time.monotonic() + CLOSED_SECONDS + SWEEP_SECONDS + SLACK_SECONDS
        while set(server.files()) - own and time.monotonic() < until:
            time.sleep(1)
        stay = sorted(set(server.files()) - own)
        end = _single_visit(server, seed + 1)  # memory goes back some time after the last use
        each = (rest - end - (MAX_AWAKE_BYTES >> 20)) / resting
        rows.append(_row((time.monotonic() - start) / 60, crowd, len(crowd.latencies)))
        said = server.new_log()
        print(f"everybody left: {end} MB ({end - base:+d} MB), {len(stay)} files of visitors")
        print(f"a resting visitor took {each:.1f} MB beside the pictures kept for all\n\n{HEAD}")
        print("\n".join(rows[:: max(1, len(rows) // 20)] + rows[-1:]))
        faults = {
            f"{len(crowd.errors)} errors, the first:\n{crowd.errors[:1]}": bool(crowd.errors),
            f"A resting visitor takes {each:.1f} MB": each > MAX_REST_MB,
            f"{end} MB at the end": end > MAX_END_MB,
            f"{len(stay)} files of visitors stay, such as {stay[:2]}": bool(stay),
            f"In the log:\n{said[-2000:]}": "Traceback" in said,
        }
        for words in (words for words, there in faults.items() if there):
            print("FAULT:", words)
    return int(any(faults.values()))


def _single_visit(server: Server, seed: int) -> int:
    """Somebody comes alone and leaves; what the server takes in MB when it has given back what it can."""
    crowd = Crowd(server, 1, seed)
    crowd.rest()
    crowd.gone.set()
    crowd.visit(ALONE + seed, np.random.default_rng(seed))
    assert not crowd.errors, crowd.errors[0]
    time.sleep(QUIET_SECONDS + SWEEP_SECONDS)
    return server.memory() >> 20


def _row(minute: float, crowd: Crowd, since: int) -> str:
    """What is printed, of the latencies those after the first `since`."""
    recent = crowd.latencies[since:]
    median, high = np.percentile(recent, (50, 95)) if recent else (0.0, 0.0)
    files = crowd.server.files()
    row = (
        f"{minute:6.1f} {crowd.server.memory() >> 20:7d} {crowd.open:5d} {crowd.left:5d} {len(crowd.latencies):7d} "
        f"{median:9.2f} {high:7.2f} {len(files):6d} {sum(files.values()) / 1e6:6.1f} {len(crowd.errors):7d}"
    )
    print(row, flush=True)
    return row
