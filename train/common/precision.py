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


FLOAT32 = Precision()


def _computes_in_bf16(device: torch.device) -> bool:
    """Whether bf16 is not emulated, which would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def choose_precision(name: str, device: torch.device) -> Precision:
    """The precision that an option names.

    Args:
        name: one of `PRECISIONS`. "auto" is bf16 on a GPU or CPU that computes in it, otherwise fp16 on a GPU and
            fp32 on a CPU. On a GPU the rest may use TF32.

    Raises:
        TrainingError: the name is unknown, or the device does not support the format.
    """
    if name not in PRECISIONS:
        raise TrainingError(f"precision {name!r} is not available: choose {', '.join(PRECISIONS)}")
    cuda = device.type == "cuda"
    if name == "auto":
        name = "bf16" if _computes_in_bf16(device) else "fp16" if cuda else "fp32"
    if name in ("tf32", "fp16") and not cuda:
        raise TrainingError(f"--precision {name} needs a CUDA device: use fp32 or bf16 on {device.type}")
    return Precision({"bf16": torch.bfloat16, "fp16": torch.float16}.get(name), cuda and name != "fp32")
