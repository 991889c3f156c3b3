"""Contact sheets: what training makes, to be looked at."""

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
    lines = []
    for row in rows:
        small = [_fit(picture, size) for picture in row]
        lines.append(np.concatenate([to_uint8(picture) for picture in small], 1))
    return Image.fromarray(np.concatenate(lines))


def _fit(picture: Tensor, size: int) -> Tensor:
    smaller = picture.shape[-1] > size
    mode = {"mode": "bilinear", "antialias": True} if smaller else {"mode": "nearest"}
    return F.interpolate(picture[None].float(), size=(size, size), **mode)[0]


def save_edit_sheet(
    path: Path, source: Tensor, edited: Tensor, masks: Sequence[Tensor], layers: Sequence[int] = MASK_LAYERS
) -> None:
    """Source, edit and the masks of some layers, a row a face."""
    rows = [
        [
            source[i],
            edited[i],
            *((masks[layer][i] * 2 - 1).expand(3, -1, -1) for layer in layers if layer < len(masks)),
        ]
        for i in range(len(source))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        grid(rows).save(path)
