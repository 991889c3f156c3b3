"""A face's residual behind one layer of any generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip.errors import StudioError
from mcaclip.generators.compose import MaskedShift, compose, open_masks
from mcaclip.generators.residual import ResidualGenerator, faded, of_face, residual_layer
from mcaclip.generators.synthesis import synthesize
from mcaclip.types import Residual
from tests.generators.toy import ToyGenerator

LAYER = 1


@pytest.fixture(scope="module")
def toy() -> ToyGenerator:
    return ToyGenerator()


@pytest.fixture
def residual(toy) -> Residual:
    spec = toy.layers[LAYER]
    return Residual(LAYER, torch.randn(1, spec.channels, spec.size, spec.size).half())


@pytest.fixture
def code() -> torch.Tensor:
    return torch.randn(1, 18, 512)


def test_a_residual_is_added_to_the_features_of_its_layer(toy, residual, code):
    own, keep = of_face(toy, residual), range(len(toy.layers))
    plain, made = synthesize(toy, code, keep).features, synthesize(own, code, keep).features
    assert torch.equal(made[LAYER - 1], plain[LAYER - 1])
    assert torch.equal(made[LAYER], plain[LAYER] + residual.features.float())
    assert not torch.allclose(made[LAYER + 1], plain[LAYER + 1])
    assert (own.layers, own.image_size) == (toy.layers, toy.image_size)


def test_no_residual_and_all_of_it_change_nothing(toy, residual):
    assert of_face(toy, None) is toy and faded(toy, 0.3) is toy
    own = of_face(toy, residual)
    assert faded(own, 1.0) is own
    assert isinstance(own, ResidualGenerator)
    half = faded(faded(own, 0.5), 0.5)
    torch.testing.assert_close(half.added, 0.25 * own.added)


def test_a_face_of_another_generator_is_refused_in_words(toy, residual):
    for wrong in (replace(residual, layer=len(toy.layers) - 1), replace(residual, layer=99)):
        with pytest.raises(StudioError, match="another generator"):
            of_face(toy, wrong)


def test_the_layer_is_the_last_one_of_32_pixels(preview):
    for generator in (preview, preview.full):
        layer = residual_layer(generator)
        assert generator.layers[layer].size == 32 and generator.layers[layer + 1].size == 64


def test_a_small_generator_has_its_residual_behind_the_last_layer(toy):
    assert residual_layer(toy) == len(toy.layers) - 1


def test_an_edit_keeps_the_share_of_the_residual_that_it_names(toy, residual, code):
    own, delta = of_face(toy, residual), 0.3 * torch.randn(1, 18, 512)
    source = synthesize(own, code).image
    for keep in (1.0, 0.4, 0.0):
        opened = compose(own, code, [MaskedShift(delta, open_masks(own, code), keep)], source)
        torch.testing.assert_close(opened, synthesize(faded(own, keep), code + delta).image, atol=1e-4, rtol=1e-4)
        plain = compose(own, code, [MaskedShift(delta, (), keep)], source)
        torch.testing.assert_close(plain, opened, atol=1e-4, rtol=1e-4)


def test_where_the_masks_are_closed_the_face_stays_bit_for_bit(toy, residual, code):
    own = of_face(toy, residual)
    source = synthesize(own, code).image
    closed = [torch.zeros_like(mask) for mask in open_masks(own, code)]
    assert torch.equal(compose(own, code, [MaskedShift(torch.randn(1, 18, 512), closed, 0.2)], source), source)


def test_a_map_says_where_a_residual_is_kept(toy, residual, code):
    own, side = of_face(toy, residual), residual.features.shape[-1]
    kept = torch.zeros(1, 1, 2 * side, 2 * side)
    kept[..., :side] = 1
    made, plain = (synthesize(one, code, [LAYER]).features[LAYER] for one in (faded(own, kept), toy))
    assert torch.equal(made[..., : side // 2], (plain + residual.features.float())[..., : side // 2])
    assert torch.equal(made[..., side // 2 :], plain[..., side // 2 :])
