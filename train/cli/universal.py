"""`python -m train universal`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from train.cli.arguments import DIRECTIONS_FILE, Directions, Out, TimedOptions, check_start, minutes


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
    measured: Annotated[Path, Arg("measured directions, of `python -m train directions`", metavar="FILE")] = Path(
        "runs/directions/directions.safetensors"
    )
    start_from: Annotated[
        Path | None,
        Arg("a universal network that knows colours already, in place of the colour teacher", metavar="FILE"),
    ] = None

    def check(self) -> None:
        """Raises StudioError for what can be refused before anything is loaded."""
        super().check()
        check_start(self.start_from)
        if self.start_from and self.without_ff:
            raise StudioError("--start-from begins with a whole network: leave --without-ff out")


def run(options: Options) -> None:
    """Trains the teacher and the network, or goes on, and writes the network into the run's folder."""
    from train.universal.universal import UniversalRun
    from train.universal.universal import run as train

    choice = UniversalRun(
        out=options.out,
        directions=options.directions,
        teacher_minutes=options.teacher_minutes,
        measured=options.measured,
        start_from=options.start_from,
        minutes=options.max_minutes,
        without_ff=options.without_ff,
    )
    train(choice)
