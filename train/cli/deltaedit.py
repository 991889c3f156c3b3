"""`python -m train deltaedit`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.arguments import StackOptions
from mcaclip.cli.options import Arg
from train.cli.arguments import Out, TimedOptions, count


@dataclass(frozen=True, kw_only=True)
class Options(StackOptions, TimedOptions):
    """Train DeltaEdit on pairs of generated faces (one model, any prompt)."""

    out: Out = Path("runs/deltaedit")
    faces: Annotated[int, Arg("faces that the pairs are drawn from", read=count)] = 2000
    steps: Annotated[int, Arg("optimiser steps", read=count)] = 5000


def run(options: Options) -> None:
    """Trains, and writes the model into the run's folder."""
    from mcaclip import loading, weights
    from mcaclip.platform.device import choose_device
    from train.methods.deltaedit import DeltaSettings, train_deltaedit

    stack, device = options.chosen_stack(), choose_device(options.device)
    settings = DeltaSettings(faces=options.faces, steps=options.steps)
    preview, space = loading.load_generator(stack, device).preview, loading.load_space(stack, device)
    path = train_deltaedit(preview, space, settings, options.out, options.max_minutes, stack)
    folder = weights.WeightFolders.from_environment().methods
    logging.info("%s: copy it into %s, where `compare` finds it", path, folder)
