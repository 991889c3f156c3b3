"""Reads the trained MobileStyleGAN out of the OpenVINO IR files of the package random-face.

Source: OpenVINO IR version 10: an XML graph whose `Const` layers point into a little-endian `.bin` file.
Layers are found by walking the graph from named constants, because folded weights carry generated names.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import WeightsError

NUM_BLOCKS = 7
_DTYPES = {"f32": "<f4", "f16": "<f2", "i64": "<i8", "i32": "<i4"}


def _attribute(element: ElementTree.Element | None, name: str) -> str:
    """An attribute that the format demands; KeyError where it, or the element itself, is missing."""
    value = None if element is None else element.get(name)
    if value is None:
        raise KeyError(name)
    return value


class _Graph:
    """Constants and edges of one IR file."""

    def __init__(self, xml_path: Path):
        root = ElementTree.parse(xml_path).getroot()
        self.layers = {_attribute(layer, "id"): layer for layer in root.iter("layer")}
        self.by_name = {_attribute(layer, "name"): key for key, layer in self.layers.items()}
        self.inputs: dict[str, list[str]] = {}
        self.outputs: dict[str, list[str]] = {}
        for edge in root.iter("edge"):
            source, target = _attribute(edge, "from-layer"), _attribute(edge, "to-layer")
            self.inputs.setdefault(target, []).append(source)
            self.outputs.setdefault(source, []).append(target)
        self._blob = xml_path.with_suffix(".bin").read_bytes()

    def kind(self, key: str) -> str:
        return _attribute(self.layers[key], "type")

    def constant(self, key: str) -> Tensor:
        data = self.layers[key].find("data")
        # scalars have an empty shape
        shape = [int(side) for side in _attribute(data, "shape").split(",") if side.strip()]
        dtype, offset = _DTYPES[_attribute(data, "element_type")], int(_attribute(data, "offset"))
        raw = np.frombuffer(self._blob, dtype, int(np.prod(shape)), offset)
        return torch.from_numpy(raw.reshape(shape).copy())

    def named(self, name: str) -> Tensor:
        return self.constant(self.by_name[name])

    def only_consumer(self, key: str, kind: str) -> str:
        found = [target for target in self.outputs[key] if self.kind(target) == kind]
        if len(found) != 1:
            raise WeightsError(f"the IR graph has {len(found)} {kind} layers behind layer {key}, expected one")
        return found[0]

    def constant_input(self, key: str) -> Tensor:
        found = [source for source in self.inputs[key] if self.kind(source) == "Const"]
        if len(found) != 1:
            raise WeightsError(f"layer {key} of the IR graph has {len(found)} constant inputs, expected one")
        return self.constant(found[0])


def convert_random_face(data_dir: Path) -> dict[str, Tensor]:
    """Read `MappingNetwork.{xml,bin}` and `SynthesisNetwork.{xml,bin}` in `data_dir`.

    Returns:
        The state dict of `MobileStyleGAN`, float32.

    Raises:
        WeightsError: the graph is not the published one.
    """
    try:
        state = _convert_mapping(_Graph(data_dir / "MappingNetwork.xml"))
        state.update(_convert_synthesis(_Graph(data_dir / "SynthesisNetwork.xml")))
    except (KeyError, ValueError, AttributeError, ElementTree.ParseError) as error:
        raise WeightsError(
            f"the random-face files in {data_dir} are not the published networks ({error!r}); "
            "delete that folder and fetch them again with `python -m mcaclip doctor`"
        ) from error
    return {name: tensor.float().contiguous() for name, tensor in state.items()}


def _convert_mapping(graph: _Graph) -> dict[str, Tensor]:
    """Eight fully connected layers; their constants stand in the file in execution order."""
    state = {}
    constants = [graph.constant(k) for k in sorted(graph.layers, key=int) if graph.kind(k) == "Const"]
    weights = [c for c in constants if c.shape == (512, 512)]
    biases = [c for c in constants if c.shape == (512,)]
    if len(weights) != len(biases):
        raise WeightsError(f"the mapping network has {len(weights)} weights but {len(biases)} biases")
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        state[f"mapping.layers.{index}.weight"] = weight
        state[f"mapping.layers.{index}.bias"] = bias
    return state


def _convert_synthesis(graph: _Graph) -> dict[str, Tensor]:
    first_conv = graph.by_name["Conv_21"]
    state = _conv_tail(graph, "conv0", first_conv, bias_name=None)
    state["conv0.weight"] = graph.constant_input(first_conv)
    state.update(_style(graph, "m.conv1.conv", "conv0"))
    state["constant"] = graph.named("m.input.input")
    for block in range(NUM_BLOCKS):
        state.update(_style(graph, f"m.layers.{block}.up", f"blocks.{block}.up"))
        for conv in ("conv1", "conv2"):
            prefix, target = f"m.layers.{block}.{conv}", f"blocks.{block}.{conv}"
            state.update(_style(graph, f"{prefix}.conv", target))
            depthwise = graph.named(f"{prefix}.conv.weight_dw")
            state[f"{target}.depthwise"] = depthwise.reshape(-1, 1, 3, 3)
            node = graph.only_consumer(graph.by_name[f"{prefix}.conv.weight_dw"], "GroupConvolution")
            pointwise = graph.only_consumer(node, "Convolution")
            state[f"{target}.pointwise"] = graph.constant_input(pointwise)
            state.update(_conv_tail(graph, target, pointwise, bias_name=f"{prefix}.bias"))
    last = f"m.layers.{NUM_BLOCKS - 1}.to_img"
    state.update(_style(graph, f"{last}.conv", "to_rgb"))
    state["to_rgb.weight"] = graph.named(f"{last}.conv.weight")
    state["to_rgb.bias"] = graph.named(f"{last}.bias").reshape(-1)
    return state


def _style(graph: _Graph, source: str, target: str) -> dict[str, Tensor]:
    """The affine map from a W row to a layer's style; a stored scalar behind it is folded in."""
    weight, bias = graph.named(f"{source}.modulation.weight"), graph.named(f"{source}.modulation.bias")
    add = graph.only_consumer(graph.by_name[f"{source}.modulation.bias"], "Add")
    scale = torch.ones(())
    for reshape in graph.outputs[add]:
        if graph.kind(reshape) != "Reshape":
            continue
        multiply = graph.only_consumer(reshape, "Multiply")
        scalars = [key for key in graph.inputs[multiply] if graph.kind(key) == "Const"]
        if scalars:
            scale = graph.constant(scalars[0]).reshape(())
    return {f"{target}.style.weight": weight * scale, f"{target}.style.bias": bias.reshape(-1) * scale}


def _conv_tail(graph: _Graph, target: str, conv: str, bias_name: str | None) -> dict[str, Tensor]:
    """The fixed noise map and the bias that are added behind a convolution."""
    noise_add = graph.only_consumer(conv, "Add")
    bias_add = graph.only_consumer(noise_add, "Add")
    bias = graph.named(bias_name) if bias_name else graph.constant_input(bias_add)
    return {f"{target}.noise": graph.constant_input(noise_add), f"{target}.bias": bias.reshape(-1)}
