"""A four-layer generator with random weights: the protocol's smallest member, for exact tests."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.base import LayerSpec, StyleSlot, Window


class ToyGenerator(nn.Module):
    """4 and 8 px, an RGB output behind each resolution, as StyleGAN2 has them."""

    image_size = 8
    layers = (
        LayerSpec(4, 6, (0,)),
        LayerSpec(4, 6, (1,), rgb_row=2),
        LayerSpec(8, 6, (3,)),
        LayerSpec(8, 6, (4,), rgb_row=5),
    )

    style_slots = tuple(
        StyleSlot(f"styles.{row}", row, 6, layer, rgb=row in (2, 5)) for row, layer in enumerate((0, 1, 1, 2, 3, 3))
    )

    def __init__(self) -> None:
        super().__init__()
        self.w_avg = torch.zeros(512)
        self.constant = nn.Parameter(torch.randn(1, 6, 4, 4))
        self.styles = nn.ModuleList(nn.Linear(512, 6) for _ in range(6))
        self.convs = nn.ModuleList(nn.Conv2d(6, 6, 3, padding=1) for _ in range(4))
        self.rgbs = nn.ModuleList(nn.Conv2d(6, 3, 1) for _ in range(4))
        self.noises = nn.ParameterList(nn.Parameter(torch.randn(1, 1, s.size, s.size)) for s in self.layers)
        self.requires_grad_(False)

    def mapping(self, z: Tensor) -> Tensor:
        return z

    def start(self, batch: int) -> Tensor:
        return self.constant.expand(batch, -1, -1, -1)

    def layer(self, index: int, x: Tensor, w_plus: Tensor, window: Window | None = None) -> Tensor:
        if x.shape[-1] < self.layers[index].size:
            x = F.interpolate(x, scale_factor=2)
        row = self.layers[index].rows[0]
        x = x * self.styles[row](w_plus[:, row])[:, :, None, None]
        noise = self.noises[index] if window is None else self.noises[index][:, :, window[0], window[1]]
        return F.leaky_relu(self.convs[index](x) + noise, 0.2)

    def rgb(self, index: int, x: Tensor, w_plus: Tensor) -> Tensor:
        row = self.layers[index].rgb_row
        return self.rgbs[index](x * self.styles[row](w_plus[:, row])[:, :, None, None])

    def add_rgb(self, below: Tensor | None, rgb: Tensor) -> Tensor:
        return rgb if below is None else F.interpolate(below, scale_factor=2) + rgb

    def finish(self, rgb: Tensor) -> Tensor:
        return rgb
