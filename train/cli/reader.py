"""`python -m train reader`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.cli.arguments import Out, TimedOptions


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Train the reader of prompts on sentences that are drawn from the table of wishes."""

    out: Out = Path("runs/reader")


def run(options: Options) -> None:
    """Writes the network and what it understands into the run's folder."""
    from train.reading.train import run as train

    train(options.out, options.max_minutes)
