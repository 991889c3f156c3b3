"""`python -m train inversion-figures`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.arguments import Device
from mcaclip.cli.options import Arg
from mcaclip.validate import check_effort
from train.cli.arguments import DIRECTIONS_FILE, Directions, Out, RunOptions, count_or_none


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Measure inversions with a face network that nothing is optimised against."""

    out: Out = Path("runs/inversion-figures")
    judge: Annotated[Path, Arg("folder with mobileface.json and mobileface.bin", metavar="DIR")]
    photos: Annotated[Path | None, Arg("folder of photos", metavar="DIR")] = None
    limit: Annotated[int, Arg("photos at most", read=count_or_none)] = 40
    faces: Annotated[int, Arg("generated faces", read=count_or_none)] = 200
    efforts: Annotated[
        tuple[str, ...], Arg("inversion efforts (default: instant good best)", read=check_effort, joined=True)
    ] = ("instant", "good", "best")
    edits: Annotated[int, Arg("generated faces, and photos, to edit as well", read=count_or_none)] = 0
    directions: Directions = DIRECTIONS_FILE
    device: Device = "auto"


def run(options: Options) -> None:
    """Writes `rows.jsonl`, `figures.json` and the sheets into the run's folder."""
    from mcaclip.editor import load_editor
    from mcaclip.perception.independent_identity import IndependentIdentity
    from train.encoder.figures import FigureSettings
    from train.encoder.figures import run as measure

    settings = FigureSettings(
        options.photos, options.limit, options.faces, options.efforts, options.edits, options.directions
    )
    measure(load_editor(device=options.device), IndependentIdentity.load(options.judge), settings, options.out)
