"""The device that networks run on."""

from __future__ import annotations

import torch

from mcaclip.errors import StudioError


def choose_device(name: str = "auto") -> torch.device:
    """CUDA, then Apple's MPS, then the CPU for "auto"; otherwise the one named.

    Raises:
        StudioError: this machine, or its torch, has no such device.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, usable in there.items() if usable))
    if not there.get(name.partition(":")[0], False):
        usable = " or ".join(device for device in there if there[device])
        raise StudioError(f"The device {name} cannot be used on this machine; choose auto or {usable}.")
    return torch.device(name)
