"""`python -m train parsing-head`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.options import Arg
from train.cli.arguments import TEACHER_FILE, Out, TimedOptions


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Learn face parsing from generator features."""

    out: Out = Path("runs/parsing-head")
    teacher: Annotated[Path, Arg("the pixel teacher's weights", metavar="FILE")] = TEACHER_FILE


def run(options: Options) -> None:
    """Writes `parsing_head.safetensors` and `report.json` into the run's folder."""
    from train.common.setup import load_preview
    from train.heads.parsing_head import ParsingHeadSettings, fit_parsing_head
    from train.parser.teacher import Teacher

    settings = ParsingHeadSettings()
    fit_parsing_head(load_preview(), Teacher(options.teacher), settings, options.out, options.max_minutes)
