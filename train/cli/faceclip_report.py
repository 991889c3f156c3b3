"""`python -m train faceclip-report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli import options as reading
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, RunOptions):
    """Measure the FaceCLIP in use: the figures of its model card."""

    out: Out = Path("runs/faceclip-report")
    ascents_only: Annotated[bool, Arg("measure nothing but the latent ascents")] = False
    seed: Annotated[int, Arg("of the ascents: other faces and colours", read=reading.seed)] = 77

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        if self.ascents_only and self.photos:
            raise StudioError("--ascents-only measures no photos: leave --photos out")


def run(options: Options) -> None:
    """Writes `report.json` and the sheets of the ascents into the run's folder."""
    from train.clip.commands import make_report

    make_report(
        pool=options.pool,
        faces=options.faces,
        out=options.out,
        photos=options.photos,
        ascents=options.ascents,
        ascents_only=options.ascents_only,
        seed=options.seed,
    )
