"""StyleSpace: the channels s = A(w) by which every convolution is modulated, read and shifted in any generator.

A shift is a generator of its own: the same weights, the same layers, other styles. So whatever takes a generator
works with shifted styles, and nothing that other threads use is touched.

Source: Wu et al., "StyleSpace Analysis: Disentangled Controls for StyleGAN Image Generation" (CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mcaclip.generators.base import AnyGenerator, Generator, StyleSlot


class ShiftedAffine(nn.Module):
    """An affine layer whose style has a constant added: `A(w) + offset`."""

    def __init__(self, affine: nn.Module, offset: Tensor):
        """`offset [B, C]`, or `[1, C]` for every sample."""
        super().__init__()
        self.affine = affine
        self.offset = offset

    def forward(self, w: Tensor) -> Tensor:
        """`w [B, 512]` to `[B, C]`."""
        return self.affine(w) + self.offset


def style_ranges(generator: Generator) -> list[tuple[StyleSlot, slice]]:
    """Where each slot's channels lie in the vector s."""
    found, start = [], 0
    for slot in generator.style_slots:
        found.append((slot, slice(start, start + slot.channels)))
        start += slot.channels
    return found


def style_size(generator: Generator) -> int:
    """Number of channels of s."""
    return sum(slot.channels for slot in generator.style_slots)


def convolution_channels(generator: Generator) -> Tensor:
    """The numbers of the channels of s that modulate convolutions, not RGB outputs: `int [C]`."""
    found = [torch.arange(place.start, place.stop) for slot, place in style_ranges(generator) if not slot.rgb]
    return torch.cat(found)


def read_styles(generator: Generator, w_plus: Tensor) -> Tensor:
    """`w_plus [B, 18, 512]` to `s [B, S]`: what synthesis modulates with, slot after slot."""
    root = _module(generator)
    return torch.cat([root.get_submodule(slot.path)(w_plus[:, slot.row]) for slot in generator.style_slots], 1)


def with_style_shift(generator: AnyGenerator, shift: Tensor) -> AnyGenerator:
    """The generator with `shift` added to its styles; a shift of 0 gives the same pictures bit for bit.

    No weight is copied and the generator itself stays as it is.

    Args:
        shift: `[B, P]` or `[1, P]`, channels `0 .. P - 1` of s. Those behind them are not shifted, so what was found
            through a preview, whose s is the beginning of the whole one, fits the full generator as well.

    Raises:
        ValueError: more channels than the generator has.
    """
    if shift.ndim != 2 or shift.shape[1] > style_size(generator):
        raise ValueError(f"shift must be [B, up to {style_size(generator)}], not {tuple(shift.shape)}")
    root, replaced = _module(generator), {}
    for slot, place in style_ranges(generator):
        part = shift[:, place]
        if part.shape[1] == 0:
            break
        if part.shape[1] < slot.channels:
            part = nn.functional.pad(part, (0, slot.channels - part.shape[1]))
        replaced[slot.path] = ShiftedAffine(root.get_submodule(slot.path), part)
    shifted = _graft(root, replaced)
    return shifted  # type: ignore[return-value]


def _module(generator: Generator) -> nn.Module:
    assert isinstance(generator, nn.Module), "styles are read off a torch module"
    return generator


def _graft(root: nn.Module, replaced: Mapping[str, nn.Module]) -> nn.Module:
    """A copy of `root` that shares everything with it but the submodules at these dotted paths."""
    copy = root.__new__(type(root))
    copy.__dict__ = {**root.__dict__, "_modules": dict(root._modules)}
    below: dict[str, dict[str, nn.Module]] = {}
    for path, module in replaced.items():
        child, _, rest = path.partition(".")
        below.setdefault(child, {})[rest] = module
    for child, inner in below.items():
        own = root._modules[child]
        assert own is not None
        copy._modules[child] = inner[""] if "" in inner else _graft(own, inner)
    return copy
