"""`python -m train faceclip-pooled`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcaclip.cli.options import Arg
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, TimedOptions, Words


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, TimedOptions):
    """Train FaceCLIP further, on pictures that are painted and pooled once."""

    out: Out = Path("runs/faceclip-pooled")
    words: Words
    learns: Annotated[
        Literal["both", "image", "text"],
        Arg("which tower learns; with image, captions keep their codes, and with text, pictures keep theirs"),
    ] = "both"


def run(options: Options) -> None:
    """Writes the model, what it knows, and its report into the run's folder."""
    from train.clip.commands import make_pooled

    make_pooled(
        pool=options.pool,
        faces=options.faces,
        words=options.words,
        out=options.out,
        max_minutes=options.max_minutes,
        photos=options.photos,
        ascents=options.ascents,
        learns=options.learns,
    )
