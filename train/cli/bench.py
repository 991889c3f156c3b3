"""`python -m train bench`: what `python -m mcaclip bench` says of a training step."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

from mcaclip.cli.arguments import MeasuringOptions
from mcaclip.cli.options import Arg
from train.cli.arguments import ThreadOptions


@dataclass(frozen=True, kw_only=True)
class Options(MeasuringOptions, ThreadOptions):
    """Time and memory of a training step."""

    full_size: Annotated[bool, Arg("through the full generator")] = False


def run(options: Options) -> None:
    """Writes seconds and peak memory."""
    from mcaclip.cli.bench import as_line, measure
    from train.prompt.bench import training_step

    editor = options.load_editor(None)
    stage = training_step(editor, options.full_size)
    sys.stdout.write(as_line(stage.name, measure(stage, editor.device)) + "\n")
