"""Number formats of a training run."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import torch

from mcaclip.errors import TrainingError

PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")


@dataclass(frozen=True)
class Precision:
    """The number format of the generator, the mask nets and the parser; everything else stays float32.

    Attributes:
        autocast_to: type of their convolutions and matrix products, or None for float32.
        tf32: whether float32 products may use the GPU's TF32 units.
    """

    autocast_to: torch.dtype | None = None
    tf32: bool = False

    def autocast(self, device: torch.device) -> contextlib.AbstractContextManager:
        """The context to compute in."""
        return torch.autocast(device.type, self.autocast_to, enabled=self.autocast_to is not None)

    @property
    def scaled(self) -> bool:
        """Whether the loss is scaled, because the range of float16 is too small for gradients."""
        return self.autocast_to is torch.float16

    def apply(self) -> None:
        """Set torch's switch for TF32, for the whole process."""
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.tf32


def choose_precision(name: str, device: torch.device) -> Precision:
    """The precision that an option names.

    Args:
        name: one of `PRECISIONS`. "auto" is bf16 on a GPU that supports it and fp16 on others, both with TF32 for the
            rest; without CUDA it is fp32.

    Raises:
        TrainingError: the name is unknown, or the device does not support the format.
    """
    if name not in PRECISIONS:
        raise TrainingError(f"precision {name!r} is not available: choose {', '.join(PRECISIONS)}")
    cuda = device.type == "cuda"
    if name == "auto":
        # emulated bf16 would be slower than float32
        own_bf16 = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
        name = "bf16" if own_bf16 else "fp16" if cuda else "fp32"
    if name in ("tf32", "fp16") and not cuda:
        raise TrainingError(f"--precision {name} needs a CUDA device: use fp32 or bf16 on {device.type}")
    return Precision({"bf16": torch.bfloat16, "fp16": torch.float16}.get(name), cuda and name != "fp32")
