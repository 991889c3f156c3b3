"""Overlays and mask tiles."""

from __future__ import annotations

import numpy as np
import torch

from mcaclip.imaging import visuals


def _square(side: int, start: int, stop: int) -> torch.Tensor:
    mask = torch.zeros(1, side, side)
    mask[:, start:stop, start:stop] = 1
    return mask


def test_overlay_tints_inside_only():
    source = torch.zeros(3, 64, 64)
    picture = visuals.overlay(source, _square(64, 24, 40)).astype(int)
    inside, outside = picture[32, 32], picture[5, 5]
    assert inside[1] - inside[0] > 30, "turquoise: more green than red"
    assert np.ptp(outside) <= 1, "grey stays grey outside"


def test_overlay_without_a_mask_has_no_tint_and_no_outline():
    picture = visuals.overlay(torch.zeros(3, 64, 64), torch.zeros(1, 64, 64))
    assert np.ptp(picture) <= 1


def test_small_masks_keep_their_pixels():
    mask = torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(1))
    tile = visuals.mask_tile(mask)
    assert tile.shape == (256, 256, 3)
    blocks = tile.reshape(4, 64, 4, 64, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_mask_tile_goes_from_dark_to_light():
    assert tuple(visuals.mask_tile(torch.zeros(1, 512, 512))[0, 0]) == visuals.MASK_DARK
    assert tuple(visuals.mask_tile(torch.ones(1, 512, 512))[0, 0]) == visuals.MASK_LIGHT


def test_mask_png_has_the_masks_own_size_and_values():
    mask = torch.tensor([[[0.0, 0.5], [1.0, 0.25]]])
    assert visuals.mask_png(mask).tolist() == [[0, 128], [255, 64]]
