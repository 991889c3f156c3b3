"""`python -m mcaclip doctor`: what is on this machine, what is missing, and how to get it.

Nothing is downloaded or converted.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.options import Arg
from mcaclip.errors import WeightsError
from mcaclip.weights import TABLE, WeightEntry, WeightFolders
from mcaclip.weights.table import EXTRAS, STACKS


@dataclass(frozen=True, kw_only=True)
class Options:
    """Check every weight file, and say how to get what is missing.

    The exit status is 0 when everything needed is on this machine and verified, 1 when something is missing or
    damaged, 2 for a bad setting.
    """

    stack: Annotated[
        str | None,
        Arg("only this stack (default: both, of which compact is needed)", choices=tuple(STACKS)),
    ] = None


class State(Enum):
    """The result for one subject."""

    INFO = "info"
    OK = "ok"
    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Finding:
    """One subject of the report.

    Attributes:
        name: a weight's name, or a part of the system.
        state: INFO is no judgement; OK is present and verified; READY has its verified source on this machine
            and is converted at first use; MISSING and DAMAGED need `advice`.
        detail: what was found and where.
        licence: terms of use, empty for rows about the system.
        advice: what to do, empty when there is nothing to do.
        optional: whether the studio starts without it; then it does not count for the exit status.
    """

    name: str
    state: State
    detail: str
    licence: str = ""
    advice: str = ""
    optional: bool = False


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes the report; the exit status.

    With a stack, its files are checked and all of them are needed. Without one, the files of both stacks are checked
    and those of the compact one are needed.

    Raises:
        WeightsError: `MCACLIP_WEIGHTS` names no folder.
    """
    stack = options.stack
    names = tuple(TABLE) if stack is None else (*STACKS[stack], *EXTRAS[stack])
    needed = STACKS["compact" if stack is None else stack]
    folders = WeightFolders.from_environment()
    files = [replace(entry_row(TABLE[name], folders), optional=name not in needed) for name in names]
    rows = [*system_rows(folders), *files]
    sys.stdout.write(format_report(rows) + "\n")
    return exit_status(rows)


def system_rows(folders: WeightFolders) -> list[Finding]:
    """Python, torch and the folders."""
    return [
        Finding("python", State.INFO, f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *_torch_rows(),
        Finding("cache", State.INFO, str(folders.cache)),
        Finding("MCACLIP_WEIGHTS", State.INFO, str(folders.local) if folders.local else "not set"),
    ]


def _torch_rows() -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a broken shared library
        advice = "Run `python -m pip install -r requirements.txt`."
        return [Finding("torch", State.MISSING, f"cannot be imported: {error}", advice=advice)]
    if torch.cuda.is_available():
        device = f"cuda, {torch.cuda.get_device_name()}"
    elif torch.backends.mps.is_available():
        device = "mps"
    else:
        device = f"cpu, {torch.get_num_threads()} threads"
    return [Finding("torch", State.INFO, torch.__version__), Finding("device", State.INFO, device)]


def entry_row(entry: WeightEntry, folders: WeightFolders) -> Finding:
    """What this machine has of a weight file; the advice for a damaged one says what is wrong with it."""
    try:
        if located := entry.find(folders):
            note = f"; {located.record.note}" if located.record is not None and located.record.note else ""
            detail = f"{entry.title}: verified, {located.where}: {located.path}{note}"
            return Finding(entry.name, State.OK, detail, entry.licence)
        if entry.read is not None and (source := entry.source.find(entry, folders)):
            detail = f"{entry.title}: source verified, {source.where}: {source.path}; converted at first use"
            return Finding(entry.name, State.READY, detail, entry.licence)
    except WeightsError as error:
        return Finding(entry.name, State.DAMAGED, entry.title, entry.licence, str(error))
    size = f"It has {entry.source.size / 1e6:.0f} MB. " if entry.source.size else ""
    return Finding(entry.name, State.MISSING, f"{entry.title}: {entry.file}", entry.licence, size + entry.remedy)


def format_report(rows: Sequence[Finding]) -> str:
    """The report as text: one line per row, its licence and advice indented below it, a summary at the end."""
    width = max(len(row.name) for row in rows)
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row.state.value:<8} {row.name:<{width}}  {row.detail}")
        # Not wrapped: commands and paths are to be copied as they stand.
        for label, text in (("licence", row.licence), ("to do", row.advice)):
            if text:
                lines.append(f"{'':<9}{label}: {text}")
    missing = [row for row in rows if row.state in (State.MISSING, State.DAMAGED)]
    optional = [row.name for row in missing if row.optional]
    extras = {name for names in EXTRAS.values() for name in names}
    if paper := [name for name in optional if name not in extras]:
        lines.append(f"Not ready, and needed for the paper stack only: {', '.join(paper)}.")
    if extra := [name for name in optional if name in extras]:
        lines.append(f"Not ready, and the studio works without: {', '.join(extra)}.")
    faults = [row.name for row in missing if not row.optional]
    lines.append(f"Not ready: {', '.join(faults)}." if faults else "Everything needed is on this machine.")
    return "\n".join(lines)


def exit_status(rows: Sequence[Finding]) -> int:
    """0 when everything needed is on this machine and verified, 1 when something is missing or damaged."""
    return int(any(row.state in (State.MISSING, State.DAMAGED) and not row.optional for row in rows))
