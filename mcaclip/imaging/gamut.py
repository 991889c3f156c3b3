"""The range of a picture's values, with a way back into it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def to_gamut(images: Tensor) -> Tensor:
    """`images` clamped to [-1, 1]; a descent still gets the gradient by which values outside come back.

    With a plain clamp a background that has once become pure blue stays so: it has no red left that could grow.
    Gradients that would drive a value farther out are cut, as a clamp does.
    """
    return _ToGamut.apply(images)  # type: ignore[no-untyped-call, no-any-return]


class _ToGamut(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor) -> Tensor:
        ctx.save_for_backward(images)
        return images.clamp(-1, 1)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        (images,) = ctx.saved_tensors  # type: ignore[attr-defined]
        (gradient,) = gradients
        # a step of descent goes against the gradient
        outwards = ((images > 1) & (gradient < 0)) | ((images < -1) & (gradient > 0))
        return gradient.masked_fill(outwards, 0)
