"""MobileStyleGAN FFHQ-1024: the embedded generator, in plain PyTorch.

Source: Belousov, "MobileStyleGAN" (2021); weights from the package random-face through `openvino_ir`.
Differs from StyleGAN2 in its depthwise-separable convolutions, whose demodulation is folded into the weights,
in Haar-wavelet up-sampling, and in having a single RGB output (at 1024 px).
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from mcaclip.errors import WeightsError
from mcaclip.generators.base import W_DIM, LayerSpec, StyleSlot, Window, seeded_z
from mcaclip.nn.ops import channels_last, inverse_haar

BLOCK_CHANNELS = (512, 512, 512, 512, 256, 128, 64)
NUM_MAPPING_LAYERS = 8
W_AVG_SAMPLES = 20_000
REACH = 1
"""Of every layer (see `LayerSpec`): a Haar step joins no neighbours, and the RGB output is a 1x1 convolution."""


class MappingNetwork(nn.Module):
    """Pixel norm and eight fully connected layers, `z [B, 512]` to `w [B, 512]`."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(W_DIM, W_DIM) for _ in range(NUM_MAPPING_LAYERS))

    def forward(self, z: Tensor) -> Tensor:
        """See the class."""
        x = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * 2**0.5
        return x


class StyledConv(nn.Module):
    """Modulate, convolve, add the stored noise map and the bias, leaky ReLU 0.2 without gain.

    The first convolution of the network is a full 3x3 (`weight`), all others depthwise 3x3 then 1x1.
    """

    def __init__(self, in_channels: int, out_channels: int, size: int, separable: bool = True):
        super().__init__()
        self.style = nn.Linear(W_DIM, in_channels)
        self.separable = separable
        if separable:
            self.depthwise = nn.Parameter(torch.empty(in_channels, 1, 3, 3))
            self.pointwise = nn.Parameter(torch.empty(out_channels, in_channels, 1, 1))
        else:
            self.weight = nn.Parameter(torch.empty(out_channels, in_channels, 3, 3))
        self.noise = nn.Parameter(torch.empty(1, 1, size, size))
        self.bias = nn.Parameter(torch.empty(out_channels))

    def forward(self, x: Tensor, w: Tensor, window: Window | None = None) -> Tensor:
        """`x [B, in, S, S]`, `w [B, 512]` to `[B, out, S, S]`; `window` says which part of the map `x` is."""
        style = self.style(w)
        if self.separable:
            x = _modulated(x, self.depthwise, style, padding=1)
            x = F.conv2d(x, self.pointwise, self.bias)
        else:
            x = F.conv2d(x * style[:, :, None, None], self.weight, self.bias, padding=1)
        noise = self.noise if window is None else self.noise[:, :, window[0], window[1]]
        # in float32 the noise would make everything that follows float32 as well
        return F.leaky_relu_(x.add_(noise.to(x.dtype)), 0.2)


def _modulated(x: Tensor, depthwise: Tensor, style: Tensor, padding: int) -> Tensor:
    """A depthwise convolution of maps `[B, C, S, S]` times their styles `[B, C]`.

    The weights of one sample take the styles up, which spares a pass over the maps.
    """
    if len(style) == 1 and not torch.is_grad_enabled():
        depthwise = depthwise * style.view(-1, 1, 1, 1)
    else:
        x = x * style[:, :, None, None]
    return F.conv2d(x, depthwise, padding=padding, groups=x.shape[1])


