"""The deterministic fill rule of the reference data: weights that come from a key instead of a file."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def fill_tensor(
    seed_key: str, shape: Sequence[int], *, offset: float = 0.0, factor: float = 1.0, absolute: bool = False
) -> Tensor:
    """`offset + factor * N`, with N standard normal, seeded by the CRC-32 of the key."""
    rng = np.random.default_rng(zlib.crc32(seed_key.encode("utf-8")))
    noise = rng.standard_normal(tuple(shape)).astype(np.float32)
    if absolute:
        noise = np.abs(noise)
    return torch.from_numpy(np.asarray(np.float32(offset) + np.float32(factor) * noise))


def filled_state_dict(layout: Mapping[str, Mapping[str, Any]]) -> dict[str, Tensor]:
    """All tensors of a layout under their published keys.

    Counters ("skip") are 0; constant kernels ("builtin") are left out.
    """
    state = {}
    for key, entry in layout.items():
        rule = entry["fill"]
        if rule == "skip":
            state[key] = torch.zeros(entry["shape"], dtype=torch.int64)
        elif rule != "builtin":
            state[key] = fill_tensor(
                entry["seed_key"],
                entry["shape"],
                offset=rule["offset"],
                factor=rule["factor"],
                absolute=rule["abs"],
            )
    return state


def assemble(build: Callable[[], Module], state: Mapping[str, Tensor]) -> Module:
    """A frozen module in eval mode with exactly these tensors; nothing is initialised or copied."""
    with torch.device("meta"):
        module = build()
    module.load_state_dict(dict(state), strict=True, assign=True)
    return module.requires_grad_(False).eval()
