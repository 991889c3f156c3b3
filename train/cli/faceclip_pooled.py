"""`python -m train faceclip-pooled`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from train.cli.arguments import LabelledFacesOptions, Out, ReportOptions, TimedOptions, Words


@dataclass(frozen=True, kw_only=True)
class Options(ReportOptions, LabelledFacesOptions, TimedOptions):
    """Train FaceCLIP further, on pictures that are painted and pooled once."""

    out: Out = Path("runs/faceclip-pooled")
    words: Words
    sentences: Annotated[
        Path | None,
        Arg("folder of a sentence encoder, to move words of no caption: see the model card", metavar="DIR"),
    ] = None
    words_stay: Annotated[bool, Arg("with --sentences: do not move them again, because a training has")] = False
    learns: Annotated[
        Literal["both", "image", "text"],
        Arg("which tower learns; with image, captions keep their codes, and with text, pictures keep theirs"),
    ] = "both"

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        if self.learns == "image" and self.sentences:
            raise StudioError("--learns image leaves the words where they are: leave --sentences out")
        if self.words_stay and not self.sentences:
            raise StudioError("--words-stay says what --sentences does: add --sentences, or leave it out")


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
        sentences=options.sentences,
        words_stay=options.words_stay,
        learns=options.learns,
    )
