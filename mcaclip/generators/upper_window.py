"""The layers above the preview on a window of the picture: a tenth of the cost of the whole."""

from __future__ import annotations

from torch import Tensor

from mcaclip.generators.mobilestylegan import MobileStyleGAN, Window
from mcaclip.generators.preview import TOP_LAYER
from mcaclip.nn.ops import resize_mask

CELLS = 128
"""Side of the features that the layers above the preview start from; a window is placed on this grid."""


def window_at(corner: tuple[int, int], size: int, scale: int) -> Window:
    """Rows and columns of a window of `size` cells at `corner` (y, x), on a map `scale` times as fine as the grid."""
    y, x = (scale * v for v in corner)
    return slice(y, y + scale * size), slice(x, x + scale * size)


def upper_picture(
    generator: MobileStyleGAN,
    x: Tensor,
    code: Tensor,
    corner: tuple[int, int],
    edit: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Run the layers above 128 px on a window of its features. At the window's edge pixels lack their neighbours.

    Args:
        x: `[1, 256, K, K]`, the window of layer 10's features.
        code: `[1, 18, 512]`.
        corner: the window's top left cell.
        edit: `delta [1, 18, 512]` and the `mask [1, 1, K, K]` that blends it in at every layer; None for the plain
            picture.

    Returns:
        `[1, 3, 8K, 8K]`.
    """
    size = x.shape[-1]
    for index in range(TOP_LAYER + 1, len(generator.layers)):
        window = window_at(corner, size, generator.layers[index].size // CELLS)
        below, x = x, generator.layer(index, x, code, window)
        if edit is not None:
            delta, mask = edit
            x = _blend(x, generator.layer(index, below, code + delta, window), mask)
    last = len(generator.layers) - 1
    rgb = generator.rgb(last, x, code)
    if edit is not None:
        delta, mask = edit
        rgb = _blend(rgb, generator.rgb(last, x, code + delta), mask)
    return generator.finish(generator.add_rgb(None, rgb))


def _blend(plain: Tensor, edited: Tensor, mask: Tensor) -> Tensor:
    return plain + resize_mask(mask, plain.shape[-1]) * (edited - plain)
