from __future__ import annotations

import pytest
import torch

from mcaclip.errors import PromptError
from mcaclip.imaging.colour import lab_of, lab_to_srgb, srgb_to_lab, to_gamut
from mcaclip.language.colours import COLOURS


def pixel(*rgb: float) -> torch.Tensor:
    return torch.tensor(rgb, dtype=torch.float64).view(3, 1, 1) / 127.5 - 1


# Published values of the sRGB primaries under D65 (Lindbloom).
KNOWN = [
    ((255, 255, 255), (100.0, 0.0, 0.0)),
    ((0, 0, 0), (0.0, 0.0, 0.0)),
    ((255, 0, 0), (53.2408, 80.0925, 67.2032)),
    ((0, 255, 0), (87.7347, -86.1827, 83.1793)),
    ((0, 0, 255), (32.2970, 79.1875, -107.8602)),
    ((128, 128, 128), (53.5850, 0.0, 0.0)),
]


@pytest.mark.parametrize(("rgb", "lab"), KNOWN)
def test_known_values(rgb, lab):
    torch.testing.assert_close(
        srgb_to_lab(pixel(*rgb)).flatten(), torch.tensor(lab, dtype=torch.float64), atol=2e-2, rtol=0
    )


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 3, 5, 7)])
def test_round_trip_beyond_the_gamut_too(shape):
    torch.manual_seed(0)
    image = torch.rand(shape, dtype=torch.float64) * 3.2 - 1.6
    back = lab_to_srgb(srgb_to_lab(image))
    assert back.shape == shape
    torch.testing.assert_close(back, image, atol=1e-6, rtol=0)


def test_round_trip_in_float32():
    torch.manual_seed(0)
    image = torch.rand(2, 3, 8, 8) * 2 - 1
    torch.testing.assert_close(lab_to_srgb(srgb_to_lab(image)), image, atol=5e-4, rtol=0)


@pytest.mark.parametrize("value", [-1.6, -1.0, -1 + 2 * 0.04045, 0.0, 1.0, 1.6])
def test_gradients_are_finite_and_not_zero(value):
    image = torch.full((1, 3, 2, 2), value, requires_grad=True)
    srgb_to_lab(image)[:, 0].sum().backward()
    assert image.grad.isfinite().all()
    assert (image.grad > 0).all()


def test_gradient_matches_differences():
    torch.manual_seed(0)
    image = (torch.rand(3, 2, 2, dtype=torch.float64) * 1.8 - 0.9).requires_grad_()
    assert torch.autograd.gradcheck(srgb_to_lab, image)
    assert torch.autograd.gradcheck(lab_to_srgb, srgb_to_lab(image).detach().requires_grad_())


def test_colours_are_distinct():
    labs = torch.stack([lab_of(name) for name in COLOURS])
    distance = torch.cdist(labs, labs).fill_diagonal_(float("inf"))
    assert distance.min() > 10
    assert all(0 <= channel <= 255 for rgb in COLOURS.values() for channel in rgb)


def test_unknown_colour_names_the_known_ones():
    with pytest.raises(PromptError, match="turquoise"):
        lab_of("octarine")


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
