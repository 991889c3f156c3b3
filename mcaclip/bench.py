"""How long each stage takes on this machine: `python -m mcaclip bench`."""

from __future__ import annotations

import time
from collections.abc import Callable

from mcaclip.align import already_aligned
from mcaclip.editor import FaceEditor
from mcaclip.types import EditSettings, to_uint8


def run(editor: FaceEditor, repeats: int = 3) -> dict[str, float]:
    """Best of `repeats` wall times in seconds, a stage each (an inversion runs once)."""
    face = editor.sample(0)
    settings = EditSettings(editor.prompts()[0])
    aligned = already_aligned(to_uint8(face.reconstruction))
    stages: dict[str, tuple[Callable[[], object], int]] = {
        "random face, 1024 px": (lambda: editor.sample(1), repeats),
        "edit, 1024 px": (lambda: editor.edit(face, settings), repeats),
        "slider preview, 256 px": (lambda: editor.preview(face, settings), repeats),
        "inversion, good": (lambda: editor.invert(aligned, "good"), 1),
    }
    return {name: round(_best(call, count), 2) for name, (call, count) in stages.items()}


def _best(call: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
