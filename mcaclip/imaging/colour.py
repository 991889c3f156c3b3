"""Differentiable sRGB <-> CIE Lab (D65), and named colours in it.

Images are `float [..., 3, H, W]` in [-1, 1], gamma-encoded sRGB. Nothing is clamped: both curves
go on smoothly outside the gamut, so that a generator's overshoot still has a gradient which leads back.
Lab is in its usual units: L 0..100, a and b about -110..110.

Source: IEC 61966-2-1 (sRGB), CIE 15 (Lab).
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from mcaclip.language.colours import srgb_of

_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_DELTA = 6 / 29


def srgb_to_lab(image: Tensor) -> Tensor:
    """Converts sRGB to Lab.

    Args:
        image: `float [..., 3, H, W]`, [-1, 1], gamma-encoded; values outside are extrapolated.

    Returns:
        `float [..., 3, H, W]`: L, a, b. Greys have a = b = 0. The gradient is finite everywhere.
    """
    linear = _decode_gamma((image + 1) / 2)
    matrix = _to_relative_xyz(image)
    x, y, z = _compress(torch.einsum("ij,...jhw->...ihw", matrix, linear)).unbind(dim=-3)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-3)


def lab_to_srgb(lab: Tensor) -> Tensor:
    """Inverse of `srgb_to_lab`; outside [-1, 1] when the colour is no sRGB colour (clamp to display)."""
    lightness, a, b = lab.unbind(dim=-3)
    y = (lightness + 16) / 116
    relative = _expand(torch.stack([y + a / 500, y, y - b / 200], dim=-3))
    linear = torch.einsum("ij,...jhw->...ihw", torch.linalg.inv(_to_relative_xyz(lab)), relative)
    return _encode_gamma(linear) * 2 - 1


def _to_relative_xyz(like: Tensor) -> Tensor:
    """`[3, 3]` from linear RGB to X/Xn, Y/Yn, Z/Zn; each row sums to 1, so white becomes (1, 1, 1)."""
    matrix = torch.tensor(_TO_XYZ, dtype=like.dtype, device=like.device)
    return matrix / matrix.sum(dim=1, keepdim=True)


# In the four curves below each branch of `where` clamps its own input: the branch that is not chosen
# would otherwise give 0 * inf = NaN in the backward pass.


def _decode_gamma(value: Tensor) -> Tensor:
    """sRGB 0..1 to linear light 0..1; linear below the toe, negative values included."""
    power = ((value.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(value > 0.04045, power, value / 12.92)


def _encode_gamma(linear: Tensor) -> Tensor:
    """Inverse of `_decode_gamma`."""
    power = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear > 0.0031308, power, linear * 12.92)


def _compress(value: Tensor) -> Tensor:
    """CIE's f: the cube root, continued by its tangent near and below black."""
    root = value.clamp_min(_DELTA**3) ** (1 / 3)
    return torch.where(value > _DELTA**3, root, value / (3 * _DELTA**2) + 4 / 29)


def _expand(value: Tensor) -> Tensor:
    """Inverse of `_compress`."""
    return torch.where(value > _DELTA, value**3, 3 * _DELTA**2 * (value - 4 / 29))


@lru_cache(maxsize=4096)
def lab_values(name: str) -> tuple[float, float, float]:
    """L, a, b of any known colour name; raises PromptError for an unknown one."""
    rgb = torch.tensor(srgb_of(name), dtype=torch.float32) / 127.5 - 1
    lightness, a, b = srgb_to_lab(rgb.view(3, 1, 1)).flatten().tolist()
    return lightness, a, b


def lab_of(name: str) -> Tensor:
    """Lab of any known colour name, `float32 [3]`; raises PromptError for an unknown one."""
    return torch.tensor(lab_values(name))


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
