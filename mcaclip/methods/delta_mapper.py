"""DeltaEdit's network: from a face's styles and features, and a change of features, to a change of styles.

Source: Lyu et al., "DeltaEdit: Exploring Text-free Training for Text-driven Image Manipulation" (CVPR 2023), and its
published code. On StyleGAN2 1024 it is that network: 6048 styles of convolutions, three levels, 82.8 million weights.
Other generators differ in their `level_parts` and in the units of their styles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from mcaclip.errors import WeightsError
from mcaclip.generators.base import NUM_WS, Generator
from mcaclip.nn.equal_linear import EqualLinear, PixelNorm
from mcaclip.nn.header import (
    WeightsHeader,
    check_header,
    number,
    quoted,
    read_tensors,
    read_weights_header,
    whole_number,
)
from mcaclip.nn.published import module_layout
from mcaclip.nn.safetensors_io import save_whole

FORMAT = "mcaclip-deltaedit-2"
MAX_LAYERS, MAX_WIDTH = 64, 8192
FIT = "train it with `python -m train deltaedit`"
LEVELS = {"coarse": range(0, 3), "medium": range(3, 7), "fine": range(7, NUM_WS)}
"""The W+ rows of the levels: 4 and 8 px, 16 and 32 px, and the rest, in StyleGAN2 and in MobileStyleGAN."""


@dataclass(frozen=True)
class DeltaConfig:
    """Shape of a `DeltaMapper`.

    Attributes:
        rows: W+ row of each style slot of a convolution.
        widths: channels of each of these slots.
        dim: width of a picture's features.
        layers: fully connected layers of each module; 4 published.
        lr_mul: their learning rate multiplier; 0.01 published.
        relevant: rows of its relevance matrix: all channels, or 0 where it has none.
        pixels: how CLIP was shown the pictures: "normalised", or "plain" as in the published training.
    """

    rows: tuple[int, ...]
    widths: tuple[int, ...]
    dim: int = 512
    layers: int = 4
    lr_mul: float = 0.01
    relevant: int = 0
    pixels: Literal["normalised", "plain"] = "normalised"


def delta_config(generator: Generator, dim: int = 512, layers: int = 4) -> DeltaConfig:
    """The shape for a generator. The styles of RGB outputs are left out, as published."""
    slots = [slot for slot in generator.style_slots if not slot.rgb]
    return DeltaConfig(tuple(s.row for s in slots), tuple(s.channels for s in slots), dim, layers)


@dataclass(frozen=True)
class LevelPart:
    """Channels that the same modules turn into changes.

    Attributes:
        name: of the modules.
        indices: the channels, `int [rows * width]`.
        rows: slots that share the modules, each a row for them; 1 for one vector.
    """

    name: str
    indices: Tensor
    rows: int

    @property
    def width(self) -> int:
        """Channels of a row."""
        return len(self.indices) // self.rows


def level_parts(config: DeltaConfig) -> list[LevelPart]:
    """The parts of the levels.

    The fine level is one vector. In the others every slot of the level's largest width is a row of shared modules; in
    StyleGAN2 these are all. What is left, MobileStyleGAN's narrow slots, is one more vector, called "narrow".
    """
    ends = list(accumulate(config.widths, initial=0))
    slots = list(zip(config.rows, (torch.arange(*place, device="cpu") for place in pairwise(ends)), strict=True))
    parts = []
    for level, rows in LEVELS.items():
        own = [indices for row, indices in slots if row in rows]
        widest = max(map(len, own), default=0)
        shared = [indices for indices in own if len(indices) == widest and level != "fine"]
        joined = [indices for indices in own if len(indices) < widest or level == "fine"]
        parts += [LevelPart(level, torch.cat(shared), len(shared))] if shared else []
        parts += [LevelPart(f"{level}_narrow" if shared else level, torch.cat(joined), 1)] if joined else []
    return parts


class DeltaMapper(nn.Module):
    """The style, condition and fusion modules (`sm`, `cm`, `fm`) of every part.

    Buffers: `scale [S]`, the units in which styles enter and leave, 1 in StyleGAN2; `relevance [S or 0, D]`, see
    `StyleTable`, which an imported model brings along.
    """

    scale: Tensor
    relevance: Tensor

    def __init__(self, config: DeltaConfig):
        super().__init__()
        self.config, self.parts = config, level_parts(config)
        self.register_buffer("scale", torch.ones(sum(config.widths)))
        self.register_buffer("relevance", torch.zeros(config.relevant, config.dim))
        shape = (config.layers, config.lr_mul)
        for part in self.parts:
            width = part.width
            self.add_module(f"sm_{part.name}", nn.Sequential(PixelNorm(), *_layers(width, width, *shape)))
            self.add_module(f"cm_{part.name}", nn.Sequential(PixelNorm(), *_layers(2 * config.dim, width, *shape)))
            self.add_module(f"fm_{part.name}", nn.Sequential(*_layers(2 * width, width, *shape)))

    def forward(self, styles: Tensor, features: Tensor, change: Tensor) -> Tensor:
        """The change of the styles, `[B, S]`.

        Args:
            styles: s of the face without those of RGB outputs, `[B, S]`.
            features: the picture's features, unit vectors `[B, D]`.
            change: direction of the change of features, unit vectors `[B, D]`.
        """
        scaled, condition = styles / self.scale, torch.cat([features, change], 1)
        result = torch.zeros_like(scaled)
        for part in self.parts:
            style, conditional, fuse = (self.get_submodule(f"{kind}_{part.name}") for kind in ("sm", "cm", "fm"))
            at = part.indices.to(scaled.device)
            own, wanted = scaled[:, at], conditional(condition)
            if part.rows > 1:  # PixelNorm then runs over the rows, as published
                own, wanted = own.unflatten(1, (part.rows, -1)), wanted[:, None].expand(-1, part.rows, -1)
            result[:, at] = fuse(torch.cat([style(own), wanted], -1)).flatten(1).to(result)
        return result * self.scale


def save_delta(model: DeltaMapper, path: Path, generator: str, clip: str, record: Mapping[str, object]) -> None:
    """Write a model as safetensors, its modules in float16, with what it was trained on."""
    config, notes = json.dumps(asdict(model.config)), json.dumps(dict(record))
    metadata = {"format": FORMAT, "config": config, "generator": generator, "clip": clip, "record": notes}
    exact = dict(model.named_buffers())
    state = {name: (t if name in exact else t.half()).cpu().contiguous() for name, t in model.state_dict().items()}
    save_whole(state, path, metadata)


def load_delta(path: Path, device: str | torch.device = "cpu") -> DeltaMapper:
    """Read what `save_delta` wrote, frozen. The file is checked before the network is built. Raises WeightsError."""
    header = read_weights_header(path, FIT)
    if header.metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is no DeltaEdit model; {FIT}")
    try:
        config = _config_of(json.loads(header.metadata["config"]), header)
        with torch.device("meta"):
            model = DeltaMapper(config)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, RecursionError) as error:
        raise WeightsError(f"{path} has damaged settings ({quoted(error)}); {FIT}") from error
    check_header(path, header, module_layout(model), FIT)
    model.load_state_dict(read_tensors(path, FIT), assign=True)
    return model.requires_grad_(False).eval().to(device)


def _config_of(raw: dict, header: WeightsHeader) -> DeltaConfig:
    """The shape that a file names, within what a network can be. Raises ValueError and its like."""
    rows = tuple(whole_number(row, 0, NUM_WS - 1) for row in raw["rows"])
    widths = tuple(whole_number(width, 1, MAX_WIDTH) for width in raw["widths"])
    size = sum(widths)
    if len(rows) != len(widths) or header.shapes.get("scale") != (size,):
        raise ValueError("its styles are not those of its tensors")
    if raw["relevant"] not in (0, size) or raw["pixels"] not in ("normalised", "plain"):
        raise ValueError("its relevance or its pictures are unknown")
    dim, layers = whole_number(raw["dim"], 1, MAX_WIDTH), whole_number(raw["layers"], 1, MAX_LAYERS)
    lr_mul = number(raw["lr_mul"], 1e-6, 1e6)
    return DeltaConfig(**{**raw, "rows": rows, "widths": widths, "dim": dim, "layers": layers, "lr_mul": lr_mul})


def _layers(inputs: int, outputs: int, layers: int, lr_mul: float) -> list[EqualLinear]:
    sizes: Sequence[int] = [inputs, *[outputs] * layers]
    return [EqualLinear(a, b, lr_mul=lr_mul, activation=True) for a, b in pairwise(sizes)]
