"""`python -m train universal-words`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import MOST_MINUTES, Out, RunOptions, minutes


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Teach the universal network the words of a FaceCLIP that was trained further."""

    out: Out = Path("runs/universal-words")
    before: Annotated[Path, Arg("weights of the FaceCLIP whose words it knows", metavar="FILE")]
    max_minutes: Annotated[
        float,
        Arg("stop training after this many minutes (default: no limit; 0: only the new digest)", read=minutes),
    ] = MOST_MINUTES


def run(options: Options) -> None:
    """Writes the network into the run's folder."""
    from train.universal.adapt_to_text_tower import run as adapt

    adapt(options.before, options.out, options.max_minutes)
