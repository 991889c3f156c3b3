"""`python -m train preview-head`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.cli.arguments import Out, TimedOptions


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Fit the 256 px preview of the embedded generator."""

    out: Out = Path("runs/preview-head")


def run(options: Options) -> None:
    """Writes `preview_head.safetensors` and `report.json` into the run's folder."""
    from train.common.setup import load_generator
    from train.heads.preview_head import PreviewHeadSettings, fit_preview_head

    fit_preview_head(load_generator(), PreviewHeadSettings(), options.out, options.max_minutes)
