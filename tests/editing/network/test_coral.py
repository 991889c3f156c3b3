from __future__ import annotations

import pytest
import torch

from mcaclip.editing.network.coral import CoralMasks, MaskConfig, threshold_masks
from mcaclip.generators.base import LayerSpec

LAYERS = (LayerSpec(4, 6, (0,)), LayerSpec(8, 5, (1,)), LayerSpec(8, 5, (2,), rgb_row=3))


def features(batch: int = 2) -> dict[int, torch.Tensor]:
    return {i: torch.randn(batch, spec.channels, spec.size, spec.size) for i, spec in enumerate(LAYERS)}


def test_one_mask_a_layer_and_one_for_the_final_picture():
    masks = CoralMasks(LAYERS, MaskConfig())(features(), torch.zeros(2, 18, 512))
    assert [tuple(mask.shape) for mask in masks] == [(2, 1, 4, 4), (2, 1, 8, 8), (2, 1, 8, 8), (2, 1, 8, 8)]
    assert all(mask.min() >= 0 and mask.max() <= 1 for mask in masks)


def test_preview_features_give_the_last_mask_to_the_picture():
    some = features()
    del some[2]
    masks = CoralMasks(LAYERS, MaskConfig())(some, torch.zeros(2, 18, 512))
    assert len(masks) == 3
    assert torch.equal(masks[-1], masks[-2])


def test_no_gradient_flows_into_the_source_features():
    some = {index: tensor.requires_grad_() for index, tensor in features().items()}
    coral = CoralMasks(LAYERS, MaskConfig(text_dim=512, cascade=True))
    torch.stack([mask.mean() for mask in coral(some, torch.randn(2, 18, 512))]).sum().backward()
    assert all(tensor.grad is None for tensor in some.values())
    assert coral.nets[1].film.weight.grad.abs().sum() > 0


def test_words_move_the_masks_only_when_configured():
    some = features()
    for config, depends in ((MaskConfig(), False), (MaskConfig(text_dim=512), True)):
        coral = CoralMasks(LAYERS, config)
        first, second = (coral(some, torch.randn(2, 18, 512))[1] for _ in range(2))
        assert torch.equal(first, second) != depends


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_hard_masks_are_binary_and_shrink_with_the_threshold(threshold):
    mask = torch.rand(1, 1, 16, 16)
    (hard,) = threshold_masks([mask], threshold)
    assert set(hard.unique().tolist()) <= {0.0, 1.0}
    assert hard.sum() == (mask >= threshold).sum()
    assert threshold_masks([mask], 0.0)[0] is mask
