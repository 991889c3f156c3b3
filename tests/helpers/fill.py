"""The deterministic fill rule of the reference data: weights that come from a key instead of a file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def fill_tensor(
    seed_key: str, shape: Sequence[int], *, offset: float = 0.0, factor: float = 1.0, absolute: bool = False
) -> Tensor:
    """`offset + factor * N`, with N standard normal, seeded by the CRC-32 of the key."""
    rng = np.random.default_rng(zlib.crc32(seed_key.encode("utf-8")))
    noise = rng.standard_normal(tuple(shape)).astype(np.float32)
    if absolute:
        noise = np.abs(noise)
    return torch.from_numpy(np.asarray(np.float32(offset) + np.float32(factor) * noise))


def filled_state_dict(layout: Path) -> dict[str, Tensor]:
    """All tensors of a layout file under their published keys.

    Entries marked "builtin" (constant kernels) or "skip" (counters) are left out.
    """
    state = {}
    for key, entry in json.loads(layout.read_text())["tensors"].items():
        rule = entry["fill"]
        if isinstance(rule, dict):
            state[key] = fill_tensor(
                entry["seed_key"],
                entry["shape"],
                offset=rule["offset"],
                factor=rule["factor"],
                absolute=rule["abs"],
            )
    return state


def load_filled(module: nn.Module, layout: Path, rename: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Fills a module from a layout file; the keys must match exactly after `rename`."""
    module.load_state_dict(rename(filled_state_dict(layout)), strict=True)
    module.eval()
