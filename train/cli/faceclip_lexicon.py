"""`python -m train faceclip-lexicon`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import LabelledFacesOptions, Out, TimedOptions, Words


@dataclass(frozen=True, kw_only=True)
class Options(LabelledFacesOptions, TimedOptions):
    """Teach FaceCLIP's text tower nouns of a dictionary, without pictures."""

    out: Out = Path("runs/faceclip-lexicon")
    words: Words
    dictionary: Annotated[Path, Arg("WordNet's folder `dict`: see the model card", metavar="DIR")]
    synonyms: Annotated[Path, Arg("Ding's file `de-en`: see the model card", metavar="FILE")]
    sentences: Annotated[Path, Arg("folder of a sentence encoder: see the model card", metavar="DIR")]


def run(options: Options) -> None:
    """Writes the model and what it knows into the run's folder."""
    from train.clip.commands import make_lexicon

    make_lexicon(
        pool=options.pool,
        faces=options.faces,
        words=options.words,
        sentences=options.sentences,
        dictionary=options.dictionary,
        synonyms=options.synonyms,
        out=options.out,
        max_minutes=options.max_minutes,
    )
