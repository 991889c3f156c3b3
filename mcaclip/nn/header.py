"""Weight files from outside: checked before any memory is taken for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.nn.published import Layout, in_words, layout_faults, quoted, some

FLOATS = ("F16", "BF16", "F32", "F64")


@dataclass(frozen=True)
class WeightsHeader:
    """The header of a safetensors file; the library has checked that the file holds what the header states.

    Attributes:
        metadata: what its maker wrote beside the tensors.
        shapes: of every tensor.
        types: of every tensor, as safetensors names them.
    """

    metadata: Mapping[str, str]
    shapes: Layout
    types: Mapping[str, str]


def read_weights_header(path: Path, remedy: str) -> WeightsHeader:
    """The header of a safetensors file, whose tensors are not read.

    Args:
        remedy: what to do about another file: "fit it again".

    Raises:
        WeightsError: no such file, or a damaged one.
    """
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; name a file of weights")
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            slices = {name: file.get_slice(name) for name in names}
            return WeightsHeader(
                file.metadata() or {},
                {name: tuple(one.get_shape()) for name, one in slices.items()},
                {name: str(one.get_dtype()) for name, one in slices.items()},
            )
    except Exception as error:  # the library raises several kinds
        raise WeightsError(f"{path} is no safetensors file, or a damaged one ({quoted(error)}); {remedy}") from error


def check_header(path: Path, header: WeightsHeader, layout: Layout, remedy: str) -> None:
    """Whether a file holds exactly the tensors of a layout, in floating point.

    Raises:
        WeightsError: it does not; names the first few that differ.
    """
    faults = layout_faults(header.shapes, layout)
    faults["of another type"] = [name for name in layout if header.types.get(name, FLOATS[0]) not in FLOATS]
    if differences := in_words(faults):
        raise WeightsError(f"{path} does not fit its own settings (tensors: {differences}); {remedy}")


def read_tensors(path: Path, remedy: str) -> dict[str, Tensor]:
    """All tensors of a file whose header is checked, floating-point ones as float32.

    Raises:
        WeightsError: it cannot be read, or holds a value that is no number.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except Exception as error:
        raise WeightsError(f"{path} is a damaged safetensors file ({quoted(error)}); {remedy}") from error
    tensors = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise WeightsError(f"{path} holds values that are no numbers ({some(broken)}); {remedy}")
    return tensors


def whole_number(value: object, low: int, high: int) -> int:
    """The number itself. Raises ValueError for anything but a whole number of this range."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{quoted(value)} is no whole number from {low} to {high}")
    return value


def number(value: object, low: float, high: float) -> float:
    """The number itself. Raises ValueError for anything but a finite number of this range."""
    found = float(value) if type(value) in (int, float) else math.nan  # type: ignore[arg-type]
    if not low <= found <= high:
        raise ValueError(f"{quoted(value)} is no number from {low:g} to {high:g}")
    return found
