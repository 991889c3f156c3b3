"""The file of StyleCLIP's global directions: what each style channel does, in the space of words and pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.weights.header import FLOATS, check_header, quoted, read_tensors, read_weights_header
from mcaclip.weights.safetensors_io import save_whole

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
    header = read_weights_header(path, FIT)
    if header.metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is no table of global directions; {FIT}")
    relevance = header.shapes.get("relevance", ())
    layout = {"relevance": (*relevance[:1], *relevance[1:2]), "std": relevance[:1], "measured": relevance[:1]}
    if header.types.get("measured") != "U8":
        raise WeightsError(f"{path} is a damaged table of global directions; {FIT}")
    check_header(path, replace(header, types={**header.types, "measured": FLOATS[0]}), layout, FIT)
    tensors = read_tensors(path, FIT)
    try:
        return StyleTable(
            tensors["relevance"],
            tensors["std"],
            tensors["measured"].bool(),
            header.metadata["generator"],
            header.metadata["clip"],
            int(header.metadata["images"]),
        )
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} is a damaged table of global directions ({quoted(error)}); {FIT}") from error
