"""StyleGAN2 config-f (256, 512 or 1024 px) in plain PyTorch: no compiled operation.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (CVPR 2020), weights in the layout of
rosinality/stylegan2-pytorch (see `stylegan2_weights`). Differs in form, not in result: a modulated convolution
scales the *activations* by the style and its output by the demodulation, so that one shared weight serves the whole
batch and no gradient has to pass through a weight a sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mcaclip.errors import WeightsError
from mcaclip.generators.base import W_DIM, LayerSpec, StyleSlot, Window, WrappedGenerator
from mcaclip.nn.equal_linear import EqualLinear, mapping_stack
from mcaclip.nn.ops import channels_last

SIZES = (256, 512, 1024)
NUM_MAPPING_LAYERS = 8
MAPPING_LR_MUL = 0.01
PREVIEW_SIZE = 256
REACH, UP_REACH = 2, 4
"""Of a convolution with the up-sampled RGB sum beside it, and of one that doubles the side; see `LayerSpec`."""


@dataclass(frozen=True)
class StyleGAN2Config:
    """Shape of the network.

    Attributes:
        size: side of the picture, a power of two from 8 on; published are 256, 512 and 1024.
        max_channels: channels of the coarse layers; 512 in config-f.
        fine_channels: channels times side from where they fall; 32768 in config-f (32 channels at 1024 px).
        checkpoint_from: layers of this side and above are computed again on the way back instead of keeping what
            they need (gradient checkpointing): less memory for more time. None keeps everything.
    """

    size: int = 1024
    max_channels: int = 512
    fine_channels: int = 32768
    checkpoint_from: int | None = None

    def __post_init__(self) -> None:
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"size must be a power of two from 8 on, not {self.size}")

    def channels(self, side: int) -> int:
        """Channels of the layers of this side."""
        return min(self.max_channels, self.fine_channels // side)

    @property
    def sides(self) -> list[int]:
        """Side of each convolution's output: 4, 8, 8, 16, 16, ..., size, size."""
        powers = range(3, self.size.bit_length())
        return [4, *(1 << power for power in powers for _ in range(2))]


def fir_kernel(like: Tensor | None = None) -> Tensor:
    """The up-sampling filter `[4, 4]`: the outer product of [1, 3, 3, 1] with itself, its sum 4.

    Args:
        like: gives type and device; float32 on the CPU without it. The filter is made there: no copy between devices.
    """
    taps = torch.ones(4, device="cpu") if like is None else like.new_ones(4)
    taps[1:3] = 3.0
    return torch.outer(taps, taps) / 16


def _fir(x: Tensor) -> Tensor:
    """The filter for each channel of `x [B, C, H, W]`, `[C, 1, 4, 4]`."""
    return fir_kernel(x).expand(x.shape[1], 1, 4, 4)


