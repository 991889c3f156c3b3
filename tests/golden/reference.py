"""The golden data, from the folder beside the repository or from the small subset that is stored here.

Both give the same three things: layouts, whole arrays (inputs), and comparisons. In the subset an array is whole
or a sample of `SAMPLE` numbers at places that follow from its name. Make the subset anew with

    python -m tests.golden.reference FOLDER

where FOLDER holds the published files (`stylegan2_256.npz`, ...; see its README.md).
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

SUBSET = Path(__file__).with_name("subset.npz")
SAMPLE = 256
WHOLE = ("coral",)
"""Files that the subset holds completely."""

SAMPLED = ("stylegan2_256", "e4e", "ir_se50", "parsenet", "mappers")
NCE_FEATURES = ("source_text_features", "target_text_features", "source_image_features", "edited_image_features")
LAYOUTS = "layouts"
NUMERIC = "biuf"


def places(name: str, size: int) -> np.ndarray:
    """The sampled places of a flattened array, sorted; all of them when there are few."""
    if size <= SAMPLE:
        return np.arange(size)
    return np.sort(np.random.default_rng(zlib.crc32(name.encode())).choice(size, SAMPLE, replace=False))


def _close(actual: np.ndarray, expected: np.ndarray, atol: float, rtol: float, name: str) -> None:
    np.testing.assert_allclose(
        actual.astype(np.float64), expected.astype(np.float64), atol=atol, rtol=rtol, err_msg=name
    )


class Folder:
    """The published files themselves; see `Subset`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def layout(self, name: str) -> dict[str, dict[str, Any]]:
        return json.loads((self.folder / f"{name}.json").read_text())["tensors"]

    def arrays(self, file: str) -> dict[str, Tensor]:
        with np.load(self.folder / f"{file}.npz") as data:
            return {name: torch.from_numpy(data[name]) for name in data.files if data[name].dtype.kind in NUMERIC}

    def check(self, file: str, name: str, actual: Tensor, atol: float, rtol: float = 0.0) -> None:
        expected = self.arrays(file)[name].numpy()
        assert tuple(actual.shape) == expected.shape, name
        _close(actual.detach().numpy(), expected, atol, rtol, name)


class Subset:
    """A few hundred numbers of each array.

    `layout` gives shape, dtype, fill rule and seed key by key, of `<name>_layout...json` (name without .json);
    `arrays` every array that is there completely; `check` compares with what is known of an array, whose shape must
    agree completely.
    """

    def __init__(self, path: Path = SUBSET) -> None:
        with np.load(path) as data:
            self.data = {name: data[name] for name in data.files}
        self.layouts = json.loads(zlib.decompress(self.data[LAYOUTS].tobytes()))

    def layout(self, name: str) -> dict[str, dict[str, Any]]:
        return self.layouts[name]

    def arrays(self, file: str) -> dict[str, Tensor]:
        names = {key.split("/", 1)[1]: value for key, value in self.data.items() if key.startswith(file + "/")}
        return {
            key: torch.from_numpy(value)
            for key, value in names.items()
            if "@" not in key and value.dtype.kind in NUMERIC
        }

    def check(self, file: str, name: str, actual: Tensor, atol: float, rtol: float = 0.0) -> None:
        whole = self.data.get(f"{file}/{name}")
        got = actual.detach().numpy()
        if whole is None:
            assert got.shape == tuple(self.data[f"{file}/{name}@shape"]), name
            whole = self.data[f"{file}/{name}@values"]
            got = got.ravel()[places(f"{file}/{name}", got.size)]
        assert got.shape == whole.shape, name
        _close(got, whole, atol, rtol, name)


Golden = Folder | Subset
"""Where expected values come from."""


def rotate_nce(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of clip_nce.npz in the basis of its own 162 features.

    The loss knows its features through their cosines alone, so a rotation changes no value; in the basis that the QR
    decomposition of the features gives, they need 162 numbers each instead of 512, and half of those are zero.
    """
    stacked = np.concatenate([arrays[name] for name in NCE_FEATURES]).astype(np.float64)
    basis, _ = np.linalg.qr(stacked.T)
    turned = {}
    for name, value in arrays.items():
        is_vector = value.shape[-1:] == (stacked.shape[1],)
        turned[name] = (value @ basis).astype(np.float32) if is_vector else value
    start = 0
    for name in NCE_FEATURES:
        rows = np.arange(start, start + len(turned[name]))
        turned[name] *= np.arange(basis.shape[1]) <= rows[:, None]
        start += len(turned[name])
    return turned


def make_subset(folder: Path, target: Path = SUBSET) -> None:
    """Write the subset of the published files in `folder`."""
    layouts = {path.stem: json.loads(path.read_text())["tensors"] for path in sorted(folder.glob("*layout*.json"))}
    packed = zlib.compress(json.dumps(layouts, separators=(",", ":")).encode(), 9)
    kept: dict[str, Any] = {LAYOUTS: np.frombuffer(packed, np.uint8)}
    for file in WHOLE:
        with np.load(folder / f"{file}.npz") as data:
            kept |= {f"{file}/{name}": data[name] for name in data.files}
    with np.load(folder / "clip_nce.npz") as data:
        kept |= {f"clip_nce/{name}": value for name, value in rotate_nce(dict(data)).items()}
    for file in SAMPLED:
        with np.load(folder / f"{file}.npz") as data:
            for name in data.files:
                kept |= _sampled(f"{file}/{name}", data[name])
    np.savez_compressed(target, **kept)


def _sampled(name: str, value: np.ndarray) -> dict[str, np.ndarray]:
    if value.size <= SAMPLE:
        return {name: value}
    values = value.ravel()[places(name, value.size)]
    return {f"{name}@values": values, f"{name}@shape": np.array(value.shape)}


def inputs(seed: int) -> np.random.Generator:
    """The stream that golden inputs are drawn from."""
    return np.random.default_rng(seed)


def float32(values: np.ndarray) -> Tensor:
    """A draw (float64) as the networks were given it."""
    return torch.from_numpy(values.astype(np.float32))


def repeat_pixels(blocks: Tensor, times: int) -> Tensor:
    """`[B, C, H, W]` with every pixel repeated `times` x `times`."""
    return blocks.repeat_interleave(times, 2).repeat_interleave(times, 3)


if __name__ == "__main__":
    make_subset(Path(sys.argv[1]))
