"""Commands on several files: which files are meant, and the report of those that failed."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcaclip.errors import StudioError
from mcaclip.platform.console import EXIT_BAD_INPUT, complain

EXIT_SOME_FAILED = 3
PICTURES_HELP = 'a folder stands for all pictures in it, a pattern such as "*.jpg" for all that match'


@dataclass(frozen=True)
class Pictures:
    """The pictures that a command line means.

    Attributes:
        files: those that exist, in the order of the command line.
        failures: paths that mean no picture, with what to do about it.
    """

    files: tuple[Path, ...]
    failures: dict[Path, str]

    @property
    def asked(self) -> int:
        """The number of pictures and failures."""
        return len(self.files) + len(self.failures)


def pictures(named: Iterable[Path]) -> Pictures:
    """The pictures that files, folders and patterns on a command line mean.

    A file is itself, whatever its name. A folder stands for the pictures directly in it by name, without hidden
    files; so does a pattern, since the shells of Windows do not expand it.
    """
    from mcaclip.imaging.photo import is_picture, pictures_in

    files: list[Path] = []
    failures: dict[Path, str] = {}
    for path in named:
        problem = missing(path)
        if problem is None:
            files.append(path)
        elif os.path.isdir(path):
            try:
                found = pictures_in(path)
            except OSError as error:
                failures[path] = f"is a folder that cannot be read ({error.strerror}); give image files."
                continue
            files += found
            if not found:
                failures[path] = "is a folder without pictures; give image files, or a folder of them."
        elif glob.has_magic(os.fspath(path)):
            matches = sorted(Path(name) for name in glob.glob(os.fspath(path)))
            found = [match for match in matches if os.path.isfile(match) and is_picture(match)]
            files += found
            if not found:
                failures[path] = "matches no picture; check the pattern and its folder."
        else:
            failures[path] = problem
    return Pictures(tuple(files), failures)


def missing(path: Path) -> str | None:
    """Why a file cannot be read, or None."""
    if os.path.isfile(path):
        return None
    return "is a folder; give a file." if os.path.isdir(path) else "does not exist; check the file name."


def check_folder(folder: Path) -> None:
    """Makes the output folder now. Raises StudioError when it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(f"--out {folder} cannot be used as a folder ({error.strerror}); choose another.") from error
    except ValueError as error:
        raise StudioError(f"--out {folder} is no name of a folder; choose another.") from error


def report(failures: Mapping[Path, str], asked: int) -> int:
    """Writes one line per failed file on stderr; the exit status for `asked` files."""
    return complained([f"{path}: {message}" for path, message in failures.items()], asked)


def complained(lines: Sequence[str], asked: int) -> int:
    """Writes the lines, one per failure, on stderr; the exit status for `asked` files."""
    for line in lines:
        complain(line)
    if not lines:
        return 0
    return EXIT_BAD_INPUT if asked == 1 else EXIT_SOME_FAILED
