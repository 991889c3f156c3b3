"""Results appear whole or not at all: they are written under a temporary name beside their path, then moved."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

_PREFIX = ".unfinished"
_OURS = re.compile(rf"{re.escape(_PREFIX)}-(?P<host>[0-9a-f]{{8}})-(?P<pid>[0-9]{{1,9}})-[0-9a-f]{{8}}(\.[^/]*)?")


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write a file to, which becomes `path` when the block ends well and vanishes otherwise.

    A file that is at `path` stays as it is until then. It has the ending of `path`, so that writers that go by the
    ending write the same format.

    Raises:
        OSError: it cannot be moved; what the block raises passes through.
    """
    remove_leftovers(path.parent)
    temporary = _temporary(path.parent, path.suffix)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        _name_place(error, temporary, path)
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_written_whole(parent: Path, place: Callable[[], Path], old: Iterable[str] = ()) -> Iterator[Path]:
    """A new folder to write into, whose files are at their place when the block ends well, and nowhere otherwise.

    Args:
        parent: where it is made: a folder on the file system of the place.
        place: called at the end of the block for the folder's path, and again when another process has taken it. An
            existing folder keeps its files, except those that are replaced and those in `old`.
        old: patterns of the files of an earlier result.

    Yields:
        The new folder.

    Raises:
        OSError: it cannot be made or moved; what the block raises passes through.
    """
    remove_leftovers(parent)
    temporary = _temporary(parent)
    temporary.mkdir()
    try:
        yield temporary
        while True:
            folder = place()
            if os.path.lexists(folder):
                _move_into(temporary, folder, old)
                break
            try:
                os.rename(temporary, folder)
                break
            except OSError:
                if not os.path.lexists(folder):
                    raise
    except OSError as error:
        _name_place(error, temporary, parent)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes a whole file in UTF-8; what has no place in UTF-8, as halves of surrogate pairs, becomes U+FFFD.

    Raises:
        OSError: it cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_text(valid_text(text), encoding="utf-8", newline="\n")


def valid_text(text: str) -> str:
    """The text with U+FFFD for halves of surrogate pairs, as file names that are not in UTF-8 have them."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def remove_leftovers(folder: Path) -> None:
    """Removes unfinished files of killed processes of this machine from a folder; what cannot be removed stays."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _OURS.fullmatch(entry.name)
            if name is None or name["host"] != _host() or psutil.pid_exists(int(name["pid"])):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _temporary(folder: Path, ending: str = "") -> Path:
    """A name with the machine and the process in it, which show whether the process is still running."""
    return folder / f"{_PREFIX}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}{ending}"


def _name_place(error: OSError, temporary: Path, place: Path) -> None:
    """Makes an error that names no file, or a temporary one, name the path that the user knows."""
    if error.errno is not None and (error.filename is None or str(error.filename).startswith(str(temporary))):
        error.filename, error.filename2 = str(place), None


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode(errors='replace')):08x}"


def _move_into(made: Path, folder: Path, old: Iterable[str]) -> None:
    """Moves the files of a folder into another one, in place of old ones; those are put back if anything fails."""
    files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    gone = {path.relative_to(folder) for pattern in old for path in folder.glob(pattern) if path.is_file()}
    aside = _temporary(folder)
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        moved.append((source, target))

    try:
        for name in sorted(gone | {name for name in files if (folder / name).is_file()}):
            move(folder / name, aside / name)
        for name in files:
            move(made / name, folder / name)
    except BaseException:
        for source, target in reversed(moved):
            os.replace(target, source)
        shutil.rmtree(aside, ignore_errors=True)
        raise
    shutil.rmtree(aside, ignore_errors=True)
    for name in gone:
        with contextlib.suppress(OSError):  # a folder that holds something else stays
            if name.parent != Path():
                (folder / name.parent).rmdir()
