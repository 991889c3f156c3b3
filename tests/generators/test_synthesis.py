from __future__ import annotations

import pytest
import torch

from mcaclip.generators.compose import MaskedShift, compose, masked_synthesize
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.ops import resize_mask
from tests.generators.toy import ToyGenerator


@pytest.fixture
def setting():
    torch.manual_seed(0)
    generator = ToyGenerator()
    w_plus, delta = torch.randn(2, 18, 512), torch.randn(2, 18, 512)
    sizes = [spec.size for spec in generator.layers] + [generator.image_size]
    masks = [torch.rand(2, 1, size, size) for size in sizes]
    return generator, w_plus, delta, masks, synthesize(generator, w_plus).image


def test_zero_shift_reproduces_the_source_bit_for_bit(setting):
    generator, w_plus, delta, masks, source = setting
    assert torch.equal(masked_synthesize(generator, w_plus, torch.zeros_like(delta), masks, source), source)


def test_zero_shift_is_exact_while_it_learns_too(setting):
    generator, w_plus, delta, masks, source = setting
    shift = torch.zeros_like(delta, requires_grad=True)
    edited = masked_synthesize(generator, w_plus, shift, masks, source)
    assert torch.equal(edited, source)
    edited.sum().backward()
    assert shift.grad.abs().sum() > 0


def test_zero_masks_reproduce_the_source_bit_for_bit(setting):
    generator, w_plus, delta, masks, source = setting
    closed = [torch.zeros_like(mask) for mask in masks]
    assert torch.equal(masked_synthesize(generator, w_plus, delta, closed, source), source)


def test_open_masks_give_the_plain_edit(setting):
    generator, w_plus, delta, masks, source = setting
    opened = [torch.ones_like(mask) for mask in masks]
    plain = synthesize(generator, w_plus + delta).image
    torch.testing.assert_close(
        masked_synthesize(generator, w_plus, delta, opened, source), plain, atol=1e-4, rtol=1e-4
    )


def test_skipping_rows_that_do_not_move_changes_nothing(setting):
    generator, w_plus, delta, masks, source = setting
    delta[:, 3:] = 0
    with torch.no_grad():
        skipped = masked_synthesize(generator, w_plus, delta, masks, source)
    computed = masked_synthesize(generator, w_plus, delta.requires_grad_(), masks, source)
    assert torch.equal(skipped, computed)


def test_closed_final_mask_protects_its_pixels(setting):
    generator, w_plus, delta, masks, source = setting
    masks[-1] = torch.zeros_like(masks[-1])
    masks[-1][..., :4] = 1
    edited = masked_synthesize(generator, w_plus, delta, masks, source)
    assert torch.equal(edited[..., 4:], source[..., 4:])
    assert not torch.allclose(edited[..., :4], source[..., :4])


def test_wrong_number_of_masks_is_refused(setting):
    generator, w_plus, delta, masks, source = setting
    with pytest.raises(ValueError, match="5 masks are needed, got 4"):
        masked_synthesize(generator, w_plus, delta, masks[:-1], source)


def test_features_are_kept_for_the_layers_asked_for(setting):
    generator, w_plus, *_ = setting
    made = synthesize(generator, w_plus, keep=(1, 3))
    assert set(made.features) == {1, 3}
    assert made.features[3].shape == (2, 6, 8, 8)


def test_resize_mask_keeps_range_mean_and_identity():
    torch.manual_seed(0)
    mask = torch.rand(2, 1, 8, 8)
    assert resize_mask(mask, 8) is mask
    for size in (4, 16):
        resized = resize_mask(mask, size)
        assert resized.shape == (2, 1, size, size)
        assert resized.min() >= mask.min() and resized.max() <= mask.max()
        torch.testing.assert_close(resized.mean(), mask.mean(), atol=2e-2, rtol=0)


def test_resize_mask_averages_areas_downwards():
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., 0, :2] = 1
    assert resize_mask(mask, 2)[0, 0].tolist() == [[0.5, 0.0], [0.0, 0.0]]


def _halves(generator):
    """Two sets of hard masks that never overlap: left and right half of every layer."""
    sizes = [spec.size for spec in generator.layers] + [generator.image_size]
    left = [torch.zeros(2, 1, size, size) for size in sizes]
    for mask in left:
        mask[..., : mask.shape[-1] // 2] = 1
    return left, [1 - mask for mask in left]


def test_one_shift_composes_to_the_masked_edit_bit_for_bit(setting):
    generator, w_plus, delta, masks, source = setting
    expected = generator.start(2)
    rgb = None
    for index, spec in enumerate(generator.layers):  # FACTS 1.3, written out
        plain = generator.layer(index, expected, w_plus)
        mask = resize_mask(masks[index], spec.size)
        expected = torch.lerp(plain, generator.layer(index, expected, w_plus + delta), mask)
        if spec.rgb_row is not None:
            part = generator.rgb(index, expected, w_plus)
            part = torch.lerp(part, generator.rgb(index, expected, w_plus + delta), mask)
            rgb = generator.add_rgb(rgb, part)
    wanted = source + masks[-1] * (rgb - source)
    assert torch.equal(compose(generator, w_plus, [MaskedShift(delta, masks)], source), wanted)


def test_two_edits_apart_do_not_depend_on_their_order(setting):
    generator, w_plus, delta, _, source = setting
    left, right = _halves(generator)
    pair = [MaskedShift(delta, left), MaskedShift(-delta, right)]
    assert torch.equal(compose(generator, w_plus, pair, source), compose(generator, w_plus, pair[::-1], source))


def test_a_second_edit_with_closed_masks_changes_nothing(setting):
    generator, w_plus, delta, masks, source = setting
    closed = [torch.zeros_like(mask) for mask in masks]
    alone = compose(generator, w_plus, [MaskedShift(delta, masks)], source)
    both = compose(generator, w_plus, [MaskedShift(delta, masks), MaskedShift(-delta, closed)], source)
    assert torch.equal(alone, both)


def test_the_same_edit_twice_mixes_instead_of_doubling(setting):
    generator, w_plus, delta, masks, source = setting
    opened = [torch.ones_like(mask) for mask in masks]
    alone = compose(generator, w_plus, [MaskedShift(delta, opened)], source)
    twice = compose(generator, w_plus, [MaskedShift(delta, opened)] * 2, source)
    torch.testing.assert_close(twice, alone, atol=1e-4, rtol=1e-4)