class HaarUpsample(nn.Module):
    """Modulate, then one inverse Haar step: a quarter of the channels at twice the size."""

    def __init__(self, channels: int):
        super().__init__()
        self.style = nn.Linear(W_DIM, channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """`x [B, C, S, S]`, `w [B, 512]` to `[B, C / 4, 2S, 2S]`."""
        return inverse_haar(x, self.style(w))


class SynthesisBlock(nn.Module):
    """Up-sampling and two convolutions."""

    def __init__(self, in_channels: int, out_channels: int, size: int):
        super().__init__()
        self.up = HaarUpsample(in_channels)
        self.conv1 = StyledConv(in_channels // 4, out_channels, size)
        self.conv2 = StyledConv(out_channels, out_channels, size)


class ModulatedRGB(nn.Module):
    """Modulated 1x1 convolution to 12 channels: an RGB image one Haar step below its size."""

    def __init__(self, in_channels: int):
        super().__init__()
        self.style = nn.Linear(W_DIM, in_channels)
        self.weight = nn.Parameter(torch.empty(12, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(12))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """`x [B, C, S, S]`, `w [B, 512]` to `[B, 12, S, S]`."""
        style = self.style(w)
        if len(style) == 1 and not torch.is_grad_enabled():
            return F.conv2d(x, self.weight * style[:, :, None, None], self.bias)
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)


class MobileStyleGAN(nn.Module):
    """The whole generator; implements `mcaclip.generators.base.Generator`.

    Fifteen convolutions (4 px, then two each at 8 .. 512 px) and one RGB output at 1024 px.
    W+ rows 0-15 are used; 16 and 17 exist so that codes fit StyleGAN2 at 1024 px as well.
    """

    image_size = 1024
    mapping: MappingNetwork
    w_avg: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.mapping = MappingNetwork()
        self.constant = nn.Parameter(torch.empty(1, 512, 4, 4))
        self.conv0 = StyledConv(512, 512, 4, separable=False)
        sides = [8 << index for index in range(len(BLOCK_CHANNELS))]
        inputs = (512, *BLOCK_CHANNELS[:-1])
        self.blocks = nn.ModuleList(
            SynthesisBlock(i, o, s) for i, o, s in zip(inputs, BLOCK_CHANNELS, sides, strict=True)
        )
        self.to_rgb = ModulatedRGB(BLOCK_CHANNELS[-1])
        self.register_buffer("w_avg", torch.zeros(W_DIM))
        self.layers = self._layer_specs(sides)

    @staticmethod
    def _layer_specs(sides: list[int]) -> tuple[LayerSpec, ...]:
        specs = [LayerSpec(4, 512, (0,), reach=REACH)]
        for index, (side, channels) in enumerate(zip(sides, BLOCK_CHANNELS, strict=True)):
            is_last = index == len(sides) - 1
            specs.append(LayerSpec(side, channels, (2 * index + 1,), reach=REACH))
            rgb_row = 2 * index + 3 if is_last else None
            specs.append(LayerSpec(side, channels, (2 * index + 2,), rgb_row, REACH))
        return tuple(specs)

    @property
    def style_slots(self) -> tuple[StyleSlot, ...]:
        """See `Generator.style_slots`."""
        slots, inputs = [StyleSlot("conv0.style", 0, 512, 0)], 512
        for index, channels in enumerate(BLOCK_CHANNELS):
            name, first = f"blocks.{index}", 2 * index + 1
            slots.append(StyleSlot(f"{name}.up.style", first, inputs, first))
            slots.append(StyleSlot(f"{name}.conv1.style", first, inputs // 4, first))
            slots.append(StyleSlot(f"{name}.conv2.style", first + 1, channels, first + 1))
            inputs = channels
        last = len(self.layers) - 1
        row = self.layers[last].rgb_row
        assert row is not None
        return (*slots, StyleSlot("to_rgb.style", row, inputs, last, rgb=True))

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu", mean: Path | None = None) -> MobileStyleGAN:
        """Load the converted safetensors file strictly; the weights are frozen.

        Args:
            mean: a file with `w_avg`, which takes most of a second to compute.

        Raises:
            WeightsError: the file has another layout.
        """
        with torch.device("meta"):
            model = cls()
        state = load_file(path)
        if "w_avg" not in state:
            state["w_avg"] = torch.zeros(W_DIM) if mean is None else load_file(mean)["w_avg"]
        try:
            model.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise WeightsError(
                f"{path} is not a MobileStyleGAN file ({error}); delete it and run "
                "`python -m mcaclip doctor` to learn how to get it again"
            ) from error
        model.requires_grad_(False).eval()
        if not model.w_avg.any():
            model.w_avg = model.mean_w()
        # channels_last: a third less time for the depthwise layers on a CPU
        return channels_last(model.to(device))

    @torch.no_grad()
    def mean_w(self, samples: int = W_AVG_SAMPLES, seed: int = 0) -> Tensor:
        """The mean of `w` over `samples` seeded draws of z."""
        return self.mapping(seeded_z(samples, seed).to(self.constant.device)).mean(0)

    def start(self, batch: int) -> Tensor:
        """See `Generator.start`."""
        return self.constant.expand(batch, -1, -1, -1)

    def block(self, index: int) -> SynthesisBlock:
        """The up-sampling and convolutions from 8 px (index 0) to 512 px (6)."""
        found = self.blocks[index]
        assert isinstance(found, SynthesisBlock)
        return found

    def layer(self, index: int, x: Tensor, w_plus: Tensor, window: Window | None = None) -> Tensor:
        """See `Generator.layer`."""
        if index == 0:
            return self.conv0(x, w_plus[:, 0], window)
        block = self.block((index - 1) // 2)
        w = w_plus[:, index]
        if index % 2:
            return block.conv1(block.up(x, w), w, window)
        return block.conv2(x, w, window)

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        """See `Generator.rgb`."""
        row = self.layers[index].rgb_row
        if row is None:
            raise ValueError(f"layer {index} has no RGB output")
        return self.to_rgb(x, w_plus[:, row])

    def add_rgb(self, below: Tensor | None, rgb: Tensor) -> Tensor:
        """See `Generator.add_rgb`; there is only one RGB output here."""
        return rgb if below is None else below + rgb

    def finish(self, rgb: Tensor) -> Tensor:
        """See `Generator.finish`: the last inverse Haar step."""
        return inverse_haar(rgb)
