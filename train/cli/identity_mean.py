"""`python -m train identity-mean`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.cli.arguments import Out, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """The mean face descriptor that identity scores are centred with."""

    out: Out = Path("runs/identity-mean")


def run(options: Options) -> None:
    """Writes `identity_mean.safetensors` and `report.json` into the run's folder."""
    from train.common.setup import load_preview
    from train.heads.identity_mean import fit_identity_mean

    fit_identity_mean(load_preview(), options.out)
