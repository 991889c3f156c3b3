"""Reads published checkpoints safely and strictly; the errors say what to do next."""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mcaclip.errors import WeightsError

Layout = Mapping[str, tuple[int, ...]]
"""Every key of a checkpoint with its shape."""

REMEDY = "Use another copy of it: `python -m mcaclip doctor` names its source"
MAX_QUOTED = 80
_SHOWN = 3
_COUNTER = ".num_batches_tracked"


def read_checkpoint(path: Path, remedy: str = REMEDY) -> Mapping[str, Any]:
    """The dictionary in a file that `torch.save` wrote.

    Nothing but tensors, plain values and `argparse.Namespace`, in which makers keep their options, is accepted.

    Args:
        remedy: what to do about another file; here and below the default is for files that the studio knows.

    Raises:
        WeightsError: the file is missing, damaged, holds code, or is no dictionary.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing. Get it again: `python -m mcaclip doctor` names its source") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is damaged or holds more than weights, and was not opened further. {remedy}"
        ) from error
    except Exception as error:
        # a damaged file can fail in any way inside the unpickler
        raise WeightsError(f"{path} is damaged or no checkpoint ({quoted(error)}). {remedy}") from error
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__} where a dictionary is expected. {remedy}")
    return content


def entry(path: Path, content: Mapping[str, Any], name: str, remedy: str = REMEDY) -> Any:
    """`content[name]`.

    Raises:
        WeightsError: there is no such entry.
    """
    if name not in content:
        found = ", ".join(map(str, list(content)[:_SHOWN])) or "nothing"
        raise WeightsError(f"{path} has no entry {name!r} (it holds {found}): it is another kind of file. {remedy}")
    return content[name]


def state_entry(path: Path, content: Mapping[str, Any], name: str, remedy: str = REMEDY) -> Mapping[str, Any]:
    """`content[name]`, which must be a dictionary of tensors.

    Raises:
        WeightsError: it is not there or something else.
    """
    state = entry(path, content, name, remedy)
    if not isinstance(state, Mapping):
        raise WeightsError(f"{path}: {name} is no state dict: it is another kind of file. {remedy}")
    return state


def group(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The entries whose keys begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def layout_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a state dict."""
    return {key: tuple(value.shape) for key, value in state.items()}


def module_layout(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a module's own state dict."""
    return layout_of(module.state_dict())


def check_layout(path: Path, state: Mapping[str, Any], layout: Layout, remedy: str = REMEDY) -> dict[str, Tensor]:
    """A copy of `state`, which must hold the tensors of `layout` and nothing else.

    BatchNorm's step counters may be missing, since torch did not write them before version 0.4.1; they play no part
    in the result and become 0, as torch itself makes them.

    Raises:
        WeightsError: keys are missing or unknown, or a tensor has another shape; names the first few.
    """
    counters = {key: torch.zeros((), dtype=torch.int64) for key in layout if key.endswith(_COUNTER)}
    state = counters | dict(state)
    shapes = {key: tuple(value.shape) if isinstance(value, Tensor) else None for key, value in state.items()}
    if faults := in_words(layout_faults(shapes, layout)):
        raise WeightsError(f"{path} has another layout than expected: keys {faults}. {remedy}")
    return state


def layout_faults(shapes: Mapping[str, tuple[int, ...] | None], layout: Layout) -> dict[str, list[str]]:
    """The keys in which these shapes differ from a layout, by what is wrong with them."""
    return {
        "missing": [key for key in layout if key not in shapes],
        "unknown": [key for key in shapes if key not in layout],
        "of another shape": [key for key in layout if key in shapes and shapes[key] != layout[key]],
    }


def in_words(faults: Mapping[str, list[str]]) -> str:
    """Numbers of keys and the first few of each fault; empty without a fault."""
    return ", ".join(f"{len(keys)} {what} ({some(keys)})" for what, keys in faults.items() if keys)


def some(keys: list[str]) -> str:
    """The first few keys, for a message."""
    return ", ".join(keys[:_SHOWN]) + (", ..." if len(keys) > _SHOWN else "")


def quoted(value: object) -> str:
    """A value or an error for a message: its first line, not too long."""
    text = (str(value).strip().splitlines() or [type(value).__name__])[0]
    return text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + " ..."
