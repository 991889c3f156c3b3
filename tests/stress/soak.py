"""Visitors who come, work and leave, and the memory and files of the server meanwhile and afterwards."""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from random import Random

import numpy as np

from mcaclip.ui.state.tabs import CLOSED_SECONDS, MAX_AWAKE_BYTES, QUIET_SECONDS, SWEEP_SECONDS
from tests.fakes import PROMPTS
from tests.stress.cases import made_world
from tests.stress.server import Server, served
from tests.stress.visitor import Tab, Visitor

EVERY_SECONDS = 10
THINK_SECONDS = (0.5, 4.0)
LEAVE_CHANCE = 0.25
"""The chance that a visitor leaves, after each step."""
SLACK_SECONDS = 30
ALONE = 1_000_000
"""The first address of visitors who come alone."""
MAX_REST_MB = 8.0
"""The most that a resting visitor may take, beside the pictures that are kept for all together."""
MAX_END_MB = 2048
HEAD = "minute  RSS MB  open  left  events  median s  95 % s  files     MB  errors"


class Crowd:
    """A number of visitors at a time; whoever leaves is replaced by somebody new.

    Args:
        server: of the page.
        count: how many visitors are there at a time.
        seed: of all that they do.
        photos: how likely a visitor brings a photo.
    """

    def __init__(self, server: Server, count: int, seed: int, photos: float = 0.3):
        self.server, self.count, self.seed, self.photos = server, count, seed, photos
        self.idle, self.gone = threading.Event(), threading.Event()
        self.errors: list[str] = []
        self.latencies: list[tuple[str, float]] = []
        self.open = self.left = 0
        self._portraits: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._place, args=(n,), daemon=True) for n in range(count)]

    def start(self) -> None:
        """Everybody comes."""
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        """Everybody leaves."""
        self.gone.set()
        for thread in self._threads:
            thread.join()

    def _place(self, place: int) -> None:
        """One visitor after another, each with an address of its own, until they rest."""
        for visit in itertools.count():
            if self.idle.is_set():
                return
            self.visit(1 + place + visit * self.count, Random(f"{self.seed} {place} {visit}"))

    def visit(self, number: int, rng: Random) -> None:
        """One visitor from coming to leaving. While `idle` is set it rests until `gone` is set; keeps errors."""
        tab = None
        try:
            tab = Tab(self.server, number, f"soak{number}x{rng.getrandbits(60)}", self.latencies)
            with self._lock:
                self.open += 1
            visitor = Visitor(tab, rng, self._portraits, self.photos)
            visitor.edit(rng.choice(PROMPTS))
            while not self.idle.wait(rng.uniform(*THINK_SECONDS)) and rng.random() > LEAVE_CHANCE:
                step = rng.randrange(3)
                if step == 0:
                    visitor.edit(rng.choice(PROMPTS))
                elif step == 1:
                    visitor.slide()
                else:
                    visitor.check()
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


def soak(minutes: float, count: int, seed: int, real: bool) -> int:
    """Runs it, printing its figures; the exit status."""
    with made_world() as world, served(world, real) as server:
        own = set(server.files())
        base = _single_visit(server, seed)
        print(f"{base} MB after a first visitor\n{HEAD}", flush=True)
        crowd = Crowd(server, count, seed)
        crowd.start()
        start, known = time.monotonic(), 0
        while time.monotonic() - start < 60 * minutes:
            time.sleep(EVERY_SECONDS)
            known = _print_row(crowd, time.monotonic() - start, known)
        crowd.idle.set()
        time.sleep(QUIET_SECONDS + SWEEP_SECONDS + SLACK_SECONDS)
        _print_row(crowd, time.monotonic() - start, known)
        rest, resting = server.memory() >> 20, max(crowd.open, 1)
        print(f"{crowd.open} visitors rest: {rest} MB", flush=True)
        crowd.leave()
        until = time.monotonic() + CLOSED_SECONDS + SWEEP_SECONDS + SLACK_SECONDS
        while (stay := sorted(set(server.files()) - own)) and time.monotonic() < until:
            time.sleep(1)
        end = _single_visit(server, seed + 1)  # memory goes back some time after the last use
        each = (rest - end - (MAX_AWAKE_BYTES >> 20)) / resting
        _print_row(crowd, time.monotonic() - start, len(crowd.latencies))
        log = server.new_log()
        print(f"everybody left: {end} MB ({end - base:+d} MB), {len(stay)} files of visitors")
        print(f"a resting visitor took {each:.1f} MB beside the pictures kept for all")
        faults = {
            f"{len(crowd.errors)} errors, the first:\n{crowd.errors[:1]}": bool(crowd.errors),
            f"A resting visitor takes {each:.1f} MB": each > MAX_REST_MB,
            f"{end} MB at the end": end > MAX_END_MB,
            f"{len(stay)} files of visitors stay, such as {stay[:2]}": bool(stay),
            f"In the log:\n{log[-2000:]}": "Traceback" in log,
        }
        for words in (words for words, there in faults.items() if there):
            print("FAULT:", words)
    return int(any(faults.values()))


def load(minutes: float, count: int, seed: int, real: bool, photos: float) -> int:
    """Prints how long `count` visitors at once wait for each event of the page; the exit status."""
    with made_world() as world, served(world, real) as server:
        crowd = Crowd(server, count, seed, photos)
        crowd.start()
        time.sleep(60 * minutes)
        # whoever still waits is left behind with the server
        done, errors, memory = list(crowd.latencies), list(crowd.errors), server.memory() >> 20
    print(f"{count} visitors for {minutes:g} minutes, {len(done)} events, {memory} MB, {len(errors)} errors")
    for event in sorted({name for name, _ in done}):
        waited = [seconds for name, seconds in done if name == event]
        median, high = np.percentile(waited, (50, 95))
        print(f"{event:24} {len(waited):5d} times, median {median:6.2f} s, 95 % {high:6.2f} s")
    for error in errors[:1]:
        print("FAULT:", error)
    return int(bool(errors))


def _single_visit(server: Server, seed: int) -> int:
    """Somebody comes alone and leaves; the memory of the server in MB when it has given back what it can."""
    crowd = Crowd(server, 1, seed)
    crowd.idle.set()
    crowd.gone.set()
    crowd.visit(ALONE + seed, Random(f"{seed}"))
    assert not crowd.errors, crowd.errors[0]
    time.sleep(QUIET_SECONDS + SWEEP_SECONDS)
    return server.memory() >> 20


def _print_row(crowd: Crowd, seconds: float, known: int) -> int:
    """Prints the figures, of the latencies those after the first `known`; the number of latencies so far."""
    recent = [seconds for _, seconds in crowd.latencies[known:]]
    median, high = np.percentile(recent, (50, 95)) if recent else (0.0, 0.0)
    files = crowd.server.files()
    print(
        f"{seconds / 60:6.1f} {crowd.server.memory() >> 20:7d} {crowd.open:5d} {crowd.left:5d} "
        f"{known + len(recent):7d} {median:9.2f} {high:7.2f} {len(files):6d} {sum(files.values()) / 1e6:6.1f} "
        f"{len(crowd.errors):7d}",
        flush=True,
    )
    return known + len(recent)
