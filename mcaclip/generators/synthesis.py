"""Synthesis written once for every generator: plain, with features, and masked (CORAL).

Source: CoralStyleCLIP's blend as MCA-CLIP uses it (Eq. 4; FACTS 1.3): both branches of a layer start from the
same blended features of the layer below, and mask 1 is the *edited* region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.generators.ops import resize_mask

LayerHook = Callable[[int], None]
"""Called with the layer's number before it is computed; may raise to cancel."""


@dataclass(frozen=True)
class Synthesis:
    """A generated image with the features it was made of.

    Attributes:
        image: `[B, 3, S, S]`, nominally in [-1, 1], not clamped.
        features: one `[B, C_l, s_l, s_l]` for each layer asked for, by layer number.
    """

    image: Tensor
    features: dict[int, Tensor]


def synthesize(
    generator: Generator, w_plus: Tensor, keep: Iterable[int] = (), hook: LayerHook | None = None
) -> Synthesis:
    """Generate images of `w_plus [B, 18, 512]`, keeping the features of the layers in `keep`."""
    keep = set(keep)
    x = generator.start(len(w_plus))
    rgb: Tensor | None = None
    features: dict[int, Tensor] = {}
    for index, spec in enumerate(generator.layers):
        if hook:
            hook(index)
        x = generator.layer(index, x, w_plus)
        if index in keep:
            features[index] = x
        if spec.rgb_row is not None:
            rgb = generator.add_rgb(rgb, generator.rgb(index, x, w_plus))
    return Synthesis(_finish(generator, rgb), features)


def masked_synthesize(
    generator: Generator,
    w_plus: Tensor,
    delta_w: Tensor,
    masks: Sequence[Tensor],
    source_image: Tensor,
    hook: LayerHook | None = None,
) -> Tensor:
    """Generate the edit that changes only what the masks allow.

    At every layer `src = Phi(f, w)`, `edt = Phi(f, w + delta)`, `f* = src + m (edt - src)`; the RGB outputs blend
    with their layer's mask, and the last mask blends the final image with `source_image`. With `delta_w = 0`, or
    with every mask 0, the result is `source_image` bit for bit.

    Args:
        w_plus: `[B, 18, 512]`.
        delta_w: `[B, 18, 512]`, strength included.
        masks: one `[B, 1, s, s]` in [0, 1] a layer and one for the final image; sizes that differ from the layer's
            are resampled bilinearly.
        source_image: `[B, 3, S, S]`, what `synthesize` made of `w_plus`.

    Returns:
        `[B, 3, S, S]`, not clamped.
    """
    if len(masks) != len(generator.layers) + 1:
        raise ValueError(f"{len(generator.layers) + 1} masks are needed, got {len(masks)}")
    edited_w = w_plus + delta_w
    moved = _moved_rows(delta_w)
    x = generator.start(len(w_plus))
    rgb: Tensor | None = None
    for index, spec in enumerate(generator.layers):
        if hook:
            hook(index)
        mask = resize_mask(masks[index], spec.size)
        below = x
        x = generator.layer(index, below, w_plus)
        if moved.intersection(spec.rows):
            x = x + mask * (generator.layer(index, below, edited_w) - x)
        if spec.rgb_row is not None:
            part = generator.rgb(index, x, w_plus)
            if spec.rgb_row in moved:
                part = part + mask * (generator.rgb(index, x, edited_w) - part)
            rgb = generator.add_rgb(rgb, part)
    edited = _finish(generator, rgb)
    return source_image + resize_mask(masks[-1], edited.shape[-1]) * (edited - source_image)


def _finish(generator: Generator, rgb: Tensor | None) -> Tensor:
    assert rgb is not None, "a generator needs at least one layer with an RGB output"
    return generator.finish(rgb)


def _moved_rows(delta_w: Tensor) -> set[int]:
    """Rows that the shift touches: where none does, both branches of a layer are equal and one is enough.

    While gradients are recorded every row counts, since a shift of exactly zero must still learn.
    """
    if delta_w.requires_grad and torch.is_grad_enabled():
        return set(range(delta_w.shape[1]))
    used = delta_w.detach().abs().amax(dim=(0, 2)) > 0
    return {row for row, is_used in enumerate(used.tolist()) if is_used}
