"""Words, pictures and people for `ToyGenerator`: small random maps with the interfaces of the real networks."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.presentation import FACE_PRESENTATION
from mcaclip.generators.synthesis import Synthesis
from mcaclip.perception.face_parser import LABELS
from mcaclip.types import TextCode


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class ToySpace:
    """A fixed random projection of 8 x 8 pixels, and a random vector for each text."""

    presentation = FACE_PRESENTATION

    def __init__(self, width: int = 512) -> None:
        self.width, self.weight = width, _random(3, 192, width)

    def encode_image(self, images: Tensor) -> Tensor:
        return F.normalize(F.adaptive_avg_pool2d(images, 8).flatten(1) @ self.weight, dim=-1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        rows = [_random(zlib.crc32(text.encode()), self.width) for text in texts]
        return F.normalize(torch.stack(rows), dim=-1)

    def text_code(self, prompt: str) -> TextCode:
        embedding = self.encode_text([prompt])
        return TextCode(embedding, embedding[:, None], torch.ones(1, 1, dtype=torch.bool))


class ToyIdentity:
    """Another projection."""

    def __init__(self) -> None:
        self.weight = _random(4, 192, 16)

    def embed(self, images: Tensor) -> Tensor:
        return F.normalize(F.adaptive_avg_pool2d(images, 8).flatten(1) @ self.weight, dim=-1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        return (self.embed(a) * self.embed(b)).sum(1)


class ToyParser:
    """A parser of pictures that sees the same face everywhere: hair above, lips in the middle, skin, background."""

    layers = ()

    def parse(self, made: Synthesis, size: int) -> Tensor:
        classes = torch.zeros(len(made.image), 19, size, size)
        classes[:, 0] = 1
        quarter = size // 4
        for number, rows, columns in (
            (13, slice(0, quarter), slice(quarter, 3 * quarter)),
            (1, slice(quarter, size), slice(quarter, 3 * quarter)),
            (11, slice(2 * quarter, 2 * quarter + quarter // 2), slice(quarter + quarter // 2, 3 * quarter)),
        ):
            classes[:, :, rows, columns] = 0
            classes[:, number, rows, columns] = 1
        return classes


class FixedParser:
    """A parser of pictures that gives the label map it was made with, whatever it sees."""

    def __init__(self, labels: np.ndarray):
        hot = F.one_hot(torch.from_numpy(labels).long(), len(LABELS))
        self.found = hot.permute(2, 0, 1)[None].float()

    def probabilities(self, images: Tensor) -> Tensor:
        return self.found
