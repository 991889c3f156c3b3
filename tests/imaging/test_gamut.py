"""Values outside the range of a picture are clamped, and a descent leads them back."""

from __future__ import annotations

import torch

from mcaclip.imaging.gamut import to_gamut


def test_values_are_clamped():
    images = torch.tensor([-3.0, -1.0, 0.25, 1.0, 1.5])
    assert to_gamut(images).tolist() == [-1.0, -1.0, 0.25, 1.0, 1.0]


def test_a_descent_leads_back_and_never_farther_out():
    images = torch.tensor([-2.0, -2.0, 0.0, 0.0, 2.0, 2.0], requires_grad=True)
    wanted = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    (to_gamut(images) * wanted).sum().backward()
    # only the first, which would go below -2, and the last, which would go above 2, are held
    assert images.grad.tolist() == [0.0, -1.0, 1.0, -1.0, 1.0, 0.0]


def test_what_left_the_range_is_brought_to_where_it_should_be():
    value = torch.tensor([4.0, -4.0], requires_grad=True)
    optimizer = torch.optim.SGD([value], 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (to_gamut(value) - 0.5).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(value.detach(), torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)
