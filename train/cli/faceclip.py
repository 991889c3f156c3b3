"""`python -m train faceclip`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, TimedOptions, Words, check_start


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, TimedOptions):
    """Train FaceCLIP on the parser's faces, painted, and report what it understands."""

    out: Out = Path("runs/faceclip")
    words: Words
    start_from: Annotated[Path | None, Arg("a run's checkpoint.pt whose weights to go on from", "FILE")] = None

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        check_start(self.start_from)


def run(options: Options) -> None:
    """Writes the model, what it knows, and its report into the run's folder."""
    from train.clip.commands import make_faceclip

    make_faceclip(
        pool=options.pool,
        faces=options.faces,
        words=options.words,
        out=options.out,
        max_minutes=options.max_minutes,
        photos=options.photos,
        ascents=options.ascents,
        start_from=options.start_from,
    )
