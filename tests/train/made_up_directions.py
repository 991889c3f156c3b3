"""Files of made-up W directions, which have every direction and every measure that training names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from train.directions.fit import Regression, save_regression
from train.directions.hair import HAIR_EDITS, HELD
from train.encoder.editability import PROBES
from train.parser.attributes import ATTRIBUTES, VARIETY
from train.universal.attribute_edits import ATTRIBUTE_EDITS


def write_directions(folder: Path) -> Path:
    keys = {one.key for one in (*ATTRIBUTES, *PROBES)} | set(VARIETY)
    rng, path = np.random.default_rng(0), folder / "w.npz"
    np.savez(path, **{key: rng.standard_normal((18, 512)) for key in sorted(keys)})
    return path


def measured() -> Regression:
    said = {name for edit in ATTRIBUTE_EDITS for name in (*edit.rises, *edit.free)}
    names = sorted(said | {name for edit in HAIR_EDITS for name in (*edit.rises, *edit.held)} | set(HELD))
    draw = torch.Generator().manual_seed(0)
    slopes = torch.randn(len(names), 512, generator=draw) / 20
    ones = torch.ones(len(names))
    return Regression(names, slopes, 0 * ones, ones, torch.zeros(512), torch.eye(512), ones.clone())


def write_measured(folder: Path) -> Path:
    save_regression(measured(), folder / "measured.safetensors")
    return folder / "measured.safetensors"
