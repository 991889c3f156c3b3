"""Runs cases one by one, bounded in time and memory, and says which of them went wrong and how to repeat it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mcaclip.errors import StudioError
from tests.stress.junk import Random

CASE_SECONDS = 60
MAX_GROWTH = 2**30
"""Bytes by which the peak memory of this process and the memory of the server may grow."""
ADDRESS_SPACE = 6 * 2**30
"""What asks for more gets a MemoryError, so that one case cannot take the machine."""
PROJECT = Path(__file__).resolve().parents[2]
PASSED_OVER = {".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


class TooSlowError(Exception):
    """A case takes too long. No OSError, as TimeoutError is: network code would take it for one of its own."""


class RefusedError(StudioError):
    """A server's answer that refuses a request in words."""


@dataclass
class World:
    """Where cases run.

    Attributes:
        folder: for the files that cases hand in.
        canaries: files that no case may read, change, or find beside itself.
        secret: stands in each of them, and in no answer.
    """

    folder: Path
    canaries: Path
    secret: str
    _count: int = 0

    def write(self, data: bytes, ending: str = "") -> Path:
        """The data as a file, in place of that of the last case."""
        path = self.folder / f"case{ending}"
        path.write_bytes(data)
        return path


Case = Callable[[Random, World], None]
"""Ends in order, raises StudioError, or has found a fault."""


@dataclass
class Tally:
    """What came of the cases of one kind; `crashes` has the number of a case and what went wrong."""

    kind: str
    cases: int = 0
    refused: int = 0
    crashes: list[tuple[int, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.kind}: {self.cases} cases, {self.refused} refused, {len(self.crashes)} crashes"


def run(kind: str, case: Case, numbers: Iterable[int], seed: int, world: World) -> Tally:
    """Runs the cases of a kind. A case depends on the seed and its number alone."""
    tally = Tally(kind)
    for number in numbers:
        rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
        peak, start = _peak(), time.monotonic()
        before = listing(world.canaries)
        try:
            with _limited(CASE_SECONDS):
                case(rng, world)
        except StudioError as error:
            tally.refused += 1
            if not str(error).strip():
                tally.crashes.append((number, "A refusal without words"))
        except Exception as error:
            tally.crashes.append((number, "".join(traceback.format_exception(error, limit=-6))))
        tally.cases += 1
        if _peak() - max(peak, _base) > MAX_GROWTH:
            tally.crashes.append((number, f"It took {(_peak() - _base) >> 20} MB"))
        if time.monotonic() - start > CASE_SECONDS:
            tally.crashes.append((number, f"It took {time.monotonic() - start:.0f} s"))
        if listing(world.canaries) != before:
            tally.crashes.append((number, "A file outside was made, changed or removed"))
    return tally


@contextmanager
def made_world() -> Iterator[World]:
    """Canaries and an empty folder, in a temporary one. Raises AssertionError when the project's files changed."""
    before = listing(PROJECT)
    root = Path(tempfile.mkdtemp(prefix="stress-"))
    secret = f"canary-{hashlib.sha256(str(root).encode()).hexdigest()}"
    try:
        canaries = root / "canaries"
        (canaries / "folder").mkdir(parents=True)
        (root / "cases").mkdir()
        for name in ("secret.txt", "secret.png", "secret.safetensors", "folder/state.json", "folder/secret.html"):
            (canaries / name).write_text(secret)
        yield World(root / "cases", canaries, secret)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    after = listing(PROJECT)
    changed = sorted(str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    assert not changed, f"Files of the project were made, changed or removed: {changed[:5]}"


def listing(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder below one, with the size of a file and the time of its last change.

    What vanishes in the meantime is left out.
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
    """From now on this process gets at most so much memory more. Does nothing where the system has no such limit."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + ADDRESS_SPACE,) * 2)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * 4096


def _peak() -> int:
    """The most memory in bytes that this process has used so far; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Ends Python code that takes longer with a TooSlowError, where the system can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(*_: object) -> None:
        raise TooSlowError(f"It took more than {seconds:g} s")

    old = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


_base = _peak()
