"""`python -m train stand-in`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from mcaclip.cli.options import Arg
from train.cli.arguments import Out, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Random files in place of the paper stack's weights, for tests and speed measurements."""

    out: Out = Path("runs/stand-in")
    only: Annotated[
        tuple[Literal["stylegan2", "e4e", "arcface_ir_se50", "parsenet", "clip_vit_b32"], ...],
        Arg("only this file (repeatable; default all, 2.0 GB)"),
    ] = ()


def run(options: Options) -> None:
    """Writes the files into the folder."""
    from train.extras.stand_in import make_stand_ins

    make_stand_ins(options.out, options.only)