def upsample_rgb(x: Tensor) -> Tensor:
    """`[B, C, H, W]` to `[B, C, 2H, 2W]`: zeros inserted, then the FIR filter; black beyond the edge."""
    return F.conv_transpose2d(x, _fir(x), stride=2, padding=1, groups=x.shape[1])


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, optionally with twice the size behind it."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, up: bool = False, demodulate: bool = True
    ):
        super().__init__()
        self.style = EqualLinear(W_DIM, in_channels)
        nn.init.ones_(self.style.bias)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.scale = 1 / math.sqrt(in_channels * kernel**2)
        self.up = up
        self.demodulate = demodulate

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """`x [B, in, S, S]`, `w [B, 512]` to `[B, out, S, S]` or `[B, out, 2S, 2S]`."""
        style = self.style(w) * self.scale
        x = x * style[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = F.conv2d(x, _fir(x), padding=1, groups=x.shape[1])
        else:
            x = F.conv2d(x, self.weight, padding=self.weight.shape[-1] // 2)
        return x * self._demodulation(style)[:, :, None, None] if self.demodulate else x

    def _demodulation(self, style: Tensor) -> Tensor:
        """One over the norm of each output channel's modulated weight, `[B, out]`.

        Source: StyleGAN2, Eq. 3. Element by element, so that mixed precision keeps it in float32.
        """
        energy = self.weight.square().sum((2, 3)) * style.float().square()[:, None]
        return torch.rsqrt(energy.sum(2) + 1e-8)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, fixed noise, bias, leaky ReLU 0.2 with gain sqrt 2."""

    def __init__(self, in_channels: int, out_channels: int, side: int, up: bool):
        super().__init__()
        self.conv = ModulatedConv(in_channels, out_channels, 3, up=up)
        self.noise = nn.Parameter(torch.randn(1, 1, side, side))
        self.noise_strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, w: Tensor, window: Window | None = None) -> Tensor:
        """`x [B, in, S, S]`, `w [B, 512]` to `[B, out, side, side]`; `window` says which part of it `x` gives."""
        noise = self.noise if window is None else self.noise[:, :, window[0], window[1]]
        x = self.conv(x, w) + noise * self.noise_strength + self.bias[:, None, None]
        return F.leaky_relu(x, 0.2) * math.sqrt(2)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to three channels, without demodulation."""

    def __init__(self, in_channels: int):
        super().__init__()
        self.conv = ModulatedConv(in_channels, 3, 1, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """`x [B, in, S, S]`, `w [B, 512]` to `[B, 3, S, S]`."""
        return self.conv(x, w) + self.bias


class StyleGAN2(nn.Module):
    """The whole generator; implements `mcaclip.generators.base.Generator`.

    Layer `l` is styled by W+ row `l`; each resolution's last convolution has an RGB output, styled by the row behind
    it. At 1024 px these are 17 layers and 18 rows, at 256 px 13 and 14: a code of 18 rows drives all of them.
    """

    w_avg: Tensor

    def __init__(self, config: StyleGAN2Config | None = None):
        super().__init__()
        self.config = config = config or StyleGAN2Config()
        sides = config.sides
        channels = [config.channels(side) for side in sides]
        self.layers = tuple(
            LayerSpec(side, count, (index,), index + 1 if index % 2 == 0 else None, UP_REACH if index % 2 else REACH)
            for index, (side, count) in enumerate(zip(sides, channels, strict=True))
        )
        self.style = mapping_stack(W_DIM, NUM_MAPPING_LAYERS, MAPPING_LR_MUL)
        self.constant = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        inputs = [channels[0], *channels[:-1]]
        self.convs = nn.ModuleList(
            StyledConv(i, o, side, up=index % 2 == 1)
            for index, (i, o, side) in enumerate(zip(inputs, channels, sides, strict=True))
        )
        self.to_rgbs = nn.ModuleList(ToRGB(count) for count in channels[::2])
        self.register_buffer("w_avg", torch.zeros(W_DIM))

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu", checkpoint_from: int | None = None) -> StyleGAN2:
        """Load the converted safetensors file strictly; the weights are frozen and the size is read off the file.

        Args:
            checkpoint_from: see `StyleGAN2Config`.

        Raises:
            WeightsError: the file is damaged or has another layout.
        """
        try:
            state = load_file(path)
            size = max((t.shape[-1] for key, t in state.items() if key.endswith(".noise")), default=0)
            with torch.device("meta"):
                model = cls(StyleGAN2Config(size, checkpoint_from=checkpoint_from))
            model.load_state_dict(state, assign=True)
        except (RuntimeError, ValueError, SafetensorError) as error:
            raise WeightsError(
                f"{path} is not a converted StyleGAN2 file ({error}); delete it and run "
                "`python -m mcaclip doctor` to learn how to get it again"
            ) from error
        # channels_last: half the time for the up-sampling layers on a CPU
        return channels_last(model.requires_grad_(False).eval().to(device))

    @property
    def image_size(self) -> int:
        """See `Generator.image_size`."""
        return self.config.size

    @property
    def style_slots(self) -> tuple[StyleSlot, ...]:
        """See `Generator.style_slots`."""
        slots, inputs = [], self.layers[0].channels
        for index, spec in enumerate(self.layers):
            slots.append(StyleSlot(f"convs.{index}.conv.style", index, inputs, index))
            if spec.rgb_row is not None:
                path = f"to_rgbs.{index // 2}.conv.style"
                slots.append(StyleSlot(path, spec.rgb_row, spec.channels, index, rgb=True))
            inputs = spec.channels
        return tuple(slots)

    def mapping(self, z: Tensor) -> Tensor:
        """See `Generator.mapping`: pixel norm and eight fully connected layers."""
        return self.style(z)

    def start(self, batch: int) -> Tensor:
        """See `Generator.start`."""
        return self.constant.expand(batch, -1, -1, -1)

    def layer(self, index: int, x: Tensor, w_plus: Tensor, window: Window | None = None) -> Tensor:
        """See `Generator.layer`."""
        w = w_plus[:, index]
        limit = self.config.checkpoint_from
        if limit is not None and self.layers[index].size >= limit and torch.is_grad_enabled():
            return checkpoint(self.convs[index], x, w, window, use_reentrant=False, preserve_rng_state=False)
        return self.convs[index](x, w, window)

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        """See `Generator.rgb`."""
        row = self.layers[index].rgb_row
        if row is None:
            raise ValueError(f"layer {index} has no RGB output")
        return self.to_rgbs[index // 2](x, w_plus[:, row])

    def add_rgb(self, below: Tensor | None, rgb: Tensor) -> Tensor:
        """See `Generator.add_rgb`."""
        return rgb if below is None else upsample_rgb(below) + rgb

    def finish(self, rgb: Tensor) -> Tensor:
        """See `Generator.finish`: the sum of all RGB outputs is the picture."""
        return rgb


class StyleGAN2Preview(WrappedGenerator):
    """The layers up to 256 px of a `StyleGAN2`: its RGB sum there is the picture. A `Generator` itself.

    The layers and their features are those of the full generator, so an edit network gives them the same masks; the
    final picture then takes the mask of the last layer (see `CoralMasks.logits`). No weight is copied or added.
    """

    full: StyleGAN2

    def __init__(self, full: StyleGAN2, size: int = PREVIEW_SIZE):
        super().__init__(full)
        self.image_size = min(size, full.image_size)
        self.layers = tuple(spec for spec in full.layers if spec.size <= size)
        if not self.layers or self.layers[-1].size != self.image_size:
            raise ValueError(f"a preview's size must be a power of two from 4 on, not {size}")
