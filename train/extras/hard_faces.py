"""Generated faces with drawn hats, microphones and hands: what photos have and the generator does not know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from mcaclip import weights
from mcaclip.imaging.align import already_aligned
from mcaclip.perception.face_parser import LABELS, FaceParser
from mcaclip.types import EditSettings, to_uint8
from train.common.sheets import grid
from train.parser.clutter import Image, colour, hat, shaded, texture
from train.parser.views import BROWS, HEAD

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

PROMPTS = ("purple hair", "blue goatee", "green lipstick", "smiling", "an old face")
SEEDS = (3, 7, 11, 19, 24, 31, 42, 57)
"""Generated faces; every second one gets a hat, the others something before the face."""
SMALL = 256
_MOUTH = tuple(LABELS.index(name) for name in ("u_lip", "l_lip", "mouth"))


def draw_hard_faces(editor: FaceEditor, out: Path, effort: str = "good") -> Path:
    """Write `hard_faces.jpg`: per face the picture, its reconstruction and the edits `PROMPTS`."""
    parser, rows = FaceParser.load(weights.get("face_parser")), []
    for number, seed in enumerate(SEEDS):
        picture = hard_face(editor.sample(seed).reconstruction, parser, number)
        face = editor.invert(already_aligned(picture), effort)
        assert face.photo is not None
        edits = [editor.edit(face, EditSettings(prompt)).image for prompt in PROMPTS]
        rows.append([face.photo, face.reconstruction, *edits])
    out.mkdir(parents=True, exist_ok=True)
    path = out / "hard_faces.jpg"
    grid(rows, SMALL).save(path, quality=88)
    return path


def hard_face(picture: Tensor, parser: FaceParser, number: int) -> Image:
    """A generated face `[3, S, S]` with something drawn over it that follows from the number."""
    image, rng = to_uint8(picture), np.random.default_rng(number)
    labels = parser.probabilities(picture[None])[0].argmax(0).numpy()
    mask = _hat(labels, rng) if number % 2 == 0 else _before_the_mouth(labels, number)
    whole = cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_LINEAR_EXACT)
    whole = (cv2.GaussianBlur(whole.astype(np.float32), (0, 0), 3) > 0.5).astype(np.uint8)
    stuff = np.full_like(image, colour(rng).clip(20, 235)) if rng.random() < 0.5 else texture(len(image), rng)
    return shaded(image, stuff, whole, rng)


def _hat(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    brows = np.nonzero(np.isin(labels, BROWS))[0]
    mask = hat(np.isin(labels, HEAD), float(brows.mean()) if len(brows) else 0.4 * SMALL, rng)
    return np.zeros((SMALL, SMALL), np.uint8) if mask is None else mask


def _before_the_mouth(labels: np.ndarray, number: int) -> np.ndarray:
    """A microphone, or a bar as of a hand, from below to the mouth."""
    rows, columns = np.nonzero(np.isin(labels, _MOUTH))
    mask = np.zeros((SMALL, SMALL), np.uint8)
    if len(rows) == 0:
        return mask
    x, y = int(columns.mean()) + (8 if number % 4 == 1 else -24), int(rows.max()) + 14
    if number % 4 == 1:
        cv2.ellipse(mask, (x, y + 14), (19, 24), 0, 0, 360, 1, -1)
        cv2.line(mask, (x, y + 24), (x + 12, SMALL), 1, 14)
    else:
        cv2.line(mask, (x, y - 12), (x - 60, SMALL), 1, 34)
    return mask
