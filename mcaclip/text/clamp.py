"""Clamping to the range of pictures that an optimisation can come back from."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class _ClampBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor) -> Tensor:
        ctx.save_for_backward(images)
        return images.clamp(-1, 1)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        (images,) = ctx.saved_tensors  # type: ignore[attr-defined]
        (gradient,) = gradients
        # descent goes against the gradient
        leads_back = ((images > 1) & (gradient > 0)) | ((images < -1) & (gradient < 0))
        return gradient * ((images.abs() <= 1) | leads_back)


def clamp_back(images: Tensor) -> Tensor:
    """Images clamped to [-1, 1]; outside, the gradient is kept where a descent along it leads back inside.

    With a plain clamp a pixel that has left the range has no gradient, and an optimisation that has blown out a
    picture can never mend it.
    """
    clamped: Tensor = _ClampBack.apply(images)  # type: ignore[no-untyped-call]
    return clamped
