"""`python -m mcaclip fetch`: bring every weight file of a stack to this machine, with the user's consent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from mcaclip.cli.arguments import EditorLoader, StackName
from mcaclip.cli.batch import EXIT_SOME_FAILED, complain
from mcaclip.cli.doctor import State, entry_row
from mcaclip.cli.options import Arg
from mcaclip.cli.photos import progress
from mcaclip.config import DEFAULT_STACK
from mcaclip.errors import StudioError, WeightsError
from mcaclip.weights import STACKS, TABLE, WeightEntry, WeightFolders
from mcaclip.weights.obtain import obtain
from mcaclip.weights.table import EXTRAS

ASK_ABOVE_BYTES = 50_000_000
"""Downloads up to this size in all need no confirmation."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Download and convert every weight file of a stack."""

    stack: StackName = DEFAULT_STACK
    yes: Annotated[bool, Arg("do not ask before a large download")] = False


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Fetches what is missing; the exit status is 3 when some could not be had, each named on stderr.

    Raises:
        StudioError: the user does not agree, or cannot be asked.
    """
    folders = WeightFolders.from_environment()
    names = (*STACKS[options.stack], *(name for name in EXTRAS[options.stack] if TABLE[name].source.size))
    rows = [entry_row(TABLE[name], folders) for name in names]
    downloads = [TABLE[row.name] for row in rows if row.state is State.MISSING and TABLE[row.name].source.size]
    agree(downloads, options.stack, options.yes)
    failures = {row.name: row.advice for row in rows if row.state is State.DAMAGED}
    for row in rows:
        if row.state in (State.MISSING, State.READY):
            try:
                _fetch(TABLE[row.name], folders)
            except WeightsError as error:
                failures[row.name] = str(error)
    sys.stdout.write(f"{len(names) - len(failures)} of {len(names)} files of the {options.stack} stack are ready.\n")
    for name, message in failures.items():
        complain(f"{name}: {message}")
    return EXIT_SOME_FAILED if failures else 0


def agree(downloads: Sequence[WeightEntry], stack: str, yes: bool) -> None:
    """List the downloads with sizes and terms of use, and ask on the terminal before a large one.

    Raises:
        StudioError: the user does not agree, or there is no terminal to ask on and no `--yes`.
    """
    if not downloads:
        return
    size = sum(entry.source.size for entry in downloads)
    width = max(len(entry.name) for entry in downloads)
    sys.stdout.write("To be downloaded:\n")
    for entry in downloads:
        sys.stdout.write(f"{entry.name:<{width}}  {entry.source.size / 1e6:6.0f} MB  {entry.title}\n")
        sys.stdout.write(f"{'':<{width}}  terms of use: {entry.licence}\n")
    sys.stdout.write(f"Together {size / 1e6:.0f} MB.\n")
    if yes or size <= ASK_ABOVE_BYTES:
        return
    if not sys.stdin.isatty():
        raise StudioError(
            f"{size / 1e6:.0f} MB would be downloaded, and there is no terminal to ask on. If you agree with "
            f"the terms of use above, run `python -m mcaclip fetch --stack {stack} --yes`."
        )
    sys.stdout.write("Download these files and agree to their terms of use? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StudioError("Nothing was downloaded.")


def _fetch(entry: WeightEntry, folders: WeightFolders) -> None:
    from mcaclip.types import Progress

    with progress(entry.title) as update:
        located = obtain(entry, folders, lambda stage, fraction: update(Progress(stage, fraction)))
    sys.stdout.write(f"{entry.name}: {located.path}\n")
