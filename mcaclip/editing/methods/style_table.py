"""The file of StyleCLIP's global directions: what each style channel does, in the space of words and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.modules import save_whole

FORMAT = "mcaclip-global-directions-1"
FIT = "compute it with `python -m train global-directions`"


@dataclass(frozen=True)
class StyleTable:
    """Relevance of the style channels of a generator in a space of words and pictures.

    Attributes:
        relevance: mean direction of the picture's features for the channel, unit vectors `float32 [P, D]`; rows of
            channels that were not measured are 0.
        std: standard deviation of each channel, `float32 [P]`.
        measured: `bool [P]`.
        generator: name of the generator.
        clip: name of the space.
        images: faces that the mean is over.
    """

    relevance: Tensor
    std: Tensor
    measured: Tensor
    generator: str
    clip: str
    images: int


def save_table(table: StyleTable, path: Path) -> None:
    """Write the table as safetensors, the relevance in float16."""
    tensors = {
        "relevance": table.relevance.half().contiguous(),
        "std": table.std.float().contiguous(),
        "measured": table.measured.to(torch.uint8).contiguous(),
    }
    metadata = {
        "format": FORMAT, "generator": table.generator, "clip": table.clip, "images": str(table.images)
    }  # fmt: skip
    save_whole(tensors, path, metadata)


def load_table(path: Path) -> StyleTable:
    """Read what `save_table` wrote.

    Raises:
        WeightsError: no such file, or a damaged one.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise WeightsError(f"{path} is no table of global directions; {FIT}")
            return StyleTable(
                file.get_tensor("relevance").float(),
                file.get_tensor("std"),
                file.get_tensor("measured").bool(),
                metadata["generator"],
                metadata["clip"],
                int(metadata["images"]),
            )
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} is no table of global directions ({error}); {FIT}") from error
