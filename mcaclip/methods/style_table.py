"""The file of StyleCLIP's global directions: the effect of each style channel in the space of CLIP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.nn.header import check_header, quoted, read_tensors, read_weights_header
from mcaclip.nn.safetensors_io import save_whole

FORMAT = "mcaclip-global-directions-2"
FIT = "compute it with `python -m train global-directions`"


@dataclass(frozen=True)
class StyleTable:
    """Relevance of a generator's style channels in the space of a CLIP.

    Attributes:
        relevance: mean direction in which each channel moves a picture's features, unit vectors `float32 [P, D]`;
            rows of channels that were not measured, or change nothing, are 0.
        std: standard deviation of each channel, `float32 [P]`.
        generator: name of the generator.
        clip: name of the CLIP.
        images: number of faces that the mean is over, at the least.
    """

    relevance: Tensor
    std: Tensor
    generator: str
    clip: str
    images: int

    @property
    def measured(self) -> int:
        """Number of channels with a direction."""
        return int(self.relevance.any(1).sum())


def save_table(table: StyleTable, path: Path) -> None:
    """Write the table as safetensors, the relevance in float16."""
    tensors = {"relevance": table.relevance.half().contiguous(), "std": table.std.float().contiguous()}
    about = {"format": FORMAT, "generator": table.generator, "clip": table.clip, "images": str(table.images)}
    save_whole(tensors, path, about)


def load_table(path: Path) -> StyleTable:
    """Read what `save_table` wrote. Raises WeightsError for a missing or damaged file."""
    header = read_weights_header(path, FIT)
    if header.metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is no table of global directions; {FIT}")
    relevance = header.shapes.get("relevance", ())
    check_header(path, header, {"relevance": (*relevance[:1], *relevance[1:2]), "std": relevance[:1]}, FIT)
    tensors = read_tensors(path, FIT)
    try:
        return StyleTable(
            tensors["relevance"],
            tensors["std"],
            header.metadata["generator"],
            header.metadata["clip"],
            int(header.metadata["images"]),
        )
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} is a damaged table of global directions ({quoted(error)}); {FIT}") from error
