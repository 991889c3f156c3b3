"""`python -m train knowledge`."""

from __future__ import annotations

from dataclasses import dataclass

from mcaclip.config import ASSETS
from train.cli.arguments import LabelledFacesOptions, Out, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(LabelledFacesOptions, RunOptions):
    """List the words that FaceCLIP was taught, and calibrate how well it knows a phrase."""

    out: Out = ASSETS / "faceclip"


def run(options: Options) -> None:
    """Writes `knowledge.json` into the folder."""
    from train.clip.commands import make_knowledge
    from train.common.setup import load_space

    make_knowledge(load_space(), options.pool, options.faces, options.out)
