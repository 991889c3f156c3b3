"""Contact sheets: a face a column, its source on top, the edits of each column of the figures below."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mcaclip.platform.naming import safe_stem
from mcaclip.results import export as keep
from mcaclip.types import to_uint8

TILE_SIZE = 192
SHEET_FACES = 12
"""Faces of each kind that have tiles."""
OVERVIEW_FACES = 8
A_LINE = 6
SOURCE = "source"


class Tiles:
    """Small pictures of a run, kept as files so that a run that goes on has the earlier ones as well."""

    def __init__(self, out: Path):
        self.folder = out / "tiles"
        self.folder.mkdir(parents=True, exist_ok=True)

    def keep(self, picture: Tensor, face: str, prompt: str = SOURCE, column: str = "") -> None:
        """Keeps a picture `[3, S, S]`: a face's source, or the edit of a prompt in a column."""
        size = (TILE_SIZE, TILE_SIZE)
        small = F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]
        record = {"face": face, "prompt": prompt, "column": column}
        keep.write_jpeg(self._file(face, prompt, column), to_uint8(small), record, quality=92)

    def _file(self, face: str, prompt: str, column: str) -> Path:
        return self.folder / f"{file_name(face)}_{file_name(prompt)}_{column}.jpg"

    def read(self, face: str, prompt: str = SOURCE, column: str = "") -> np.ndarray | None:
        """`uint8 [192, 192, 3]`, or None where there is none."""
        file = self._file(face, prompt, column)
        if not file.is_file():
            return None
        with Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))

    def stack(self, face: str, edits: Sequence[tuple[str, str]]) -> np.ndarray | None:
        """A face's source above its edits, each (prompt, column); None when none of the edits is there."""
        tiles = [self.read(face, *edit) for edit in edits]
        if all(tile is None for tile in tiles):
            return None
        blank = np.full((TILE_SIZE, TILE_SIZE, 3), 240, np.uint8)
        return np.concatenate([blank if tile is None else tile for tile in (self.read(face), *tiles)])


def sheet(stacks: Sequence[np.ndarray], columns: int = A_LINE) -> Image.Image:
    """Stacks `uint8 [H, W, 3]` of one size, `columns` of them a line; the empty places are white."""
    tiles = list(stacks)
    while len(tiles) % columns:
        tiles.append(np.full_like(tiles[0], 255))
    lines = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.concatenate(lines))


def write_sheets(
    tiles: Tiles,
    out: Path,
    faces: Sequence[str],
    prompts: Sequence[str],
    columns: Sequence[str],
    about: Mapping[str, object],
) -> None:
    """A sheet per prompt, and `overview.jpg`: all prompts of the first column on a few faces.

    Args:
        about: what the edits were made by, for the files' records.
    """
    for prompt in prompts:
        stacks = [tiles.stack(face, [(prompt, column) for column in columns]) for face in faces]
        if found := [stack for stack in stacks if stack is not None]:
            record = {**about, "prompt": prompt}
            keep.write_jpeg(out / f"{file_name(prompt)}.jpg", np.asarray(sheet(found)), record)
    stacks = [tiles.stack(face, [(prompt, columns[0]) for prompt in prompts]) for face in faces[:OVERVIEW_FACES]]
    if found := [stack for stack in stacks if stack is not None]:
        record = {**about, "prompts": list(prompts)}
        keep.write_jpeg(out / "overview.jpg", np.asarray(sheet(found, len(found))), record)


def file_name(words: str) -> str:
    """Words as a file's name: "green lipstick + purple hair:0.7" is green_lipstick_purple_hair_0_7."""
    plain = re.sub(r"[^\w]+|_+", "_", words.lower()).strip("_")
    stem = safe_stem(plain, "edit")
    return stem if stem == plain else f"{stem}_{zlib.crc32(words.encode(errors='replace')):08x}"
