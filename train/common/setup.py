"""Loads what training builds on: shipped and fetched weights, and the teachers' directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip import weights
from mcaclip.clip.clip_space import ClipSpace
from mcaclip.errors import TrainingError
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator, PreviewHead
from mcaclip.loading import load_face_identity
from mcaclip.perception.identity import FaceIdentity
from mcaclip.perception.parsing_head import ParsingHead
from train.common.arrays import reason, unusable

CHECKPOINT_FROM = 128
"""Layers of StyleGAN2 from this side on are computed twice in training instead of kept (see `StyleGAN2Config`)."""


def load_generator(device: str = "cpu") -> MobileStyleGAN:
    """The embedded generator, frozen."""
    return MobileStyleGAN.load(weights.get("mobilestylegan"), device, weights.get("mean_w"))


def load_preview(device: str = "cpu", full: MobileStyleGAN | None = None) -> PreviewGenerator:
    """The embedded generator's 256 px preview, frozen."""
    head = PreviewHead.load(weights.get("preview_head"), device)
    return PreviewGenerator(full or load_generator(device), head)


def load_parser(device: str = "cpu") -> ParsingHead:
    """The parsing head, frozen."""
    return ParsingHead.load(weights.get("parsing_head"), device)


def load_identity(device: str = "cpu") -> FaceIdentity:
    """dlib's identity network, frozen."""
    return load_face_identity(device)


def load_space(device: str = "cpu") -> ClipSpace:
    """The shipped FaceCLIP, frozen."""
    return ClipSpace.load(weights.get("faceclip"), device=device)


def load_direction(path: Path, name: str) -> Tensor:
    """A W direction `[18, 512]` from an npz file, which may hold one row for all.

    Raises:
        TrainingError: no such file or direction, or a damaged one.
    """
    if not path.is_file():
        raise TrainingError(f"the W directions are not at {path}: name the file with --directions FILE")
    try:
        with np.load(path) as file:
            names = file.files
            direction = torch.from_numpy(file[name]).float() if name in names else None
        if direction is not None:
            direction = direction.reshape(-1, 512).expand(18, 512).contiguous()
    except Exception as error:  # whatever unpacking garbage raises
        raise unusable(path, f"it is no file of W directions ({reason(error)})") from error
    if direction is None:
        raise TrainingError(f"{path} has no direction {name}; it has {', '.join(names)}")
    if not direction.isfinite().all():
        raise unusable(path, f"its direction {name} is not finite")
    return direction
