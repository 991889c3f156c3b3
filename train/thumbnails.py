"""Small pictures of the shipped prompts on generated faces, for the page's prompt library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from PIL import Image

from mcaclip.text.grammar import understand
from mcaclip.types import EditSettings, to_uint8
from mcaclip.ui.library import slug

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

SIDE = 112
QUALITY = 86
SEEDS = {"lips": 3, "hair": 31, "goatee": 24, "brows": 29}
"""Faces on which a part is easy to see; `OTHER_SEED` for the rest."""
OTHER_SEED = 19
CROPS = {"lips": (300, 480, 420), "goatee": (260, 500, 500), "brows": (250, 280, 520)}
"""Left, top and side in pixels of an aligned face (1024); the whole face for the rest."""


def draw_thumbnails(editor: FaceEditor, folder: Path) -> list[Path]:
    """Writes a JPEG of `SIDE` pixels for every fitted prompt of an editor.

    Args:
        editor: with the prompts.
        folder: where they go; made when needed.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(editor, prompt, folder) for prompt in editor.prompts()]


def _draw(editor: FaceEditor, prompt: str, folder: Path) -> Path:
    meaning = understand(prompt)
    part = meaning.part if meaning else ""
    face = editor.sample(SEEDS.get(part, OTHER_SEED))
    pixels = to_uint8(editor.edit(face, EditSettings(prompt)).image)
    left, top, side = CROPS.get(part, (0, 0, pixels.shape[0]))
    small = cv2.resize(pixels[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    path = folder / f"{slug(prompt)}.jpg"
    Image.fromarray(small).save(path, format="JPEG", quality=QUALITY)
    return path
