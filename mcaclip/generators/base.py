"""What masked synthesis, inversion and training need to know of a generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

NUM_WS = 18
W_DIM = 512
Window = tuple[slice, slice]
"""Rows and columns of a map."""


@dataclass(frozen=True)
class LayerSpec:
    """One maskable convolution.

    Attributes:
        size: side of its output in pixels.
        channels: channels of its output.
        rows: the W+ rows that style it (its up-sampling included).
        rgb_row: the W+ row of the RGB output behind it, or None where there is none.
        reach: pixels along the edge of a window of its map that missing neighbours may have spoilt, in its features
            and in the RGB sum beside them; the default is more than any generator here needs.
    """

    size: int
    channels: int
    rows: tuple[int, ...]
    rgb_row: int | None = None
    reach: int = field(default=4, compare=False)


@dataclass(frozen=True)
class StyleSlot:
    """One affine layer, which turns a W+ row into the styles of a modulation (see `style_space`).

    Attributes:
        path: its dotted name in the generator.
        row: the W+ row that it reads.
        channels: styles that it gives.
        layer: a shift of its styles changes nothing below this layer.
        rgb: it styles an RGB output, not a convolution or its up-sampling.
    """

    path: str
    row: int
    channels: int
    layer: int
    rgb: bool = False


class Generator(Protocol):
    """A StyleGAN2-type generator, cut at every convolution.

    Feature maps are `float32 [B, channels, size, size]` behind the layer's activation.
    """

    @property
    def layers(self) -> Sequence[LayerSpec]:
        """The maskable convolutions, coarse to fine."""
        ...

    @property
    def image_size(self) -> int:
        """Side of the finished picture in pixels."""
        ...

    @property
    def style_slots(self) -> Sequence[StyleSlot]:
        """The affine layers in the order of their use; a preview's are the first ones of the full generator's."""
        ...

    @property
    def w_avg(self) -> Tensor:
        """Mean of w, `[512]`."""
        ...

    def mapping(self, z: Tensor) -> Tensor:
        """`z [B, 512]` to `w [B, 512]`."""
        ...

    def start(self, batch: int) -> Tensor:
        """The constant input map, repeated `batch` times."""
        ...

    def layer(self, index: int, x: Tensor, w_plus: Tensor, window: Window | None = None) -> Tensor:
        """Convolution `index` on the features of the layer below; fixed noise included.

        Args:
            window: part of this layer's map that is wanted; `x` is then the matching part of the map below, and the
                outermost pixels of the result lack their neighbours (see `windows`).
        """
        ...

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        """The RGB output behind layer `index`, in the generator's own colour basis."""
        ...

    def add_rgb(self, below: Tensor | None, rgb: Tensor) -> Tensor:
        """Add an RGB output to the up-sampled sum of those below (None for the first)."""
        ...

    def finish(self, rgb: Tensor) -> Tensor:
        """From the RGB sum to an image `[B, 3, image_size, image_size]` in [-1, 1] (not clamped)."""
        ...


AnyGenerator = TypeVar("AnyGenerator", bound=Generator)


class WrappedGenerator(nn.Module):
    """A `Generator` that hands everything on to another one, `full`, which is neither copied nor changed.

    Subclasses override what they do otherwise; one that cuts the layers short sets `layers` and `image_size`.
    """

    def __init__(self, full: Generator):
        super().__init__()
        self.full = full
        self.layers = tuple(full.layers)
        self.image_size = full.image_size

    @property
    def style_slots(self) -> Sequence[StyleSlot]:
        """See `Generator.style_slots`."""
        slots = [slot for slot in self.full.style_slots if slot.layer < len(self.layers)]
        return tuple(replace(slot, path=f"full.{slot.path}") for slot in slots)

    @property
    def w_avg(self) -> Tensor:
        """See `Generator.w_avg`."""
        return self.full.w_avg

    def mapping(self, z: Tensor) -> Tensor:
        """See `Generator.mapping`."""
        return self.full.mapping(z)

    def start(self, batch: int) -> Tensor:
        """See `Generator.start`."""
        return self.full.start(batch)

    def layer(self, index: int, x: Tensor, w_plus: Tensor, window: Window | None = None) -> Tensor:
        """See `Generator.layer`."""
        return self.full.layer(index, x, w_plus, window)

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        """See `Generator.rgb`."""
        return self.full.rgb(index, x, w_plus)

    def add_rgb(self, below: Tensor | None, rgb: Tensor) -> Tensor:
        """See `Generator.add_rgb`."""
        return self.full.add_rgb(below, rgb)

    def finish(self, rgb: Tensor) -> Tensor:
        """See `Generator.finish`."""
        return self.full.finish(rgb)


def broadcast_w(w: Tensor, num_ws: int = NUM_WS) -> Tensor:
    """`w [B, 512]` to `w_plus [B, num_ws, 512]`, every row the same."""
    return w.unsqueeze(1).expand(-1, num_ws, -1).contiguous()


def truncate(w: Tensor, w_avg: Tensor, truncation_psi: float | Tensor) -> Tensor:
    """Pull `w [B, 512]` towards `w_avg`; psi (one, or `[B, 1]`) 1 keeps it, 0 gives the average face."""
    return w_avg + truncation_psi * (w - w_avg)


def seeded_z(rows: int, seed: int) -> Tensor:
    """`z float32 [rows, 512]` of a seed: the same on every machine and torch version."""
    z = np.random.default_rng(seed).standard_normal((rows, W_DIM))
    return torch.from_numpy(z.astype(np.float32))
