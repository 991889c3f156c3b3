"""The pictures of the paper's table: edits of a few faces, labelled, as in the paper's Figures 4 to 6."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from mcaclip.evaluation.sheets_of_methods import blank, head, join, label, stack
from mcaclip.methods.base import METHODS
from mcaclip.evaluation.paper_table import TableRun


def sheet(run: TableRun, prompts: Sequence[str], methods: Sequence[str]) -> Image.Image | None:
    """A column a prompt, a line a method and face, the face first; None without any picture."""
    lines = []
    for face in run.faces():
        for method in methods:
            edits = [run.tile(method, prompt, face) for prompt in prompts]
            if any(file.is_file() for file in edits):
                tiles = [_opened(file) for file in (run.tile("source", "face", face), *edits)]
                lines.append(join([label(METHODS[method].title, [face]), *tiles]))
    return stack([head(["face", *prompts]), *lines]) if lines else None


def faces_sheet(run: TableRun, prompts: Sequence[str], methods: Sequence[str]) -> Image.Image | None:
    """A column a face, a line a method and prompt, the faces on top; None without any picture."""
    faces, lines = run.faces(), []
    for prompt in prompts:
        for method in methods:
            files = [run.tile(method, prompt, face) for face in faces]
            if any(file.is_file() for file in files):
                lines.append(join([label(METHODS[method].title, [prompt]), *(_opened(file) for file in files)]))
    if not lines:
        return None
    sources = [_opened(run.tile("source", "face", face)) for face in faces]
    return stack([head(faces), join([label("source", []), *sources]), *lines])


def _opened(file: Path) -> Image.Image:
    if not file.is_file():
        return blank("not fitted")
    with Image.open(file) as picture:
        return picture.convert("RGB")
