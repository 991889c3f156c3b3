"""An edit that is computed in parts is the edit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mcaclip.generators.compose import MaskedShift, compose
from mcaclip.generators.residual import of_face, residual_layer
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from mcaclip.generators.synthesis import synthesize
from mcaclip.generators.windows import boxes_around
from mcaclip.types import Residual

GRID = 16
places = st.lists(st.tuples(*[st.integers(0, GRID - 1)] * 2, *[st.integers(1, GRID)] * 2), min_size=1, max_size=4)
"""Top, left, height and width of what is open in a mask, in sixteenths of its side."""


def opened(blocks, side: int) -> torch.Tensor:
    """A mask `[1, 1, side, side]` that is open, at random degrees, within the blocks."""
    mask, unit = torch.zeros(1, 1, side, side), side / GRID
    for top, left, height, width in blocks:
        rows, columns = (slice(round(a * unit), round((a + b) * unit)) for a, b in ((top, height), (left, width)))
        mask[:, :, rows, columns] = 0.2 + 0.8 * torch.rand(mask[:, :, rows, columns].shape)
    return mask


def shift_of(generator, blocks, keep: float = 1.0) -> MaskedShift:
    sides = [spec.size for spec in generator.layers]
    masks = [torch.rand(1, 1, side, side) for side in sides] + [opened(blocks, generator.image_size)]
    return MaskedShift(torch.randn(1, 18, 512), masks, keep)


def with_residual(generator):
    layer = residual_layer(generator)
    spec = generator.layers[layer]
    return of_face(generator, Residual(layer, 0.3 * torch.randn(1, spec.channels, spec.size, spec.size)))


def check(generator, code, shifts) -> None:
    with torch.no_grad():
        source = synthesize(generator, code).image
        entire = compose(generator, code, shifts, source, entire=True)
        parts = compose(generator, code, shifts, source)
    torch.testing.assert_close(parts, entire, atol=1e-3 * float(entire.abs().max()), rtol=0)
    closed = (sum(shift.masks[-1] for shift in shifts) == 0).expand_as(parts)
    assert torch.equal(parts[closed], source[closed])


@pytest.fixture(scope="module")
def stylegan2() -> StyleGAN2:
    torch.manual_seed(0)
    generator = StyleGAN2(StyleGAN2Config(size=128, max_channels=8, fine_channels=512)).requires_grad_(False).eval()
    for conv in generator.convs:
        conv.noise_strength.fill_(0.3)
    return generator


@given(first=places, second=places)
@settings(max_examples=8, deadline=None)
def test_parts_of_stylegan2_equal_the_whole(stylegan2, first, second):
    code = torch.randn(1, 18, 512)
    check(stylegan2, code, [shift_of(stylegan2, first), shift_of(stylegan2, second)])
    own = with_residual(stylegan2)
    check(own, code, [shift_of(own, first, keep=0.4)])


@given(blocks=places)
@settings(max_examples=4, deadline=None)
def test_parts_of_the_compact_preview_equal_the_whole(preview, blocks):
    own = with_residual(preview)
    check(own, preview.w_avg.expand(1, 18, -1), [shift_of(own, blocks, keep=0.6)])


@pytest.mark.parametrize("blocks", [[(0, 0, 2, 3)], [(7, 7, 1, 1), (12, 2, 2, 2)], [(13, 14, 3, 2), (0, 5, 16, 1)]])
def test_parts_of_the_full_generator_equal_the_whole(generator, blocks):
    check(generator, generator.w_avg.expand(1, 18, -1), [shift_of(generator, blocks)])


@given(blocks=places)
@settings(max_examples=60, deadline=None)
def test_boxes_hold_all_that_is_open_and_do_not_overlap(blocks):
    mask = opened(blocks, 256)
    covered = torch.zeros_like(mask)
    for (top, bottom), (left, right) in boxes_around(mask):
        covered[:, :, top:bottom, left:right] += 1
    assert bool((covered[mask > 0] == 1).all()) and covered.max() <= 1


def test_things_far_apart_get_boxes_of_their_own():
    mask = opened([(0, 0, 2, 2), (14, 14, 2, 2)], 256)
    assert len(boxes_around(mask)) == 2
    assert boxes_around(torch.zeros(1, 1, 256, 256)) == []


def test_the_gradient_of_an_edit_in_parts_is_that_of_the_whole(stylegan2):
    code, shift = torch.randn(1, 18, 512), shift_of(stylegan2, [(2, 2, 3, 4), (11, 10, 2, 3)])
    source = synthesize(stylegan2, code).image
    leaves = [shift.delta_w, *shift.masks[:-1]]
    for leaf in leaves:
        leaf.requires_grad_()
    whole, parts = (
        torch.autograd.grad(compose(stylegan2, code, [shift], source, entire=entire).square().sum(), leaves)
        for entire in (True, False)
    )
    for wanted, found in zip(whole, parts, strict=True):
        assert wanted.abs().max() > 0
        torch.testing.assert_close(found, wanted, atol=1e-3 * float(wanted.abs().max()), rtol=0)


def test_cancelling_reaches_every_box(stylegan2):
    shift, seen = shift_of(stylegan2, [(0, 0, 2, 2), (14, 14, 2, 2)]), []
    code = torch.randn(1, 18, 512)
    with torch.no_grad():
        compose(stylegan2, code, [shift], synthesize(stylegan2, code).image, hook=seen.append)
    layers = len(stylegan2.layers)
    assert seen[:layers] == list(range(layers)) and set(seen[layers:]) == {layers - 1}
