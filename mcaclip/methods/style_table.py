"""The file of StyleCLIP's global directions: the effect of each style channel in the space of CLIP."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.nn.header import FLOATS, check_header, quoted, read_tensors, read_weights_header
from mcaclip.nn.safetensors_io import save_whole

FORMAT = "mcaclip-global-directions-1"
FIT = "compute it with `python -m train global-directions`"


@dataclass(frozen=True)
class StyleTable:
    """Relevance of a generator's style channels in the space of a CLIP.

    Attributes:
        relevance: mean direction in which each channel moves a picture's features, unit vectors `float32 [P, D]`;
            rows of channels that were not measured are 0.
        std: standard deviation of each channel, `float32 [P]`.
        measured: which channels were measured, `bool [P]`.
        generator: name of the generator.
        clip: name of the CLIP.
        images: number of faces that the mean is over.
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
    about = {"format": FORMAT, "generator": table.generator, "clip": table.clip, "images": str(table.images)}
    save_whole(tensors, path, about)


def load_table(path: Path) -> StyleTable:
    """Read what `save_table` wrote. Raises WeightsError for a missing or damaged file."""
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
