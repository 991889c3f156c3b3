"""`python -m train colours`."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mcaclip.config import ASSETS
from train.cli.arguments import Out, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Write the colour names of the XKCD survey (needs matplotlib)."""

    out: Out = ASSETS / "faceclip"


def run(options: Options) -> None:
    """Writes `colours.json` into the folder."""
    from train.clip.captions.colour_names import write_colour_names

    options.out.mkdir(parents=True, exist_ok=True)
    logging.info("%d colour names", write_colour_names(options.out / "colours.json"))
