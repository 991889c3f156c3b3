from __future__ import annotations

import pytest
import torch

from mcaclip.imaging.metrics import frechet, psnr, ssim


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(2, 3, 24, 24) * 2 - 1


def test_a_picture_is_like_itself(picture):
    torch.testing.assert_close(ssim(picture, picture), torch.ones(2))


def test_it_is_symmetric_and_falls_with_noise(picture):
    noise = torch.randn_like(picture)
    values = [float(ssim(picture, picture + scale * noise).mean()) for scale in (0.05, 0.3, 1.0)]
    assert 1 > values[0] > values[1] > values[2]
    torch.testing.assert_close(ssim(picture, noise), ssim(noise, picture))


def test_flat_pictures_follow_the_formula_on_the_range_from_0_to_1():
    a, b = torch.full((1, 3, 16, 16), 0.5), torch.full((1, 3, 16, 16), -0.2)
    c1 = 0.01**2
    wanted = (2 * 0.75 * 0.4 + c1) / (0.75**2 + 0.4**2 + c1)
    for weight in (None, torch.ones(1, 1, 16, 16)):
        torch.testing.assert_close(ssim(a, b, weight), torch.tensor([wanted]), atol=1e-3, rtol=0)


def test_only_the_weighted_part_counts(picture):
    edited = picture.clone()
    edited[..., :12] = 0
    right = torch.zeros(2, 1, 24, 24)
    right[..., 18:] = 1
    torch.testing.assert_close(ssim(picture, edited, right), torch.ones(2))
    assert (ssim(picture, edited, 1 - right) < 0.9).all()
    assert (ssim(picture, edited, torch.zeros_like(right)) == 0).all()


def test_psnr_is_in_decibels_of_the_range_and_ends_at_100(picture):
    flat = torch.zeros(1, 3, 8, 8)
    torch.testing.assert_close(psnr(flat, flat + 0.2), torch.tensor([20.0]))
    assert psnr(picture, picture).tolist() == [100, 100]


def test_the_frechet_distance_is_that_of_the_gaussians():
    rng = torch.Generator().manual_seed(0)
    unit = torch.randn(40, 5, generator=rng, dtype=torch.float64)
    basis, _, _ = torch.linalg.svd(unit - unit.mean(0), full_matrices=False)
    white = basis * 39**0.5  # mean 0, covariance 1
    assert frechet(white, 3 * white + 2) == pytest.approx(5 * (2**2 + (3 - 1) ** 2))
    assert frechet(unit, unit.flip(0)) == pytest.approx(0, abs=1e-9), "the order plays no part"
    assert frechet(unit[:3], unit[:3] + 1) == pytest.approx(5), "fewer features than dimensions"
