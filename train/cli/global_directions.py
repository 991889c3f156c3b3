"""`python -m train global-directions`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.arguments import StackOptions
from mcaclip.cli.options import Arg, above_zero
from mcaclip.errors import StudioError, TrainingError
from train.cli.arguments import Out, PrecisionName, TimedOptions, count, count_or_none


@dataclass(frozen=True, kw_only=True)
class Options(StackOptions, TimedOptions):
    """Measure what each style channel does (for StyleCLIP's global directions)."""

    out: Out = Path("runs/global-directions")
    images: Annotated[int, Arg("faces that each channel is measured on", read=count)] = 100
    sigma: Annotated[float, Arg("how far from its mean a channel is moved, both ways", read=above_zero)] = 5.0
    first: Annotated[int, Arg("first channel", read=count_or_none)] = 0
    last: Annotated[int | None, Arg("channel behind the last one (default: all)", read=count_or_none)] = None
    every: Annotated[int, Arg("only every N-th channel", metavar="N", read=count)] = 1
    batch: Annotated[int, Arg("pictures at a time", read=count)] = 16
    precision: PrecisionName = "auto"

    def check(self) -> None:
        """See `ThreadOptions.check`."""
        super().check()
        if self.last is not None and self.last <= self.first:
            raise StudioError(f"--last is the channel behind the last one: use more than --first {self.first}")


def run(options: Options) -> None:
    """Measures, and writes the table into the run's folder. Raises TrainingError when the time was too short."""
    from mcaclip import loading, weights
    from mcaclip.platform.device import choose_device
    from train.common.precision import choose_precision
    from train.methods.global_directions import TableSettings, compute_table

    stack, device = options.chosen_stack(), choose_device(options.device)
    settings = TableSettings(
        images=options.images,
        sigma=options.sigma,
        first=options.first,
        last=options.last,
        every=options.every,
        batch=options.batch,
    )
    preview, space = loading.load_generator(stack, device).preview, loading.load_space(stack, device)
    precision = choose_precision(options.precision, device)
    path = compute_table(preview, space, settings, options.out, options.max_minutes, stack, precision)
    if path is None:
        raise TrainingError("no block of channels was finished: run the same command again, with more --max-minutes")
    folder = weights.WeightFolders.from_environment().methods
    logging.info("%s: copy it into %s, where `compare` finds it", path, folder)
