"""DeltaEdit's network: from a face's styles and features, and a change of features, to a change of styles.

Source: Lyu et al., "DeltaEdit: Exploring Text-free Training for Text-driven Image Manipulation" (CVPR 2023). It
differs in two ways: styles enter and leave in units of their standard deviation, since the layers of MobileStyleGAN,
whose demodulation is folded into the weights, differ in scale; and each level (coarse, medium, fine, by the W+ rows)
is one vector, since the slots of a level differ in width here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from mcaclip.errors import WeightsError
from mcaclip.generators.base import NUM_WS, Generator
from mcaclip.nn.equal_linear import EqualLinear, PixelNorm, mapping_stack
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
from mcaclip.nn.safetensors_io import save_half

FORMAT = "mcaclip-deltaedit-1"
MAX_LAYERS, MAX_WIDTH = 64, 8192
FIT = "train it with `python -m train deltaedit`"
LEVELS = {"coarse": range(0, 4), "medium": range(4, 8), "fine": range(8, 18)}


@dataclass(frozen=True)
class DeltaConfig:
    """Shape of a `DeltaMapper`.

    Attributes:
        rows: W+ row of each style slot.
        widths: channels of each style slot.
        dim: width of a picture's features.
        layers: fully connected layers of each part; 4 in the published network.
        lr_mul: their learning rate multiplier.
        hidden: width inside; 512 in the published network.
    """

    rows: tuple[int, ...]
    widths: tuple[int, ...]
    dim: int = 512
    layers: int = 4
    lr_mul: float = 0.01
    hidden: int = 512


def delta_config(generator: Generator, dim: int = 512, layers: int = 4, lr_mul: float = 0.01) -> DeltaConfig:
    """The shape for all styles of a generator, or of its preview."""
    slots = generator.style_slots
    return DeltaConfig(tuple(s.row for s in slots), tuple(s.channels for s in slots), dim, layers, lr_mul)


class DeltaLevel(nn.Module):
    """One level: style module, condition module, fusion module."""

    def __init__(self, channels: int, config: DeltaConfig):
        super().__init__()
        hidden, shape = config.hidden, (config.layers, config.lr_mul)
        self.style = _stack(channels, hidden, *shape)
        self.condition = _stack(2 * config.dim, hidden, *shape)
        self.fuse = mapping_stack(2 * hidden, config.layers - 1, config.lr_mul)
        self.out = EqualLinear(2 * hidden, channels, lr_mul=1.0)

    def forward(self, styles: Tensor, condition: Tensor) -> Tensor:
        """`styles [B, C]`, `condition [B, 2 D]` to `[B, C]`."""
        return self.out(self.fuse(torch.cat([self.style(styles), self.condition(condition)], 1)))


class DeltaMapper(nn.Module):
    """All levels, with the mean and standard deviation that normalise the styles."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: DeltaConfig):
        super().__init__()
        self.config = config
        size = sum(config.widths)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        owner = [level for row in config.rows for level, rows in LEVELS.items() if row in rows]
        channels = [level for level, width in zip(owner, config.widths, strict=True) for _ in range(width)]
        self.indices = {
            level: torch.tensor([i for i, own in enumerate(channels) if own == level])
            for level in LEVELS if level in channels
        }  # fmt: skip
        self.levels = nn.ModuleDict({level: DeltaLevel(len(own), config) for level, own in self.indices.items()})

    def forward(self, styles: Tensor, features: Tensor, change: Tensor) -> Tensor:
        """The change of the styles.

        Args:
            styles: s of the face, `[B, S]`, not normalised.
            features: the picture's features, unit vectors `[B, D]`.
            change: direction of the change of features, unit vectors `[B, D]`.

        Returns:
            `[B, S]` in units of the standard deviation.
        """
        normal, condition = (styles - self.mean) / self.std, torch.cat([features, change], 1)
        result = torch.zeros_like(normal)
        for level, own in self.indices.items():
            at = own.to(normal.device)
            result[:, at] = self.levels[level](normal[:, at], condition)
        return result


def save_delta(model: DeltaMapper, path: Path, generator: str, clip: str, record: dict[str, object]) -> None:
    """Write a model as float16 safetensors, with what it was trained on."""
    config, notes = json.dumps(asdict(model.config)), json.dumps(record)
    metadata = {"format": FORMAT, "config": config, "generator": generator, "clip": clip, "record": notes}
    save_half(model.state_dict(), path, metadata)


def load_delta(path: Path, device: str | torch.device = "cpu") -> DeltaMapper:
    """Read what `save_delta` wrote, frozen. The file is checked before the network is built. Raises WeightsError."""
    header = read_weights_header(path, FIT)
    if header.metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} is no DeltaEdit model; {FIT}")
    try:
        config = _config_of(json.loads(header.metadata["config"]), header)
        with torch.device("meta"):
            layout = module_layout(DeltaMapper(config))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, RecursionError) as error:
        raise WeightsError(f"{path} has damaged settings ({quoted(error)}); {FIT}") from error
    check_header(path, header, layout, FIT)
    model = DeltaMapper(config)
    model.load_state_dict(read_tensors(path, FIT))
    return model.requires_grad_(False).eval().to(device)


def _config_of(raw: dict, header: WeightsHeader) -> DeltaConfig:
    """The shape that a file names, within what a network can be. Raises ValueError and its like."""
    rows = tuple(whole_number(row, 0, NUM_WS - 1) for row in raw["rows"])
    widths = tuple(whole_number(width, 1, MAX_WIDTH) for width in raw["widths"])
    if len(rows) != len(widths) or header.shapes.get("mean") != (sum(widths),):
        raise ValueError("its styles are not those of its tensors")
    sizes = {name: whole_number(raw[name], 1, MAX_WIDTH) for name in ("dim", "hidden") if name in raw}
    layers, lr_mul = whole_number(raw["layers"], 1, MAX_LAYERS), number(raw["lr_mul"], 1e-6, 1e6)
    return DeltaConfig(**{**raw, **sizes, "rows": rows, "widths": widths, "layers": layers, "lr_mul": lr_mul})


def _stack(inputs: int, outputs: int, layers: int, lr_mul: float) -> nn.Sequential:
    linear = [EqualLinear(a, b, lr_mul=lr_mul, activation=True) for a, b in pairwise([inputs, *[outputs] * layers])]
    return nn.Sequential(PixelNorm(), *linear)
