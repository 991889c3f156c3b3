from __future__ import annotations

import pytest
import torch

from mcaclip.generators.ops import resize_mask
from mcaclip.generators.synthesis import masked_synthesize, synthesize
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
