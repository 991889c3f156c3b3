"""Face parsing read off the generator's own features: 19 classes for any W+ code, at almost no cost.

Generator features separate the parts of a face so well that a small head labels them (the idea of DatasetGAN,
Zhang et al. 2021). It parses *generated* pictures only: a photo is parsed through its inversion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.synthesis import Synthesis
from mcaclip.nn.ops import normalise_features
from mcaclip.nn.safetensors_io import FromFile

CLASSES = (
    "background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth",
    "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth",
)  # fmt: skip
"""CelebAMask-HQ's classes in its order (FACTS 7)."""

PARSED_LAYERS: Mapping[int, int] = {4: 512, 6: 512, 8: 512, 10: 256}
"""Layer number to channels: the second convolutions at 16, 32, 64 and 128 px."""


class ParsingHead(FromFile):
    """Features of four layers to class logits at 128 px."""

    problem, remedy = "is no parsing head", "fit it again: `python -m train parsing-head`"
    channels_inside = False

    def __init__(self, hidden: int = 48):
        super().__init__()
        self.reduce = nn.ModuleDict({str(i): nn.Conv2d(c, hidden, 1) for i, c in PARSED_LAYERS.items()})
        self.mix = nn.Sequential(
            nn.ReLU(), nn.Conv2d(hidden, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, len(CLASSES), 1)
        )

    def forward(self, features: Mapping[int, Tensor]) -> Tensor:
        """`features[l] [B, C_l, s_l, s_l]` for every l in `PARSED_LAYERS` to logits `[B, 19, 128, 128]`."""
        size = features[max(PARSED_LAYERS)].shape[-1]
        total = None
        for index in PARSED_LAYERS:
            part = self.reduce[str(index)](normalise_features(features[index]))
            part = F.interpolate(part, size=(size, size), mode="bilinear", align_corners=False)
            total = part if total is None else total + part
        return self.mix(total)

    @property
    def layers(self) -> Collection[int]:
        """See `Parser.layers`."""
        return PARSED_LAYERS.keys()

    def parse(self, made: Synthesis, size: int) -> Tensor:
        """See `Parser.parse`."""
        return self.probabilities({index: made.features[index] for index in PARSED_LAYERS}, size)

    def probabilities(self, features: Mapping[int, Tensor], size: int = 256) -> Tensor:
        """Class probabilities `[B, 19, size, size]`, no gradient."""
        with torch.no_grad():
            logits = self(features)
            return F.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False).softmax(1)
