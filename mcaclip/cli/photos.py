"""What `edit`, `sample` and `invert` share: the options of photos, and the output about a result."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from mcaclip.cli import options as reading
from mcaclip.cli.arguments import EditorOptions, Effort, Overwrite
from mcaclip.cli.batch import PICTURES_HELP
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from mcaclip.platform.console import say

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor
    from mcaclip.results.pipeline import Outcome
    from mcaclip.types import AlignedFace, EditSettings, Paint, Progress, ProgressCallback

ALREADY_THERE = "(already there; --overwrite makes it again)"
MAX_JOBS = 1024


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(EditorOptions):
    """Photos to work on, how their faces are found and inverted, and who does it.

    With exactly one photo and no list, it is also one row of work; see `mcaclip.cli.many`.
    """

    photos: Annotated[
        tuple[Path | str, ...],
        Arg(f"image file with a face; {PICTURES_HELP}", metavar="PHOTO", positional=True, read=reading.place),
    ] = ()
    list: Annotated[
        Path | None,
        Arg(
            "a table in place of PHOTOs: CSV with a line of column names, or JSONL. The column photo is needed; "
            "others are named as the options, and where a row gives none, the options of the command line count",
            metavar="FILE",
        ),
    ] = None
    out: Annotated[
        Path | str, Arg("folder for the results, or with fsspec its URL", metavar="DIR", read=reading.place)
    ]
    overwrite: Overwrite = False
    face: Annotated[
        int | None, Arg("which face, 0 is the largest; all: every face (default 0)", read=reading.face_or_all)
    ] = 0
    already_aligned: Annotated[
        bool, Arg("the pictures are square and aligned as the generator's training pictures were: look for no face")
    ] = False
    seed: Annotated[int, Arg("seed of the inversion", read=reading.seed)] = 0
    inversion: Effort = "good"
    jobs: Annotated[int, Arg("processes that work at the same time", read=reading.whole(1, MAX_JOBS))] = 1
    engine: Annotated[
        Literal["local", "ray"], Arg("who works: processes of this machine, or a Ray cluster (pip install ray)")
    ] = "local"
    address: Annotated[
        str | None, Arg("of the Ray cluster (default: RAY_ADDRESS, else one is started on this machine)")
    ] = None

    def check(self) -> None:
        """Raises StudioError for options that cannot be used, before anything is loaded."""
        if bool(self.photos) == bool(self.list):
            raise StudioError("Give either PHOTOs or --list FILE.")
        if self.address is not None and self.engine != "ray":
            raise StudioError("--address is that of a Ray cluster: add --engine ray, or leave it out.")
        if self.engine == "ray" and not all(map(importlib.util.find_spec, ("ray", "pyarrow"))):
            raise StudioError('--engine ray needs Ray: pip install "mcaclip-studio[ray]".')
        if self.already_aligned and self.face != 0:
            raise StudioError("--already-aligned takes the whole picture: leave --face out.")
        cores = usable_cores()
        if self.engine == "local" and self.jobs > max(cores, 1):
            raise StudioError(f"--jobs {self.jobs}: this machine has {cores} cores to use; ask for no more jobs.")
        if str(self.out).startswith("memory:") and (self.jobs > 1 or self.engine != "local"):
            raise StudioError("--out memory: is the memory of a single process; leave out --jobs and --engine.")

    def settings_for(self, editor: FaceEditor) -> EditSettings | None:
        """The edit of a photo, or None; raises PromptError when the editor cannot make it."""
        return None

    def painter(self) -> Callable[[AlignedFace], Paint] | None:
        """From a face to what was painted over it, or None."""
        return None

    def mask_file(self) -> Path | None:
        """The file of a mask that the result depends on."""
        return None

    def marked(self) -> bool:
        """Whether the pictures are marked visibly."""
        return False


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest_of(path: Path | None) -> str | None:
    """sha256 of a file; None without one."""
    from mcaclip.platform.digests import sha256_of

    return None if path is None else sha256_of(path)


def print_result(folder: Path, outcome: Outcome) -> None:
    """Writes on stdout where a result is, how good and how fast, and its notes."""
    say_result(str(folder), outcome.inversion.identity, sum(outcome.seconds.values()), notes_of(outcome))


def say_result(folder: str, likeness: float | None, seconds: float, notes: tuple[str, ...]) -> None:
    """Writes on stdout where a result is, how good and how fast, and its notes."""
    say(f"{folder}  ({'' if likeness is None else f'likeness {likeness:.2f}, '}{seconds:.1f} s)")
    for note in notes:
        say(f"  {note}")


def notes_of(outcome: Outcome) -> tuple[str, ...]:
    """What the inversion and the edit say about themselves."""
    return (*outcome.inversion.notes, *(outcome.result.notes if outcome.result else ()))


@contextlib.contextmanager
def progress(name: str) -> Iterator[ProgressCallback]:
    """A progress bar on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f} % |{bar:24}| {elapsed}"
    with tqdm(total=1.0, desc=name, disable=not sys.stderr.isatty(), leave=False, bar_format=layout) as bar:

        def update(step: Progress) -> None:
            bar.set_description(f"{name}, {step.stage}", refresh=False)
            bar.n = step.fraction
            bar.refresh()

        yield update
