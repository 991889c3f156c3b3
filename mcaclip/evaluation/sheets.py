"""Contact sheets: one column per face, its source on top, the edits of each variant below."""

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
from mcaclip.results.export import write_jpeg
from mcaclip.types import to_uint8

TILE_SIZE = 192
SHEET_FACES = 12
"""Faces of each kind that have tiles."""
OVERVIEW_FACES = 8
STACKS_PER_LINE = 6
SOURCE = "source"


class Tiles:
    """Small pictures of a run, stored as files so that a run that is continued has the earlier ones as well."""

    def __init__(self, out: Path):
        self.folder = out / "tiles"
        self.folder.mkdir(parents=True, exist_ok=True)

    def save(self, picture: Tensor, face: str, prompt: str = SOURCE, variant: str = "") -> None:
        """Stores a picture `[3, S, S]`: a face's source, or the edit of a prompt by a variant."""
        size = (TILE_SIZE, TILE_SIZE)
        small = F.interpolate(picture[None], size=size, mode="bilinear", antialias=True)[0]
        record = {"face": face, "prompt": prompt, "column": variant}
        write_jpeg(self._file(face, prompt, variant), to_uint8(small), record, quality=92)

    def _file(self, face: str, prompt: str, variant: str) -> Path:
        return self.folder / f"{file_name(face)}_{file_name(prompt)}_{variant}.jpg"

    def read(self, face: str, prompt: str = SOURCE, variant: str = "") -> np.ndarray | None:
        """A stored picture, `uint8 [192, 192, 3]`, or None."""
        file = self._file(face, prompt, variant)
        if not file.is_file():
            return None
        with Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))

    def stack(self, face: str, edits: Sequence[tuple[str, str]]) -> np.ndarray | None:
        """A face's source above its edits, each (prompt, variant); None when none of the edits is there."""
        tiles = [self.read(face, *edit) for edit in edits]
        if all(tile is None for tile in tiles):
            return None
        blank = np.full((TILE_SIZE, TILE_SIZE, 3), 240, np.uint8)
        return np.concatenate([blank if tile is None else tile for tile in (self.read(face), *tiles)])


def sheet(stacks: Sequence[np.ndarray], columns: int = STACKS_PER_LINE) -> Image.Image:
    """Stacks `uint8 [H, W, 3]` of one size, `columns` of them per line; the empty places are white."""
    tiles = [*stacks, *[np.full_like(stacks[0], 255)] * (-len(stacks) % columns)]
    lines = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    return Image.fromarray(np.concatenate(lines))


def write_sheets(
    tiles: Tiles,
    out: Path,
    faces: Sequence[str],
    prompts: Sequence[str],
    variants: Sequence[str],
    about: Mapping[str, object],
) -> None:
    """A sheet per prompt, and `overview.jpg`: all prompts by the first variant on a few faces.

    Args:
        about: the settings of the run, for the files' metadata.
    """
    for prompt in prompts:
        stacks = [tiles.stack(face, [(prompt, variant) for variant in variants]) for face in faces]
        if found := [stack for stack in stacks if stack is not None]:
            record = {**about, "prompt": prompt}
            write_jpeg(out / f"{file_name(prompt)}.jpg", np.asarray(sheet(found)), record)
    stacks = [tiles.stack(face, [(prompt, variants[0]) for prompt in prompts]) for face in faces[:OVERVIEW_FACES]]
    if found := [stack for stack in stacks if stack is not None]:
        record = {**about, "prompts": list(prompts)}
        write_jpeg(out / "overview.jpg", np.asarray(sheet(found, len(found))), record)


def file_name(words: str) -> str:
    """A file name for a prompt: "green lipstick + purple hair:0.7" is green_lipstick_purple_hair_0_7."""
    plain = re.sub(r"[^\w]+|_+", "_", words.lower()).strip("_")
    stem = safe_stem(plain, "edit")
    return stem if stem == plain else f"{stem}_{zlib.crc32(words.encode(errors='replace')):08x}"
