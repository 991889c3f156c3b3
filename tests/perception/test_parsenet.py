"""ParseNet's interface; its numbers are compared with the published class in tests/golden."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mcaclip.perception.parsenet import ConvLayer, ParseNet, ResidualBlock


@pytest.fixture
def stub() -> ParseNet:
    """ParseNet whose logits are a fixed linear map of the pixel: what is tested is everything around it."""
    net = ParseNet()
    net.encoder = net.body = net.decoder = nn.Identity()  # x + body(x) doubles it
    net.out_mask_conv = nn.Conv2d(3, 19, 1)
    return net


@pytest.mark.parametrize("side", [64, 512, 1024])
@pytest.mark.parametrize("size", [128, 512])
def test_probabilities_of_any_size(stub, side, size):
    left_red = torch.full((1, 3, side, side), -1.0)
    left_red[:, 0, :, : side // 2] = 1.0
    with torch.no_grad():
        left, right = (
            stub.out_mask_conv(2 * left_red[:, :, :1, column : column + 1]).softmax(1) for column in (0, -1 % side)
        )
    probabilities = stub.probabilities(left_red, size)
    assert probabilities.shape == (1, 19, size, size) and not probabilities.requires_grad
    torch.testing.assert_close(probabilities.sum(1), torch.ones(1, size, size))
    torch.testing.assert_close(probabilities[..., :1, :1], left)
    torch.testing.assert_close(probabilities[..., -1:, -1:], right)


@pytest.mark.parametrize(("scale", "side"), [("down", 4), ("same", 8), ("up", 16)])
def test_blocks_change_the_size_as_named(scale, side):
    block = ResidualBlock(3, 5, scale).eval()
    assert block(torch.randn(1, 3, 8, 8)).shape == (1, 5, side, side)


def test_borders_are_reflected():
    layer = ConvLayer(1, 1)
    nn.init.ones_(layer.conv2d.weight)
    nn.init.zeros_(layer.conv2d.bias)
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    # columns 1, 0, 1 around the first one, three rows of them
    assert layer(ramp)[0, 0, 0, 0] == 3 * (1 + 0 + 1)
