"""`python -m train residual-encoder`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcaclip.cli.arguments import Device
from train.cli.arguments import Out, TimedOptions


@dataclass(frozen=True, kw_only=True)
class Options(TimedOptions):
    """Train the network that sees what a face's code lacks."""

    out: Out = Path("runs/residual-encoder")
    device: Device = "auto"


def run(options: Options) -> None:
    """Writes `residual_encoder.safetensors` and `report.json` into the run's folder."""
    from mcaclip import weights
    from mcaclip.inversion.encoder import FaceEncoder
    from mcaclip.platform.device import choose_device
    from train.common.setup import load_identity, load_preview
    from train.encoder.residual import ResidualEncoderSettings, train_residual_encoder

    device = str(choose_device(options.device))
    encoder = FaceEncoder.load(weights.get("encoder"), device)
    parts = (load_preview(device), load_identity(device), encoder)
    train_residual_encoder(*parts, ResidualEncoderSettings(), options.out, options.max_minutes)
