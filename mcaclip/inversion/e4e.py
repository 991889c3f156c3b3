"""e4e: an encoder from an aligned face to a W+ code that stays editable.

Source: Tov et al., "Designing an Encoder for StyleGAN Image Manipulation" (SIGGRAPH 2021). The code of every row is
that of row 0 plus an offset of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from mcaclip.errors import WeightsError
from mcaclip.generators.base import W_DIM
from mcaclip.generators.stylegan2_weights import rosinality_layout
from mcaclip.nn.equal_linear import EqualLinear
from mcaclip.nn.published import REMEDY, check_layout, entry, group, module_layout, read_checkpoint, state_entry
from mcaclip.perception.ir_se import body, input_layer, stage_outputs

INPUT_SIZE = 256
"""Side of the encoder's input in pixels."""


@dataclass(frozen=True)
class E4EConfig:
    """Rows of the code and the map that each of them reads.

    Attributes:
        num_ws: rows; 18 for a generator of 1024 px.
        coarse_rows: rows below this one read the 16 px map.
        medium_rows: rows from `coarse_rows` to below this one read the 32 px map, all others the 64 px map.
    """

    num_ws: int = 18
    coarse_rows: int = 3
    medium_rows: int = 7

    def side(self, row: int) -> int:
        """Side of the map that a row reads."""
        return 16 if row < self.coarse_rows else 32 if row < self.medium_rows else 64


class StyleHead(nn.Module):
    """Halves a 512-channel map down to one pixel and maps that to one row."""

    def __init__(self, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(side.bit_length() - 1):
            # slope 0.01, not the 0.2 of the generator
            layers += [nn.Conv2d(W_DIM, W_DIM, 3, 2, 1), nn.LeakyReLU(0.01)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(W_DIM, W_DIM)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, 512, side, side]` to `[B, 512]`."""
        return self.linear(self.convs(x).flatten(1))


class E4EEncoder(nn.Module):
    """IR-SE50 body, a small feature pyramid and one head per row. Modules are named as in the checkpoint."""

    latent_avg: Tensor

    def __init__(self, config: E4EConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or E4EConfig()
        self.input_layer = input_layer()
        self.body = body()
        self.styles = nn.ModuleList(StyleHead(config.side(row)) for row in range(config.num_ws))
        self.latlayer1 = nn.Conv2d(256, W_DIM, 1)
        self.latlayer2 = nn.Conv2d(128, W_DIM, 1)
        self.register_buffer("latent_avg", torch.zeros(config.num_ws, W_DIM))

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu", config: E4EConfig | None = None) -> E4EEncoder:
        """The converted safetensors file, loaded strictly: frozen, in eval mode.

        Raises:
            WeightsError: the file is damaged or has another layout.
        """
        with torch.device("meta"):
            net = cls(config)
        try:
            # assigned, not copied: the heads alone are nearly a gigabyte
            net.load_state_dict(load_file(path), assign=True)
        except (RuntimeError, SafetensorError) as error:
            raise WeightsError(
                f"{path} is no converted e4e file ({error}); delete it and run `python -m mcaclip doctor` to learn "
                "how to get it again"
            ) from error
        return net.eval().requires_grad_(False).to(device)

    def forward(self, images: Tensor) -> Tensor:
        """Codes of FFHQ-aligned faces.

        Args:
            images: `float32 [B, 3, 256, 256]` RGB in [-1, 1].

        Returns:
            `w_plus [B, num_ws, 512]`, the mean code added.
        """
        return self.offsets(images) + self.latent_avg

    def code(self, image: Tensor) -> Tensor:
        """The code `w_plus [num_ws, 512]` of one FFHQ-aligned face `[3, S, S]` of any size."""
        size = (INPUT_SIZE, INPUT_SIZE)
        return self(F.interpolate(image[None], size=size, mode="bilinear", antialias=True))[0]

    def offsets(self, images: Tensor) -> Tensor:
        """What `forward` gives before the mean code is added."""
        if images.shape[1:] != (3, INPUT_SIZE, INPUT_SIZE):
            raise ValueError(f"images must be [B, 3, {INPUT_SIZE}, {INPUT_SIZE}], not {tuple(images.shape)}")
        maps = self.pyramid(images)
        base, *rows = (head(maps[self.config.side(row)]) for row, head in enumerate(self.styles))
        return torch.stack([base, *(base + row for row in rows)], 1)

    def pyramid(self, images: Tensor) -> dict[int, Tensor]:
        """The three maps `[B, 512, side, side]` that the heads read, by side: 16, 32 and 64."""
        _, fine, medium, coarse = stage_outputs(self.body, self.input_layer(images))
        middle = _upsample(coarse, 32) + self.latlayer1(medium)
        return {16: coarse, 32: middle, 64: _upsample(middle, 64) + self.latlayer2(fine)}


def _upsample(x: Tensor, size: int) -> Tensor:
    return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=True)


def read_e4e(path: Path) -> dict[str, Tensor]:
    """The published checkpoint as the state dict of `E4EEncoder`.

    The generator in it (`decoder.*`) is left out, but it must be there with the layout of StyleGAN2 at 1024 px, which
    tells an e4e checkpoint from those of similar encoders.

    Raises:
        WeightsError: the file is damaged or has another layout.
    """
    content = read_checkpoint(path)
    state = state_entry(path, content, "state_dict")
    with torch.device("meta"):
        own = module_layout(E4EEncoder())
    rows, _ = mean_shape = own.pop("latent_avg")
    layout = {f"encoder.{key}": shape for key, shape in own.items()}
    layout |= {f"decoder.{key}": shape for key, shape in rosinality_layout(1024).items()}
    encoder = group(check_layout(path, state, layout), "encoder.")
    mean = entry(path, content, "latent_avg")
    if not isinstance(mean, Tensor) or tuple(mean.shape) not in (mean_shape, (W_DIM,), (1, W_DIM)):
        raise WeightsError(f"{path}: latent_avg is neither {rows} rows of {W_DIM} numbers nor one. {REMEDY}")
    return encoder | {"latent_avg": mean.expand(mean_shape).contiguous()}
