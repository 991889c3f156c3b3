"""`python -m mcaclip fetch`: bring every weight file of a stack to this machine, with the user's consent."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from mcaclip.cli.arguments import EditorLoader, StackName
from mcaclip.cli.batch import EXIT_SOME_FAILED, complain
from mcaclip.cli.doctor import State, entry_row
from mcaclip.cli.options import Arg
from mcaclip.cli.photos import progress
from mcaclip.config import DEFAULT_STACK
from mcaclip.errors import StudioError, WeightsError
from mcaclip.weights import STACKS, TABLE, Entry, WeightFolders
from mcaclip.weights.obtain import ProgressFn, obtain

ASK_ABOVE_BYTES = 50_000_000
"""Downloads up to this size in all are not worth a question."""


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
    with contextlib.ExitStack() as bars:

        def watch(title: str) -> ProgressFn:
            from mcaclip.types import Progress

            bars.close()
            update = bars.enter_context(progress(title))
            return lambda stage, fraction: update(Progress(stage, fraction))

        failures = fetch(options.stack, options.yes, watch)
    for name, message in failures.items():
        complain(f"{name}: {message}")
    return EXIT_SOME_FAILED if failures else 0


@dataclass(frozen=True)
class Plan:
    """What is to be done for a stack.

    Attributes:
        missing: entries that are not ready for use; some may only have to be converted.
        downloads: those of them that have to come over the network.
        faults: a message for each file that is damaged and has to be seen to by the user, by its name.
    """

    missing: list[Entry] = field(default_factory=list)
    downloads: list[Entry] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(entry.source.download_size for entry in self.downloads)


def make_plan(stack: str, folders: WeightFolders) -> Plan:
    """Look at what a stack has and lacks on this machine; nothing is fetched.

    Args:
        stack: a key of `mcaclip.weights.STACKS`.
        folders: the folders to look in.
    """
    plan = Plan()
    for name in STACKS[stack]:
        entry = TABLE[name]
        row = entry_row(entry, folders)
        if row.state is State.DAMAGED:
            plan.faults[name] = row.advice
        elif row.state is not State.OK:
            plan.missing.append(entry)
            if row.state is State.MISSING and entry.source.download_size:
                plan.downloads.append(entry)
    return plan


def describe(plan: Plan) -> str:
    """The downloads with size and terms of use, one below the other, and their sum."""
    width = max(len(entry.name) for entry in plan.downloads)
    lines = [
        f"{entry.name:<{width}}  {entry.source.download_size / 1e6:6.0f} MB  {entry.title}\n"
        f"{'':<{width}}  terms of use: {entry.licence}"
        for entry in plan.downloads
    ]
    return "\n".join(["To be downloaded:", *lines, f"Together {plan.size / 1e6:.0f} MB."])


def agree(plan: Plan, yes: bool, stack: str) -> None:
    """Ask on the terminal before a large download.

    Raises:
        StudioError: the user does not agree, or there is no terminal to ask on and no `yes`.
    """
    if not plan.downloads:
        return
    sys.stdout.write(describe(plan) + "\n")
    if yes or plan.size <= ASK_ABOVE_BYTES:
        return
    if not sys.stdin.isatty():
        raise StudioError(
            f"{plan.size / 1e6:.0f} MB would be downloaded, and there is no terminal to ask on. If you agree with "
            f"the terms of use above, run `python -m mcaclip fetch --stack {stack} --yes`."
        )
    sys.stdout.write("Download these files and agree to their terms of use? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StudioError("Nothing was downloaded.")


def fetch(
    stack: str, yes: bool, watch: Callable[[str], ProgressFn], folders: WeightFolders | None = None
) -> dict[str, str]:
    """Fetch and convert all that a stack lacks.

    Args:
        stack: a key of `mcaclip.weights.STACKS`.
        yes: do not ask.
        watch: from an entry's title to the function that shows its progress.
        folders: the folders to work in; by default those of the environment.

    Returns:
        A message for each file that could not be had, by its name; the others are ready.

    Raises:
        StudioError: the user does not agree, or cannot be asked.
    """
    folders = folders or WeightFolders.from_environment()
    plan = make_plan(stack, folders)
    agree(plan, yes, stack)
    failures = plan.faults | _obtain_all(plan.missing, folders, watch)
    ready = len(STACKS[stack]) - len(failures)
    sys.stdout.write(f"{ready} of {len(STACKS[stack])} files of the {stack} stack are ready.\n")
    return failures


def _obtain_all(
    entries: Sequence[Entry], folders: WeightFolders, watch: Callable[[str], ProgressFn]
) -> dict[str, str]:
    failures = {}
    for entry in entries:
        try:
            located = obtain(entry, folders, watch(entry.title))
        except WeightsError as error:
            failures[entry.name] = str(error)
        else:
            sys.stdout.write(f"{entry.name}: {located.path}\n")
    return failures
