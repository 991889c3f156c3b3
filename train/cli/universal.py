"""`python -m train universal`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import DIRECTIONS_FILE, Directions, Out, TimedOptions, minutes


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Train one edit network for every prompt that FaceCLIP knows.

    The colour teacher has its own time, which comes before that of --max-minutes.
    """

    out: Out = Path("runs/universal")
    teacher_minutes: Annotated[
        float, Arg("minutes for the colour teacher (default 45; 0: as it is)", read=minutes)
    ] = 45.0
    without_ff: Annotated[bool, Arg("the ablation: CF-CLIP's text module in place of Feature Fusion")] = False
    directions: Directions = DIRECTIONS_FILE


def run(options: Options) -> None:
    """Trains the teacher and the network, or goes on, and writes the network into the run's folder."""
    from train.universal.universal import UniversalRun
    from train.universal.universal import run as train

    choice = UniversalRun(
        out=options.out,
        directions=options.directions,
        teacher_minutes=options.teacher_minutes,
        minutes=options.max_minutes,
        without_ff=options.without_ff,
    )
    train(choice)
