"""Small pictures of the prompt library on generated faces, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from PIL import Image

from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.errors import TrainingError
from mcaclip.platform.naming import slug
from mcaclip.types import EditSettings, PromptStrength, to_uint8

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

SIDE = 112
QUALITY = 86
SEEDS = {"lips": 3, "hair": 31, "goatee": 24, "beard": 24, "moustache": 24, "brows": 29, "eyes": 29}
"""Faces on which a part is easy to see; `OTHER_SEED` for other parts."""
OTHER_SEED = 19
CROPS = {
    "lips": (300, 480, 420),
    "goatee": (260, 500, 500),
    "moustache": (260, 440, 500),
    "brows": (250, 280, 520),
    "eyes": (250, 300, 520),
}
"""Left, top and side in pixels of an aligned face (1024); other parts show the whole face."""


EXAMPLE_SEED, EXAMPLE_PROMPTS, EXAMPLE_SIDE = 14, ("purple hair", "green lipstick"), 768
"""The edit that the page shows before there is a face."""


def draw_example(editor: FaceEditor, folder: Path) -> list[Path]:
    """Write the page's example edit: the face before and after."""
    folder.mkdir(parents=True, exist_ok=True)
    face = editor.sample(EXAMPLE_SEED)
    parts = [PromptStrength(prompt) for prompt in EXAMPLE_PROMPTS]
    edited = editor.edit(face, EditSettings(EXAMPLE_PROMPTS[0]).with_parts(parts)).image
    files = []
    for name, picture in (("before", face.reconstruction), ("after", edited)):
        files.append(folder / f"{name}.jpg")
        small = Image.fromarray(to_uint8(picture)).resize((EXAMPLE_SIDE, EXAMPLE_SIDE), Image.Resampling.LANCZOS)
        small.save(files[-1], format="JPEG", quality=88, optimize=True)
    return files


def draw_thumbnails(editor: FaceEditor, folder: Path, prompts: Sequence[str] = ()) -> list[Path]:
    """Write a JPEG of `SIDE` pixels, at its best strength, for every prompt that the editor offers, or for some.

    Raises:
        TrainingError: a prompt is not offered.
    """
    entries = {entry.prompt: entry for entry in editor.offered()}
    if unknown := [prompt for prompt in prompts if prompt not in entries]:
        raise TrainingError(f"not in the prompt library: {', '.join(unknown)}; see `python -m mcaclip prompts`")
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(editor, entries[prompt], folder) for prompt in prompts or entries]


def _draw(editor: FaceEditor, entry: LibraryPrompt, folder: Path) -> Path:
    part = entry.meaning.part if entry.meaning else ""
    face = editor.sample(SEEDS.get(part, OTHER_SEED))
    pixels = to_uint8(editor.edit(face, EditSettings(entry.prompt, entry.best)).image)
    left, top, side = CROPS.get(part, (0, 0, pixels.shape[0]))
    small = cv2.resize(pixels[top : top + side, left : left + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    path = folder / f"{slug(entry.prompt)}.jpg"
    Image.fromarray(small).save(path, format="JPEG", quality=QUALITY)
    return path
