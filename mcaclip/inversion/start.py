"""Where an inversion starts: the compact encoder's code, corrected by looking at what it makes, and a residual."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.residual import residual_layer
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.encoder import FaceEncoder, view_of
from mcaclip.inversion.likeness import to_side
from mcaclip.inversion.residual_encoder import ResidualEncoder
from mcaclip.perception.identity import FaceIdentity
from mcaclip.types import Residual

PASSES = 2
RELAXATION = 0.8


@dataclass(frozen=True)
class EncoderStart:
    """The encoder with the networks that it looks through.

    Attributes:
        preview: a 256 px preview of W+ codes.
        identity: dlib's net, the encoder's backbone.
    """

    preview: Generator
    identity: FaceIdentity
    encoder: FaceEncoder

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """The code `w_plus [18, 512]` of an aligned face `[3, S, S]` in [-1, 1].

        The encoder is shown its own reconstruction, and the code moves by the difference of the two answers: whatever
        it gets wrong for both cancels. On generated faces two such passes raise the PSNR by 2 dB.
        Source: the feedback of ReStyle (Alaluf et al. 2021), as a fixed-point iteration without further training.
        """
        wanted = self.encoder.code(view_of(self.identity, to_side(image[None])))
        code = wanted
        for _ in range(PASSES):
            made = synthesize(self.preview, code).image.clamp(-1, 1)
            code = code + RELAXATION * (wanted - self.encoder.code(view_of(self.identity, made)))
        return code[0]


@dataclass(frozen=True)
class ResidualStart:
    """The network that sees what a code lacks.

    Attributes:
        preview: a 256 px preview of W+ codes.
    """

    preview: Generator
    encoder: ResidualEncoder

    @torch.no_grad()
    def __call__(self, image: Tensor, code: Tensor) -> Residual:
        """The residual of an aligned face `[3, S, S]` in [-1, 1] with the code `[18, 512]`."""
        layer = residual_layer(self.preview)
        made = synthesize(self.preview, code[None], keep=(layer,))
        photo, seen = to_side(image[None]), made.image.clamp(-1, 1)
        return Residual(layer, self.encoder(photo, seen, made.features[layer]).contiguous())
