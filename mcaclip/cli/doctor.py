"""`python -m mcaclip doctor`: what is on this machine, what is missing, and how to get it.

It only looks: nothing is downloaded or converted.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated

from mcaclip.cli.arguments import EditorLoader
from mcaclip.cli.options import Arg
from mcaclip.errors import WeightsError
from mcaclip.weights import TABLE, Entry, Places
from mcaclip.weights.hub import find_download, find_original
from mcaclip.weights.sources import HubSource, PackageSource, WheelSource
from mcaclip.weights.store import (
    Located,
    Sidecar,
    find,
    find_package_file,
    find_wheel_files,
    how_to_get,
    stand_in_digest,
)
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
    """What a row says about its subject."""

    INFO = "info"
    OK = "ok"
    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Row:
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

    @property
    def good(self) -> bool:
        """Whether nothing has to be done or fetched."""
        return self.state not in (State.MISSING, State.DAMAGED)


def report(
    entries: Iterable[Entry] | None = None, places: Places | None = None, optional: Container[str] = ()
) -> list[Row]:
    """Rows about the system, then one about each weight file.

    Args:
        entries: what to look for; the whole table by default.
        places: the folders to look in; by default those of the environment.
        optional: names of the entries that the studio starts without.

    Raises:
        WeightsError: `MCACLIP_WEIGHTS` names no folder.
    """
    places = places or Places.from_environment()
    chosen = TABLE.values() if entries is None else entries
    rows = (replace(_entry_row(entry, places), optional=entry.name in optional) for entry in chosen)
    return [*_system_rows(places), *rows]


def format_report(rows: Sequence[Row]) -> str:
    """The report as text: a line a row, its licence and advice indented below it, a summary at the end."""
    width = max((len(row.name) for row in rows), default=0)
    lines: list[str] = []
    for row in rows:
        lines.append(f"{row.state.value:<8} {row.name:<{width}}  {row.detail}")
        # Not wrapped: commands and paths are to be copied as they stand.
        lines += [
            f"{'':<9}{label}: {text}" for label, text in (("licence", row.licence), ("to do", row.advice)) if text
        ]
    optional = [row.name for row in rows if not row.good and row.optional]
    extras = {name for names in EXTRAS.values() for name in names}
    if paper := [name for name in optional if name not in extras]:
        lines.append(f"Not ready, and needed for the paper stack only: {', '.join(paper)}.")
    if extra := [name for name in optional if name in extras]:
        lines.append(f"Not ready, and the studio works without: {', '.join(extra)}.")
    faults = [row.name for row in rows if not row.good and not row.optional]
    lines.append(f"Not ready: {', '.join(faults)}." if faults else "Everything needed is on this machine.")
    return "\n".join(lines)


def exit_status(rows: Iterable[Row]) -> int:
    """0 when everything needed is on this machine and verified, 1 when something is missing or damaged."""
    return 0 if all(row.good or row.optional for row in rows) else 1


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Writes the report; the exit status.

    With a stack its files are looked at, and all of them are needed. Without one it is both stacks, of which the
    files of the compact one are needed.

    Raises:
        WeightsError: `MCACLIP_WEIGHTS` names no folder.
    """
    stack = options.stack
    names = tuple(TABLE) if stack is None else (*STACKS[stack], *EXTRAS[stack])
    needed = STACKS["compact" if stack is None else stack]
    rows = report([TABLE[name] for name in names], optional=set(names) - set(needed))
    sys.stdout.write(format_report(rows) + "\n")
    return exit_status(rows)


def _system_rows(places: Places) -> list[Row]:
    return [
        Row("python", State.INFO, f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *_torch_rows(),
        Row("cache", State.INFO, str(places.cache)),
        Row("MCACLIP_WEIGHTS", State.INFO, str(places.local) if places.local else "not set"),
    ]


def _torch_rows() -> list[Row]:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a broken shared library
        advice = "Run `python -m pip install -r requirements.txt`."
        return [Row("torch", State.MISSING, f"cannot be imported: {error}", advice=advice)]
    if torch.cuda.is_available():
        device = f"cuda, {torch.cuda.get_device_name()}"
    elif torch.backends.mps.is_available():
        device = "mps"
    else:
        device = f"cpu, {torch.get_num_threads()} threads"
    return [Row("torch", State.INFO, torch.__version__), Row("device", State.INFO, device)]


def _entry_row(entry: Entry, places: Places) -> Row:
    try:
        located = find(entry, places)
        if located is not None:
            detail = f"{entry.title}: verified, {located.where}: {located.path}{_remark(entry, places, located)}"
            return Row(entry.name, State.OK, detail, entry.licence)
        source = _local_source(entry, places)
    except WeightsError as error:
        return Row(entry.name, State.DAMAGED, entry.title, entry.licence, str(error))
    if source is not None:
        detail = f"{entry.title}: source verified, {source.where}: {source.path}; converted at first use"
        return Row(entry.name, State.READY, detail, entry.licence)
    return Row(entry.name, State.MISSING, f"{entry.title}: {entry.file}", entry.licence, _advice(entry))


def _local_source(entry: Entry, places: Places) -> Located | None:
    """The verified source on this machine that the entry could be converted from."""
    if entry.conversion is None:
        return None
    if isinstance(entry.source, PackageSource):
        return find_package_file(entry, entry.source, places)
    if isinstance(entry.source, WheelSource) and (found := find_wheel_files(entry, entry.source, places)):
        return Located(found[0], "local folder", entry.source.sha256)
    if isinstance(entry.source, HubSource):
        if original := find_original(entry, entry.source, places):
            return Located(original.path, "local folder", original.sha256)
        if original := find_download(entry, entry.source, places):
            return Located(original.path, "the hub's cache", original.sha256)
    return None


def _remark(entry: Entry, places: Places, located: Located) -> str:
    """What a person should know about a converted file from the hub, besides that it is whole."""
    if stand_in_digest(entry, places):
        return "; a STAND-IN with random weights, for tests and speed measurements only"
    record = Sidecar.beside(located.path) if isinstance(entry.source, HubSource) else None
    if record is not None and record.trusted:
        return (
            f"; the sha256 of {record.trusted} was not known beforehand, that of its first use is trusted: "
            f"{record.source_sha256}"
        )
    return ""


def _advice(entry: Entry) -> str:
    if isinstance(entry.source, WheelSource):
        size = entry.source.wheel.size / 1e6
        return (
            f"It is fetched ({size:.0f} MB) and converted at the first start, or now by "
            f"`python -c \"from mcaclip import weights; weights.get('{entry.name}')\"`. "
            f"{how_to_get(entry)}"
        )
    if isinstance(entry.source, HubSource):
        note = "" if entry.source.pins else " Its sha256 is not known beforehand: that of the first use is trusted."
        return f"It has {entry.source.size / 1e6:.0f} MB. {how_to_get(entry)}{note}"
    return how_to_get(entry)
