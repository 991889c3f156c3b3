"""The similarity of two faces: dlib's 29-layer residual network in PyTorch, differentiable.

Source: D. E. King, "Dlib-ml: A Machine Learning Toolkit", JMLR 10 (2009), and its face recognition network
of 2017, a ResNet-34 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016) with half the
filters and fewer layers. The weights are read from dlib's own file and dlib is the oracle in the tests.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from mcaclip.nn.ops import cut_square
from mcaclip.nn.safetensors_io import load_strictly
from mcaclip.perception.dlib_dat import BLOCKS, CHIP_SIZE, INPUT_MEAN, LEVEL_ENDS

# Where dlib's 150 px chip (padding 0.25) lies in the FFHQ crop, in units of the crop's side: its centre and
# its side. Measured on 63 photos by composing `dlib.get_face_chip_details` with the FFHQ quad of the same 68
# landmarks; mean, with standard deviations of 0.007, 0.008 and 0.025. The mean rotation between the two
# frames was 0.13 degrees (deviation 1 degree) and is left out.
CHIP_CENTER = (0.5054, 0.6029)
CHIP_SIDE = 0.698


class _ResidualBlock(nn.Module):
    """conv, ReLU, conv, plus the input (average-pooled when the block halves the resolution), ReLU."""

    def __init__(self, channels_in: int, channels_out: int, down: bool) -> None:
        super().__init__()
        self.down = down
        # dlib pads only convolutions of stride 1.
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, 2 if down else 1, 0 if down else 1)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C_in, H, W]` to `[B, C_out, H', W']`."""
        y = self.conv2(F.relu(self.conv1(x)))
        skip = F.avg_pool2d(x, 2, 2) if self.down else x
        return F.relu(_add_zero_padded(y, skip))


def _add_zero_padded(a: Tensor, b: Tensor) -> Tensor:
    """Sum of two maps of unlike sizes: both are zero-padded at the end of channels, rows and columns.

    dlib's `add_prev` does so. For 150 px chips the rows differ twice: 3 against 4, and 1 against 2.
    """
    size = [max(m, n) for m, n in zip(a.shape[1:], b.shape[1:], strict=True)]

    def pad(x: Tensor) -> Tensor:
        channels, rows, columns = (want - have for want, have in zip(size, x.shape[1:], strict=True))
        return F.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x

    return pad(a) + pad(b)


class FaceIdentity(nn.Module):
    """dlib's face recognition network: 150 px chip to 128 numbers.

    All raw descriptors share a large common part: two different people have a cosine of 0.83 on average. `embed`
    therefore subtracts `center`, the mean descriptor of many faces, so that strangers come out near 0.
    """

    mean: Tensor
    center: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, 2)
        self.blocks = nn.ModuleList(_ResidualBlock(*block) for block in BLOCKS)
        self.head = nn.Linear(256, 128, bias=False)
        self.register_buffer("mean", torch.tensor(INPUT_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("center", torch.zeros(128), persistent=False)

    @classmethod
    def load(cls, path: Path, center: Path | None = None, device: str | torch.device = "cpu") -> FaceIdentity:
        """The trained network, frozen, in eval mode.

        Args:
            path: its weights.
            center: the file of the mean descriptor; None for a mean of zero.

        Raises:
            WeightsError: the weights have another layout.
        """
        problem = "is no file of dlib's face recognition network"
        net = load_strictly(cls(), path, problem, "delete it and start again: it is converted anew")
        if center is not None:
            net.center = load_file(center)["mean"].float()
        return net.eval().requires_grad_(False).to(device)

    def forward(self, chips: Tensor) -> Tensor:
        """The raw descriptor of dlib (two photos of one person are closer than about 0.6).

        Args:
            chips: `float32 [B, 3, 150, 150]` RGB in [0, 255], cut as `dlib.get_face_chip` cuts.

        Returns:
            `float32 [B, 128]`, not normalised.
        """
        return self.head(self.features(chips)[-1].mean(dim=(2, 3)))

    def features(self, chips: Tensor) -> list[Tensor]:
        """Maps on the way, for use as a perceptual loss.

        Args:
            chips: as in `forward`.

        Returns:
            After the stem's ReLU `[B, 32, 72, 72]`, then after each level `[B, 32, 35, 35]`,
            `[B, 64, 17, 17]`, `[B, 128, 8, 8]`, `[B, 256, 4, 4]`, `[B, 256, 2, 2]`; all at least 0.
        """
        if chips.shape[1:] != (3, CHIP_SIZE, CHIP_SIZE):
            raise ValueError(f"chips must be [B, 3, {CHIP_SIZE}, {CHIP_SIZE}], not {tuple(chips.shape)}")
        x = F.relu(self.stem((chips - self.mean) / 256))
        maps = [x]
        x = F.max_pool2d(x, 3, 2)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in LEVEL_ENDS:
                maps.append(x)
        return maps

    def crop(self, images: Tensor) -> Tensor:
        """See `aligned_to_chips`."""
        return aligned_to_chips(images)

    def embed(self, images: Tensor) -> Tensor:
        """Identity of FFHQ-aligned faces.

        Args:
            images: `float32 [B, 3, S, S]` RGB in [-1, 1], FFHQ-aligned, S at least 128.

        Returns:
            `float32 [B, 128]` of length 1, centred (see the class).
        """
        return F.normalize(self(self.crop(images)) - self.center, dim=1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine of the identities of two batches of FFHQ-aligned faces, `[B, 3, S, S]`, as `[B]`."""
        return (self.embed(a) * self.embed(b)).sum(dim=1)


def aligned_to_chips(images: Tensor) -> Tensor:
    """Cuts dlib's 150 px chip out of FFHQ-aligned faces; differentiable and antialiased.

    The chip is sampled bilinearly on a grid so fine that neighbouring samples are at most one source pixel
    apart, then averaged down: no aliasing from 1024 px and no shift at any size.

    Args:
        images: `float32 [B, 3, S, S]` in [-1, 1]; S at least 128.

    Returns:
        `float32 [B, 3, 150, 150]` in [0, 255].
    """
    size = images.shape[-1]
    if images.ndim != 4 or images.shape[-2] != size or size < 128:
        raise ValueError(f"images must be [B, 3, S, S] with S at least 128, not {tuple(images.shape)}")
    fine = max(1, math.ceil(CHIP_SIDE * size / CHIP_SIZE))
    return (cut_square(images, CHIP_CENTER, CHIP_SIDE, CHIP_SIZE, fine) + 1) * 127.5
