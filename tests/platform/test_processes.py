"""Processes are distinguished by number and start time; no other process is ever signalled."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import psutil
import pytest

from mcaclip.platform.processes import ProcessId

SLEEP = "import time; time.sleep(600)"
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def begin():
    begun = []

    def made(code: str = SLEEP) -> subprocess.Popen:
        begun.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield made
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def test_running_process_is_known_by_number_and_start(begin):
    process = begin()
    known = ProcessId.of(process.pid)
    assert known.alive() and ProcessId(known.pid, known.started + 0.01).alive()
    assert ProcessId.of_current().alive() and ProcessId.of_current().pid == os.getpid()


def test_later_process_with_the_number_is_not_it_and_is_left_alone(begin):
    process = begin()
    known = ProcessId.of(process.pid)
    for started in (known.started - 10, known.started + 1, 0.0, math.nan, math.inf):
        other = ProcessId(known.pid, started)
        assert not other.alive() and other.terminate(0)
    assert process.poll() is None


def test_ended_process_is_dead_before_and_after_it_is_collected(begin):
    process = begin()
    known = ProcessId.of(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert not known.alive()
    process.wait()
    assert not known.alive() and known.terminate(0)


def test_process_is_ended_with_its_children(begin):
    process = begin(PARENT)
    child = ProcessId.of(int(process.stdout.readline()))
    assert ProcessId.of(process.pid).terminate(30)
    assert process.wait() < 0 and not child.alive()


def test_process_that_does_not_listen_is_ended(begin):
    process = begin(DEAF)
    process.stdout.readline()
    assert ProcessId.of(process.pid).terminate(0)
    assert process.wait() < 0


def test_this_process_its_parent_and_the_first_one_are_never_ended():
    assert not ProcessId.of_current().terminate(0)
    assert not ProcessId.of(os.getppid()).terminate(0)
    first = ProcessId.of(1)
    assert first is None or not first.terminate(0)


@pytest.mark.parametrize("pid", [0, -1, 2**31, 2**200, 1.5, math.nan, True, "7", None, [7], {}])
def test_numbers_that_no_process_has(pid):
    assert ProcessId.from_record(pid, 1.0) is None
    assert ProcessId.of(pid) is None
    assert not ProcessId(pid, 1.0).alive()


@pytest.mark.parametrize("started", [-1, math.nan, math.inf, 10**400, True, "7", None, [7], {}])
def test_times_that_no_process_has(started):
    assert ProcessId.from_record(os.getpid(), started) is None
    assert not ProcessId(os.getpid(), started).alive()
    assert ProcessId.from_record(7, 12) == ProcessId(7, 12.0)
