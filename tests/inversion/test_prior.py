from __future__ import annotations

import pytest
import torch

from mcaclip.generators.base import seeded_z
from mcaclip.inversion.prior import LatentPrior


@pytest.fixture(scope="module")
def prior(preview):
    return LatentPrior.of(preview)


def test_natural_codes_are_about_one_away_and_the_mean_none(prior, preview):
    natural = prior.distance(preview.mapping(seeded_z(300, 5)))
    middle = torch.where(prior.mean < 0, prior.mean * 0.2, prior.mean)
    assert 0.6 < natural < 1.2
    assert prior.distance(middle) < 1e-6


def test_noise_as_large_as_w_is_far_from_natural(prior, preview):
    w = preview.mapping(seeded_z(200, 6))
    noise = torch.randn(w.shape, generator=torch.Generator().manual_seed(0)) * prior.w_variance.sqrt()
    assert prior.distance(preview.w_avg + noise) > 3 * prior.distance(w)


def test_the_distance_has_a_gradient_that_leads_back(prior, preview):
    code = (preview.w_avg + 1.0).clone().requires_grad_(True)
    before = prior.distance(code)
    (gradient,) = torch.autograd.grad(before, code)
    assert prior.distance(code.detach() - 1e-3 * gradient / gradient.norm()) < before
