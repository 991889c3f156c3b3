"""Weights of modules from and to safetensors files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mcaclip.errors import WeightsError
from mcaclip.nn.ops import channels_last
from mcaclip.platform.atomic import written_whole

Module = TypeVar("Module", bound=nn.Module)


def load_strictly(module: Module, path: Path, problem: str, remedy: str) -> Module:
    """Fill a module from a safetensors file that holds all of its weights and nothing else.

    Args:
        module: filled in place; it keeps its floating-point type, whatever the file's.
        problem: how the message goes on behind the path when the file does not fit: "is no preview head".
        remedy: what to do then: "fit it again".

    Returns:
        The module itself.

    Raises:
        WeightsError: the file is damaged or has another layout.
    """
    try:
        module.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    except (RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path} {problem} ({error}); {remedy}") from error
    return module


class FromFile(nn.Module):
    """A network that is read whole from a file of its own.

    Attributes:
        problem: see `load_strictly`.
        remedy: see `load_strictly`.
        channels_inside: whether its convolutions are faster with channels innermost.
    """

    problem: ClassVar[str]
    remedy: ClassVar[str]
    channels_inside: ClassVar[bool] = True

    @classmethod
    def load(cls, path: Path, device: str | torch.device = "cpu") -> Self:
        """The network, frozen.

        Raises:
            WeightsError: the file has another layout.
        """
        network = load_strictly(cls(), path, cls.problem, cls.remedy).requires_grad_(False).eval().to(device)
        return channels_last(network) if cls.channels_inside else network


def save_whole(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, whole or not at all: one that was there before stays until this one is complete.

    Raises:
        WeightsError: the disk is full or cannot be written.
    """
    try:
        with written_whole(path) as temporary:
            save_file(dict(tensors), temporary, metadata)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} could not be written ({error}). Free some space, or choose another folder."
        ) from error


def save_half(state: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a state dict as float16, which is how assets/ ships weights: half the size, no visible difference."""
    save_whole({name: t.detach().half().contiguous().cpu() for name, t in state.items()}, path, metadata)
