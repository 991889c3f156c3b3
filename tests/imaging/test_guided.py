"""Masks that follow a picture's edges."""

from __future__ import annotations

import torch

from mcaclip.imaging.guided import follow


def halves(side: int, edge: int) -> torch.Tensor:
    """A red left and a blue right half, `[1, 3, side, side]`."""
    picture = torch.full((1, 3, side, side), -1.0)
    picture[:, 0, :, :edge] = 1
    picture[:, 2, :, edge:] = 1
    return picture


def test_a_rough_mask_moves_to_the_edge_of_the_picture():
    picture, rough = halves(128, 60), torch.zeros(1, 1, 32, 32)
    rough[..., :16] = 1  # four pixels too far
    fitted = follow(rough, picture, 128, 4, 1e-3)
    assert fitted[..., 60:64].mean() < 0.35 and fitted[..., 56:60].mean() > 0.65


def test_masks_without_a_picture_to_follow_stay_within_their_range():
    plain, mask = torch.zeros(1, 3, 64, 64), torch.rand(1, 1, 32, 32)
    fitted = follow(mask, plain, 64, 3, 1e-3)
    assert fitted.shape == (1, 1, 64, 64) and fitted.min() >= 0 and fitted.max() <= 1
    for value in (0.0, 1.0):
        same = follow(torch.full_like(mask, value), halves(64, 20), 64, 3, 1e-3)
        torch.testing.assert_close(same, torch.full_like(same, value), atol=1e-3, rtol=0)
