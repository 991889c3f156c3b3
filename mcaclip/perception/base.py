"""The interfaces of face networks that inversion, editing and training use."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from torch import Tensor

from mcaclip.generators.synthesis import Synthesis


class Identity(Protocol):
    """Tells people apart; differentiable. Pictures are FFHQ-aligned, `[B, 3, S, S]` in [-1, 1]."""

    def crop(self, images: Tensor) -> Tensor:
        """The network's input, cut out of pictures."""
        ...

    def features(self, crops: Tensor) -> list[Tensor]:
        """Intermediate maps, fine to coarse, at least four: a perceptual loss compares them."""
        ...

    def embed(self, images: Tensor) -> Tensor:
        """Pictures to identities of length 1, `[B, D]`."""
        ...

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine of the identities of two batches of pictures, `[B]`."""
        ...


class Parser(Protocol):
    """Finds the parts of a generated face."""

    @property
    def layers(self) -> Collection[int]:
        """The generator's layers whose features it reads; empty for a parser of pictures."""
        ...

    def parse(self, made: Synthesis, size: int) -> Tensor:
        """Class probabilities of a synthesis that kept the features of `layers`; no gradient.

        Args:
            made: `B` generated faces.
            size: side of the result.

        Returns:
            `[B, 19, size, size]` in the order of `parsing_head.CLASSES`, summing to 1.
        """
        ...


class PhotoParser(Protocol):
    """Finds the parts of any aligned picture."""

    def probabilities(self, images: Tensor, size: int = 256) -> Tensor:
        """Probabilities of `face_parser.LABELS`, `[B, 22, size, size]`; no gradient.

        Args:
            images: `[B, 3, S, S]` RGB in [-1, 1], FFHQ-aligned, of any size.
        """
        ...
