"""What stands in the slot of the identity for pictures that are no faces."""

from __future__ import annotations

from torch import Tensor


class NoIdentity:
    """Says the same of every picture, so that its terms are 0 in every loss; implements `Identity`."""

    def crop(self, images: Tensor) -> Tensor:
        """The pictures themselves."""
        return images

    def features(self, crops: Tensor) -> list[Tensor]:
        """Four maps of a single 1."""
        return [crops.new_ones(len(crops), 1, 1, 1)] * 4

    def embed(self, images: Tensor) -> Tensor:
        """The same for all, `[B, 1]`."""
        return images.new_ones(len(images), 1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """1 for every pair, `[B]`."""
        return a.new_ones(len(a))
