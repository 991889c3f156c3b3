"""Runs cases one by one, bounded in time and memory, and reports which of them fail."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import secrets
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from mcaclip.errors import StudioError

CASE_SECONDS = 60
HANG_SECONDS = 150
"""The process ends, with a traceback, after so long in C code that no signal interrupts."""
MAX_GROWTH = 2**30
"""Bytes by which the peak memory of this process and the memory of the server may grow."""
ADDRESS_SPACE = 6 * 2**30
"""Bytes beyond which this process gets a MemoryError, so that one case cannot take the machine."""
PROJECT = Path(__file__).resolve().parents[2]
PASSED_OVER = {".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


class TooSlowError(Exception):
    """A case takes too long. Not an OSError as TimeoutError is: network code would handle it as one of its own."""


class RefusedError(StudioError):
    """A server's answer that refuses a request in words."""


@dataclass(frozen=True)
class World:
    """Where cases run.

    Attributes:
        folder: for the files that cases hand in.
        canaries: files that no case may read or change, and beside which none may write.
        secret: the content of each canary, which no answer may contain.
    """

    folder: Path
    canaries: Path
    secret: str

    def write(self, data: bytes, ending: str = "") -> Path:
        """Writes the data to a file, over that of the last case."""
        path = self.folder / f"case{ending}"
        path.write_bytes(data)
        return path


Case = Callable[[Random, World], None]
"""Returns, or raises StudioError for a refusal; anything else that it raises is a crash."""


@dataclass
class Tally:
    """The outcome of the cases of one kind; `crashes` has the number of a case and what went wrong."""

    kind: str
    cases: int = 0
    refused: int = 0
    crashes: list[tuple[int, str]] = field(default_factory=list)


def run(kind: str, case: Case, numbers: Iterable[int], seed: int, world: World) -> Tally:
    """Runs the cases of a kind. A case depends on the seed and its number alone."""
    tally = Tally(kind)
    signal.signal(signal.SIGALRM, _stop)
    for number in numbers:
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        signal.alarm(CASE_SECONDS)
        peak, start, before = _peak(), time.monotonic(), listing(world.canaries)
        faults = []
        try:
            case(Random(f"{seed} {kind} {number}"), world)
        except StudioError as error:
            tally.refused += 1
            faults = [] if str(error).strip() else ["A refusal without words"]
        except Exception as error:
            faults = ["".join(traceback.format_exception(error, limit=-6))]
        signal.alarm(0)
        faulthandler.cancel_dump_traceback_later()
        if _peak() - max(peak, _base) > MAX_GROWTH:
            faults.append(f"It took {(_peak() - _base) >> 20} MB")
        if time.monotonic() - start > CASE_SECONDS:
            faults.append(f"It took {time.monotonic() - start:.0f} s")
        if listing(world.canaries) != before:
            faults.append("A file outside was made, changed or removed")
        tally.cases += 1
        tally.crashes += [(number, fault) for fault in faults]
    return tally


@contextmanager
def made_world() -> Iterator[World]:
    """Canaries and an empty folder in a temporary one. Raises AssertionError when the project's files changed."""
    before = listing(PROJECT)
    with tempfile.TemporaryDirectory(prefix="stress-", ignore_cleanup_errors=True) as root:
        world = World(Path(root, "cases"), Path(root, "canaries"), f"canary-{secrets.token_hex(32)}")
        world.folder.mkdir()
        (world.canaries / "folder").mkdir(parents=True)
        for name in ("secret.txt", "secret.png", "secret.safetensors", "folder/state.json", "folder/secret.html"):
            (world.canaries / name).write_text(world.secret)
        yield world
    changed = sorted(str(path) for path, _ in before.items() ^ listing(PROJECT).items())
    assert not changed, f"Files of the project were made, changed or removed: {changed[:5]}"


def listing(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder below one, with the size of a file and the time of its last change.

    Files that vanish while it is made are left out.
    """
    found: dict[Path, tuple[int, int]] = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in PASSED_OVER]
        found |= {Path(parent, name): (0, 0) for name in folders}
        for path in (Path(parent, name) for name in files):
            with contextlib.suppress(FileNotFoundError):
                found[path] = (path.lstat().st_size, path.lstat().st_mtime_ns)
    return found


def limit_memory() -> None:
    """From now on this process gets at most `ADDRESS_SPACE` more."""
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + ADDRESS_SPACE,) * 2)


def _peak() -> int:
    """The most memory in bytes that this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _stop(*_: object) -> None:
    raise TooSlowError(f"It took more than {CASE_SECONDS} s")


_base = _peak()
