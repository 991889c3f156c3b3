"""Sheets of a comparison: one row per method, with its edit, what changed, its masks and its figures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mcaclip.evaluation.compare import CompareRow, cell
from mcaclip.evaluation.paper_table import SOURCE, TableRun
from mcaclip.imaging.visuals import change_map, mask_tile
from mcaclip.methods.base import title_of
from mcaclip.types import to_uint8

TILE, LABEL, HEAD = 256, 300, 40
SMALL = TILE // 2
"""Side of the change and of the mask, which stand side by side below an edit in the overview."""
PAPER, INK, QUIET = (250, 249, 246), (30, 32, 36), (120, 122, 126)


def compare_sheet(rows: Sequence[CompareRow]) -> Image.Image:
    """One face, one line per method: label, source, edit, what changed, final mask."""
    return stack([head(["source", "edit", "what changed", "final mask"]), *(_line(row) for row in rows)])


def overview_sheet(rows: Sequence[CompareRow]) -> Image.Image:
    """Many faces: one line per method, one column per face with the edit above what changed and the final mask.

    The faces themselves are on top.
    """
    faces = list(dict.fromkeys(row.face for row in rows))
    sources = {row.face: row.edit.source for row in rows if row.edit}
    lines = [head(faces), join([label("source", []), *(picture(sources.get(face)) for face in faces)])]
    for method in dict.fromkeys(row.method for row in rows):
        own = {row.face: row for row in rows if row.method == method}
        some = next(iter(own.values()))
        if not any(row.edit for row in own.values()):
            lines.append(label(some.title, [], some.problem, size=(LABEL + len(faces) * TILE, SMALL)))
            continue
        name = label(some.title, ["edit", "below: what changed, final mask"], size=(LABEL, TILE + SMALL))
        lines.append(join([name, *(_column(own.get(face)) for face in faces)]))
    return stack(lines)


def small_row(row: CompareRow) -> CompareRow:
    """The row with its pictures at the size of a tile and without its inner masks, so that many fit into memory."""
    if row.edit is None:
        return row
    edit, masks = row.edit, row.edit.masks[-1:]
    if masks and masks[0].shape[-1] > TILE:
        masks = (F.adaptive_avg_pool2d(masks[0][None], TILE)[0],)
    return replace(row, edit=replace(edit, image=_shrunk(edit.image), source=_shrunk(edit.source), masks=masks))


def _column(row: CompareRow | None) -> Image.Image:
    """A face's edit, and below it at half the size what changed and the final mask."""
    if row is None or row.edit is None:
        return blank("not fitted", (TILE, TILE + SMALL))
    edit = row.edit
    change = Image.fromarray(change_map(edit.source, edit.image, SMALL))
    mask = Image.fromarray(mask_tile(edit.masks[-1], SMALL)) if edit.masks else blank("no masks", (SMALL, SMALL))
    return stack([picture(edit.image), join([change, mask])])


def _line(row: CompareRow) -> Image.Image:
    if row.edit is None or row.figures is None:
        return label(row.title, [], row.problem, size=(LABEL + 4 * TILE, SMALL))
    f, edit = row.figures, row.edit
    hit = f"hit: {cell(f.hit)}   moved: {cell(f.moved)}"
    lines = [hit, f"leak: {cell(f.leak)}", f"identity: {f.identity:.3f}", f"{f.seconds:.1f} s"]
    mask = Image.fromarray(mask_tile(edit.masks[-1], TILE)) if edit.masks else blank("no masks")
    change = Image.fromarray(change_map(edit.source, edit.image, TILE))
    return join([label(row.title, lines), picture(edit.source), picture(edit.image), change, mask])


def _shrunk(picture: Tensor) -> Tensor:
    """A picture `[3, S, S]` at the size of a tile."""
    return F.interpolate(picture[None], size=(TILE, TILE), mode="bilinear", antialias=True)[0]


def picture(picture: Tensor | None) -> Image.Image:
    """A tile of a picture `[3, S, S]` in [-1, 1]."""
    return blank("not fitted") if picture is None else Image.fromarray(to_uint8(_shrunk(picture)))


def blank(words: str, size: tuple[int, int] = (TILE, TILE)) -> Image.Image:
    """A tile without a picture, `(width, height)` in pixels."""
    tile = Image.new("RGB", size, PAPER)
    centre = (size[0] // 2, size[1] // 2)
    ImageDraw.Draw(tile).text(centre, words, QUIET, ImageFont.load_default(16), anchor="mm")
    return tile


def head(columns: Sequence[str]) -> Image.Image:
    """A line with a name over every column of tiles, behind the column of labels."""
    line = Image.new("RGB", (LABEL + TILE * len(columns), HEAD), PAPER)
    for number, name in enumerate(columns):
        at = (LABEL + TILE * number + TILE // 2, HEAD // 2)
        ImageDraw.Draw(line).text(at, name, INK, ImageFont.load_default(16), anchor="mm")
    return line


def label(
    title: str, lines: Sequence[str], problem: str | None = None, size: tuple[int, int] = (LABEL, TILE)
) -> Image.Image:
    """The label in front of a line of tiles, `(width, height)` in pixels."""
    tile = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(tile)
    draw.text((16, 16), title, INK, ImageFont.load_default(20))
    body = [
        *lines,
        *textwrap.wrap(problem or "", (size[0] - 32) // 8, break_long_words=False, break_on_hyphens=False),
    ]
    draw.multiline_text((16, 56), "\n".join(body), QUIET, ImageFont.load_default(15), spacing=6)
    return tile


def join(tiles: Sequence[Image.Image]) -> Image.Image:
    """Tiles of one height beside each other."""
    return Image.fromarray(np.concatenate([np.asarray(tile) for tile in tiles], 1))


def stack(lines: Sequence[Image.Image]) -> Image.Image:
    """Lines below each other; shorter ones are padded on the right."""
    width = max(line.width for line in lines)
    sheet = Image.new("RGB", (width, sum(line.height for line in lines)), PAPER)
    top = 0
    for line in lines:
        sheet.paste(line, (0, top))
        top += line.height
    return sheet


def table_sheet(run: TableRun, prompts: Sequence[str], methods: Sequence[str]) -> Image.Image | None:
    """One column per prompt, one line per method and face, the face first; None without any picture."""
    lines = []
    for face in run.faces():
        source = _opened(run.tile(*SOURCE, face))
        for method in methods:
            lines += _edits(title_of(method), face, [source], [run.tile(method, p, face) for p in prompts])
    return stack([head(["face", *prompts]), *lines]) if lines else None


def faces_sheet(run: TableRun, prompts: Sequence[str], methods: Sequence[str]) -> Image.Image | None:
    """One column per face, one line per method and prompt, the faces on top; None without any picture."""
    faces, lines = run.faces(), []
    for prompt in prompts:
        for method in methods:
            lines += _edits(title_of(method), prompt, [], [run.tile(method, prompt, face) for face in faces])
    sources = [_opened(run.tile(*SOURCE, face)) for face in faces]
    return stack([head(faces), join([label("source", []), *sources]), *lines]) if lines else None


def _edits(title: str, of: str, first: Sequence[Image.Image], files: Sequence[Path]) -> list[Image.Image]:
    """A labelled line of edits, behind the tiles `first`; none where there is no file."""
    if not any(file.is_file() for file in files):
        return []
    return [join([label(title, [of]), *first, *(_opened(file) for file in files)])]


def _opened(file: Path) -> Image.Image:
    if not file.is_file():
        return blank("not fitted")
    with Image.open(file) as picture:
        return picture.convert("RGB")
