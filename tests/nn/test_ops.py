"""Operations that networks share, against plain references."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mcaclip.nn.ops import cut_square


@pytest.mark.parametrize(
    ("center", "side", "size", "fine"),
    [((0.5, 0.55), 0.7, 30, 3), ((0.1, 0.9), 0.5, 16, 2), ((0.5, 0.5), 1.3, 8, 9)],
    ids=["inside", "over two edges", "around all of it"],
)
def test_a_square_is_cut_as_torch_samples_it(center, side, size, fine):
    images = torch.rand(2, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    x, y = (2 * value - 1 for value in center)
    theta = torch.tensor([[side, 0, x], [0, side, y]], dtype=torch.float64).expand(2, 2, 3)
    grid = F.affine_grid(theta, [2, 3, size * fine, size * fine], align_corners=False)
    samples = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    wanted = F.avg_pool2d(samples, fine)
    cut = cut_square(images, center, side, size, fine)
    torch.testing.assert_close(cut, wanted, atol=1e-6, rtol=0)
    weight = torch.rand_like(cut)
    gradients = [torch.autograd.grad((one * weight).sum(), images)[0] for one in (cut, wanted)]
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=0)
