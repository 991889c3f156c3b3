"""A file of made-up W directions that has every direction which training names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from train.encoder.editability import PROBES
from train.parser.attributes import ATTRIBUTES, VARIETY
from train.universal.targets import ATTRIBUTE_EDITS


def write_directions(folder: Path) -> Path:
    keys = {one.key for one in (*ATTRIBUTES, *PROBES, *ATTRIBUTE_EDITS)} | set(VARIETY)
    keys |= {key for edit in ATTRIBUTE_EDITS for key in edit.but}
    rng, path = np.random.default_rng(0), folder / "w.npz"
    np.savez(path, **{key: rng.standard_normal((18, 512)) for key in sorted(keys)})
    return path
