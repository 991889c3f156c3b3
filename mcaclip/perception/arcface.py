"""The similarity of two faces: ArcFace with an IR-SE50 body, differentiable.

Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition" (CVPR 2019). The crop is that
of the identity loss in pSp, StyleCLIP and CF-CLIP.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mcaclip.nn.published import check_layout, module_layout, read_checkpoint
from mcaclip.nn.safetensors_io import FromFile
from mcaclip.perception.ir_se import body, input_layer, stage_outputs

CROP_SIZE = 112
"""Side of the network's input in pixels."""

ALIGNED_SIZE = 256
ROWS, COLUMNS = slice(35, 223), slice(32, 220)
"""The face in an FFHQ-aligned picture of `ALIGNED_SIZE` pixels."""


class ArcFaceIdentity(FromFile):
    """ArcFace: 112 px crop to 512 numbers. It has the public methods of `FaceIdentity`, with its own `crop`."""

    problem, remedy = "is no ArcFace IR-SE50 file", "delete it and run `python -m mcaclip doctor` to get it again"
    channels_inside = False

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = input_layer()
        # numbered as published; the dropout (number 1) does nothing here but keep the numbers
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512), nn.Dropout(0.6), nn.Flatten(), nn.Linear(512 * 7 * 7, 512), nn.BatchNorm1d(512)
        )
        self.body = body()

    def forward(self, crops: Tensor) -> Tensor:
        """`crops [B, 3, 112, 112]` RGB in [-1, 1] to `[B, 512]`, not normalised."""
        return self.output_layer(self.features(crops)[-1])

    def features(self, crops: Tensor) -> list[Tensor]:
        """Maps on the way, for use as a perceptual loss.

        Args:
            crops: as in `forward`; see `crop`.

        Returns:
            `[B, 64, 112, 112]` after the first layer, then after each stage `[B, 64, 56, 56]`, `[B, 128, 28, 28]`,
            `[B, 256, 14, 14]`, `[B, 512, 7, 7]`.
        """
        if crops.shape[1:] != (3, CROP_SIZE, CROP_SIZE):
            raise ValueError(f"crops must be [B, 3, {CROP_SIZE}, {CROP_SIZE}], not {tuple(crops.shape)}")
        x = self.input_layer(crops)
        return [x, *stage_outputs(self.body, x)]

    def embed(self, images: Tensor) -> Tensor:
        """Identities `[B, 512]` of length 1 of FFHQ-aligned faces `[B, 3, S, S]` RGB in [-1, 1]."""
        return F.normalize(self(self.crop(images)), dim=1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine of the identities of two batches of FFHQ-aligned faces, `[B, 3, S, S]`, as `[B]`."""
        return (self.embed(a) * self.embed(b)).sum(dim=1)

    def crop(self, images: Tensor) -> Tensor:
        """The face `[B, 3, 112, 112]` of FFHQ-aligned pictures `[B, 3, S, S]`, averaging areas."""
        if images.ndim != 4 or images.shape[-1] != images.shape[-2]:
            raise ValueError(f"images must be [B, 3, S, S], not {tuple(images.shape)}")
        if images.shape[-1] != ALIGNED_SIZE:
            images = F.adaptive_avg_pool2d(images, ALIGNED_SIZE)
        return F.adaptive_avg_pool2d(images[:, :, ROWS, COLUMNS], CROP_SIZE)


def read_ir_se50(path: Path) -> dict[str, Tensor]:
    """The published checkpoint (a plain state dict) as the state dict of `ArcFaceIdentity`.

    Raises:
        WeightsError: the file is damaged or has another layout.
    """
    with torch.device("meta"):
        layout = module_layout(ArcFaceIdentity())
    return check_layout(path, read_checkpoint(path), layout)
