"""Sheets of a comparison: a row a method, with its edit, what changed, its masks and its figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mcaclip.compare import CompareRow, cell
from mcaclip.types import to_uint8
from mcaclip.visuals import change_map, mask_tile

TILE, LABEL = 256, 300
PAPER, INK, QUIET = (250, 249, 246), (30, 32, 36), (120, 122, 126)


def compare_sheet(rows: Sequence[CompareRow]) -> Image.Image:
    """One face: a line a method: label, source, edit, change, final mask."""
    return _stack([_line(row) for row in rows])


def overview_sheet(rows: Sequence[CompareRow]) -> Image.Image:
    """Many faces: a line a method, a column a face; the faces themselves on top."""
    faces = list(dict.fromkeys(row.face for row in rows))
    sources = {row.face: row.edit.source for row in rows if row.edit}
    first = [_label("source", [], None), *(_picture(sources.get(face)) for face in faces)]
    lines = [_join(first)]
    for method in dict.fromkeys(row.method for row in rows):
        own = {row.face: row for row in rows if row.method == method}
        some = next(iter(own.values()))
        tiles = [_picture(own[face].edit.image if face in own and own[face].edit else None) for face in faces]  # type: ignore[union-attr]
        lines.append(_join([_label(some.title, [], some.problem), *tiles]))
    return _stack(lines)


def _line(row: CompareRow) -> Image.Image:
    if row.edit is None or row.figures is None:
        return _join([_label(row.title, [], row.problem, width=LABEL + 4 * TILE)])
    f, edit = row.figures, row.edit
    said = [
        f"hit: {cell(f.hit)}   moved: {cell(f.moved)}",
        f"leak: {cell(f.leak)}",
        f"identity: {f.identity:.3f}",
        f"{f.seconds:.1f} s",
    ]
    mask = Image.fromarray(mask_tile(edit.masks[-1], TILE)) if edit.masks else _blank("no masks")
    change = Image.fromarray(change_map(edit.source, edit.image, TILE))
    return _join([_label(row.title, said, None), _picture(edit.source), _picture(edit.image), change, mask])


def _picture(picture: Tensor | None) -> Image.Image:
    """A tile of a picture `[3, S, S]`."""
    if picture is None:
        return _blank("not fitted")
    size = (TILE, TILE)
    small = F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]
    return Image.fromarray(to_uint8(small))


def _blank(words: str) -> Image.Image:
    tile = Image.new("RGB", (TILE, TILE), PAPER)
    ImageDraw.Draw(tile).text((TILE // 2, TILE // 2), words, QUIET, ImageFont.load_default(16), anchor="mm")
    return tile


def _label(title: str, lines: Sequence[str], problem: str | None, width: int = LABEL) -> Image.Image:
    tile = Image.new("RGB", (width, TILE), PAPER)
    draw = ImageDraw.Draw(tile)
    draw.text((16, 16), title, INK, ImageFont.load_default(20))
    body = [*lines, *_wrapped(problem or "", (width - 32) // 8)]
    draw.multiline_text((16, 56), "\n".join(body), QUIET, ImageFont.load_default(15), spacing=6)
    return tile


def _wrapped(words: str, limit: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= limit:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if words else []


def _join(tiles: Sequence[Image.Image]) -> Image.Image:
    return Image.fromarray(np.concatenate([np.asarray(tile) for tile in tiles], 1))


def _stack(lines: Sequence[Image.Image]) -> Image.Image:
    width = max(line.width for line in lines)
    sheet = Image.new("RGB", (width, sum(line.height for line in lines)), PAPER)
    top = 0
    for line in lines:
        sheet.paste(line, (0, top))
        top += line.height
    return sheet
