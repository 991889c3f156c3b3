"""Large tensors use the pages again that the last ones left."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from mcaclip.platform import memory

FAULTS = """
import resource, sys
from mcaclip.platform.memory import keep_freed_memory
assert sys.argv[1] == "no" or keep_freed_memory()
import threading, torch

def work():
    for _ in range(5):
        torch.ones(2**24)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

for _ in range(2):  # small objects find their places beside the large ones
    faults()
print(faults())
"""


def _faults(keep: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS, keep], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another malloc than glibc's")
def test_pages_are_used_again():
    assert _faults("yes") < _faults("no") / 2


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert not memory.keep_freed_memory()


def test_a_library_without_mallopt_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    assert not memory.keep_freed_memory()
