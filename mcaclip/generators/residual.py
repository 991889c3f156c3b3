"""What a face has that no code says: a map that is added behind one layer of the generator.

Source: the idea of BDInvert (Kang et al., ICCV 2021) and StyleFeatureEditor (Bobkov et al., CVPR 2024): features of a
middle layer say where a photo's own curls, glasses and hats are, while the code stays one that edits understand.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor

from mcaclip.errors import StudioError
from mcaclip.generators.base import AnyGenerator, Generator, Window, WrappedGenerator
from mcaclip.nn.ops import resize_mask
from mcaclip.types import Residual

SIDE = 32
"""Side in pixels of the map that a residual is added to: fine enough for a person's features, coarse enough that
masks and edits above it still work."""


def residual_layer(generator: Generator) -> int:
    """The layer that a residual stands behind: the last one of 32 px, or the last one of a smaller generator."""
    return max(index for index, spec in enumerate(generator.layers) if spec.size <= SIDE)


class ResidualGenerator(WrappedGenerator):
    """A generator of one face: `full` with a face's residual added behind one of its layers.

    Args:
        residual: the map; on the generator's device.
        share: factor on the map, 0..1, or a map `[1, 1, s, s]` of factors.
    """

    def __init__(self, full: Generator, residual: Residual, share: float | Tensor = 1.0):
        super().__init__(full)
        side = residual.features.shape[-1]
        self.residual, self.share = residual, resize_mask(share, side) if isinstance(share, Tensor) else share
        self.added = self.share * residual.features

    def layer(self, index: int, x: Tensor, w_plus: Tensor, window: Window | None = None) -> Tensor:
        """See `Generator.layer`."""
        made = self.full.layer(index, x, w_plus, window)
        if index != self.residual.layer:
            return made
        return made + (self.added if window is None else self.added[:, :, window[0], window[1]])


def of_face(generator: AnyGenerator, residual: Residual | None) -> AnyGenerator:
    """The generator of a face with this residual: itself where there is none.

    Raises:
        StudioError: the residual is for a generator of other layers.
    """
    if residual is None:
        return generator
    shapes = {index: (1, spec.channels, spec.size, spec.size) for index, spec in enumerate(generator.layers)}
    if shapes.get(residual.layer) != tuple(residual.features.shape):
        raise StudioError("This face was reconstructed with another generator. Reconstruct it again from its photo.")
    moved = Residual(residual.layer, residual.features.to(generator.w_avg))
    return cast(AnyGenerator, ResidualGenerator(generator, moved))


def faded(generator: Generator, share: float | Tensor) -> Generator:
    """The same generator with only a share (0..1, or a map) of the face's residual; itself where it keeps all."""
    if (not isinstance(share, Tensor) and share == 1) or not isinstance(generator, ResidualGenerator):
        return generator
    return ResidualGenerator(generator.full, generator.residual, share * generator.share)
