"""The parsing teacher: a 19-class U-Net that labels generated faces. Used in training only, never shipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.errors import TrainingError
from mcaclip.nn.safetensors_io import load_strictly
from mcaclip.perception.face_parser import MIRRORED
from mcaclip.perception.parsing_head import CLASSES

# The teacher's own class numbers, in its order.
_TEACHER_CLASSES = (
    "background", "u_lip", "l_brow", "skin", "r_ear", "r_eye", "nose", "neck_l", "l_ear", "eye_g", "l_lip",
    "r_brow", "hat", "hair", "mouth", "neck", "cloth", "l_eye", "ear_r",
)  # fmt: skip
VIEWS = ((256, False), (256, True), (288, False), (232, True))


def _double(i: int, o: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())


class TeacherUNet(nn.Module):
    """U-Net with 32, 64, 128 channels; input `[B, 3, 256, 256]` in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1, self.enc2, self.bottleneck = _double(3, 32), _double(32, 64), _double(64, 128)
        self.up1, self.dec1 = nn.ConvTranspose2d(128, 64, 2, 2), _double(128, 64)
        self.up2, self.dec2 = nn.ConvTranspose2d(64, 32, 2, 2), _double(64, 32)
        self.out = nn.Conv2d(32, len(_TEACHER_CLASSES), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, 19, H, W]` in the teacher's class order."""
        e1 = self.enc1(x)
        e2 = self.enc2(F.max_pool2d(e1, 2))
        b = self.bottleneck(F.max_pool2d(e2, 2))
        d1 = self.dec1(torch.cat([self.up1(b), e2], 1))
        return self.out(self.dec2(torch.cat([self.up2(d1), e1], 1)))


class Teacher:
    """Label probabilities in CelebAMask-HQ's order, averaged over views: `(side, flipped)` each."""

    def __init__(self, path: Path, views: Sequence[tuple[int, bool]] = VIEWS):
        if not path.is_file():
            raise TrainingError(f"the parsing teacher is not at {path}: name it with --teacher FILE")
        self.views = tuple(views)
        self.net = TeacherUNet()
        load_strictly(self.net, path, "is no parsing teacher", "name the file with --teacher FILE")
        self.net.requires_grad_(False).eval()
        self._order = [_TEACHER_CLASSES.index(name) for name in CLASSES]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """`images [B, 3, 256, 256]` in [-1, 1] to probabilities `[B, 19, 256, 256]`."""
        total = torch.zeros(len(images), len(CLASSES), *images.shape[-2:])
        for size, flipped in self.views:
            x = F.interpolate(images.clamp(-1, 1), size=(size, size), mode="bilinear", antialias=True)
            p = self.net(x.flip(-1) if flipped else x)[:, self._order].softmax(1)
            p = p.flip(-1)[:, MIRRORED[: len(CLASSES)]] if flipped else p
            total += F.interpolate(p, size=images.shape[-2:], mode="bilinear")
        return total / len(self.views)
