"""Contact sheets of what a training makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from mcaclip.types import to_uint8

MASK_LAYERS = (2, 4, 6, 8, 10)


def grid(rows: Sequence[Sequence[Tensor]], size: int = 160) -> Image.Image:
    """Rows of pictures `[3, H, W]` in [-1, 1] as one sheet, each `size` px."""
    return Image.fromarray(np.concatenate([np.concatenate([_tile(picture, size) for picture in r], 1) for r in rows]))


def _tile(picture: Tensor, size: int) -> np.ndarray:
    smaller = picture.shape[-1] > size
    mode = {"mode": "bilinear", "antialias": True} if smaller else {"mode": "nearest"}
    return to_uint8(F.interpolate(picture[None].float(), size=(size, size), **mode)[0])


@torch.no_grad()
def save_edit_sheet(path: Path, source: Tensor, edited: Tensor, masks: Sequence[Tensor]) -> None:
    """Source, edit and the masks of some layers, a row per face."""
    shown = [(masks[layer] * 2 - 1).expand(-1, 3, -1, -1) for layer in MASK_LAYERS if layer < len(masks)]
    path.parent.mkdir(parents=True, exist_ok=True)
    grid(list(zip(source, edited, *shown, strict=True))).save(path)
