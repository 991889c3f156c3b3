"""`python -m train deltaedit`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.arguments import StackOptions
from mcaclip.cli.options import Arg
from train.cli.arguments import Out, PrecisionName, TimedOptions, count


@dataclass(frozen=True, kw_only=True)
class Options(StackOptions, TimedOptions):
    """Train DeltaEdit on pairs of generated faces (one model, any prompt)."""

    out: Out = Path("runs/deltaedit")
    faces: Annotated[int, Arg("faces that the pairs are drawn from", read=count)] = 4000
    steps: Annotated[int, Arg("optimiser steps", read=count)] = 2000
    precision: PrecisionName = "auto"


def run(options: Options) -> None:
    """Trains, and writes the model into the run's folder."""
    from mcaclip import loading, weights
    from mcaclip.platform.device import choose_device
    from train.common.precision import choose_precision
    from train.methods.deltaedit import DeltaSettings, train_deltaedit

    stack, device = options.chosen_stack(), choose_device(options.device)
    precision = choose_precision(options.precision, device)
    settings = DeltaSettings(options.faces, options.steps, raw_styles=stack.generator == "stylegan2")
    pair, space = loading.load_generator(stack, device), loading.load_space(stack, device)
    path = train_deltaedit(pair, space, settings, options.out, options.max_minutes, stack, precision)
    folder = weights.WeightFolders.from_environment().methods
    logging.info("%s: copy it into %s, where `compare` finds it", path, folder)
