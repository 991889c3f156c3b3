"""`python -m train hard-faces`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcaclip.cli.arguments import Device, Effort
from mcaclip.config import DEFAULT_STACK
from train.cli.arguments import Out, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Edit generated faces with drawn hats, microphones and hands."""

    out: Out = Path("runs/hard-faces")
    inversion: Effort = "good"
    device: Device = "cpu"


def run(options: Options) -> None:
    """Writes the sheet `hard_faces.jpg` into the folder."""
    from mcaclip.editor import load_editor
    from train.extras.hard_faces import draw_hard_faces

    draw_hard_faces(load_editor(DEFAULT_STACK, options.device), options.out, options.inversion)
