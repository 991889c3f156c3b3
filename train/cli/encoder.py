"""`python -m train encoder`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcaclip.cli.arguments import Device
from train.cli.arguments import Out, TimedOptions


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Train the network that inversions start from."""

    out: Out = Path("runs/encoder")
    device: Device = "auto"


def run(options: Options) -> None:
    """Writes `encoder.safetensors` and `report.json` into the run's folder."""
    from mcaclip.platform.device import choose_device
    from train.common.setup import load_identity, load_preview
    from train.encoder.train import EncoderSettings, train_encoder

    device = str(choose_device(options.device))
    parts = (load_preview(device), load_identity(device))
    train_encoder(*parts, EncoderSettings(), options.out, options.max_minutes)
