from __future__ import annotations

import torch

from mcaclip.generators.base import broadcast_w, seeded_z
from mcaclip.generators.preview import TOP_LAYER
from mcaclip.generators.synthesis import synthesize
from train.upper_rows import upper_picture


def test_a_window_shows_the_same_pixels_as_the_whole_picture(generator):
    code = broadcast_w(generator.mapping(seeded_z(1, 12)))
    whole = synthesize(generator, code, keep=(TOP_LAYER,))
    corner, size = (30, 50), 24
    y, x = corner
    part = whole.features[TOP_LAYER][:, :, y : y + size, x : x + size]
    picture = upper_picture(generator, part, code, None, torch.ones(1, 1, size, size), corner)
    wanted = whole.image[:, :, 8 * y : 8 * (y + size), 8 * x : 8 * (x + size)]
    # pixels at the window's edge lack their neighbours
    inner = slice(24, -24)
    torch.testing.assert_close(picture[..., inner, inner], wanted[..., inner, inner], atol=2e-4, rtol=1e-3)


def test_the_shift_acts_only_inside_the_mask(generator):
    code = broadcast_w(generator.mapping(seeded_z(1, 13)))
    part = synthesize(generator, code, keep=(TOP_LAYER,)).features[TOP_LAYER][:, :, :24, :24]
    mask = torch.zeros(1, 1, 24, 24)
    mask[..., :12] = 1.0
    delta = torch.randn(1, 18, 512) * 0.3
    plain = upper_picture(generator, part, code, None, mask, (0, 0))
    moved = upper_picture(generator, part, code, delta, mask, (0, 0))
    change = (moved - plain).abs().mean((0, 1, 2))
    assert change[:80].min() > 10 * change[120:].max()
