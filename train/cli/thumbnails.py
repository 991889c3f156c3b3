"""`python -m train thumbnails`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mcaclip.cli.arguments import Device
from mcaclip.cli.options import Arg
from mcaclip.config import ASSETS, DEFAULT_STACK
from train.cli.arguments import Out, RunOptions


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """Draw the small pictures of the page's prompt library, and its example edit, on generated faces.

    The example is drawn when all pictures are.
    """

    out: Out = ASSETS / "thumbnails"
    prompt: Annotated[tuple[str, ...], Arg("only this one (repeatable; default all)")] = ()
    device: Device = "cpu"


def run(options: Options) -> None:
    """Writes a JPEG per prompt into the folder, and the example beside it."""
    from mcaclip.editor import load_editor
    from train.extras.thumbnails import draw_example, draw_thumbnails

    editor = load_editor(DEFAULT_STACK, options.device)
    draw_thumbnails(editor, options.out, options.prompt)
    if not options.prompt:
        draw_example(editor, options.out.parent / "example")
