"""What the tests of weights ask of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def left_in(cache: Path) -> list[str]:
    """The names of all files in a cache but the locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")
