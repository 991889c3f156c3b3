"""What commands on several files share: a bad one is named on stderr, the others are done."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from mcaclip.errors import StudioError

EXIT_BAD_INPUT = 2
EXIT_SOME_FAILED = 3


def missing(path: Path) -> str | None:
    """Why a picture cannot be read, or None."""
    if path.is_file():
        return None
    return "is a folder; give image files." if path.is_dir() else "does not exist; check the file name."


def check_folder(folder: Path) -> None:
    """Makes the output folder now. Raises StudioError when it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(f"--out {folder} cannot be used as a folder ({error.strerror}); choose another.") from error


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    sys.stderr.write(f"mcaclip: {' '.join(message.split())}\n")


def report(failures: Mapping[Path, str], asked: int) -> int:
    """One line a failed file on stderr; the exit status for `asked` files."""
    for path, message in failures.items():
        complain(f"{path}: {message}")
    if not failures:
        return 0
    return EXIT_BAD_INPUT if asked == 1 else EXIT_SOME_FAILED
