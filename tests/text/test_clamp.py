"""A clamp that an optimisation can come back from."""

from __future__ import annotations

import torch

from mcaclip.text.clamp import clamp_back


def test_values_are_clamped_and_gradients_only_lead_inside():
    x = torch.tensor([-2.0, -2.0, 0.5, 0.5, 3.0, 3.0], requires_grad=True)
    sides = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    y = clamp_back(x)
    (y * sides).sum().backward()
    assert y.tolist() == [-1, -1, 0.5, 0.5, 1, 1]
    assert x.grad.tolist() == [0, -1, 1, -1, 1, 0], "descent lowers what is too high and raises what is too low"


def test_a_blown_out_pixel_comes_back():
    x = torch.full((1,), 4.0, requires_grad=True)
    optimizer = torch.optim.SGD([x], 0.3)
    for _ in range(20):
        loss = (clamp_back(x) - 0.2).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert abs(x.item() - 0.2) < 0.1
