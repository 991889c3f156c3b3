from __future__ import annotations

import numpy as np
import torch

from mcaclip.imaging.colour import lab_of, srgb_to_lab
from mcaclip.language.colours import COLOURS
from train.common.painting import augment, paint


def test_paint_moves_the_region_to_the_colour_and_nothing_else():
    image = torch.rand(3, 16, 16) * 0.6 - 0.3
    mask = torch.zeros(1, 16, 16)
    mask[:, :8] = 1
    painted = paint(image, mask, lab_of("green"), strength=1.0, cover=1.0)
    assert torch.equal(painted[:, 8:], image[:, 8:])
    before, after = (srgb_to_lab(x)[:, :8].flatten(1).mean(1) - lab_of("green") for x in (image, painted))
    assert after.norm() < 0.3 * before.norm()


def test_paint_keeps_light_and_shade():
    image = torch.rand(1, 16, 16).expand(3, -1, -1) - 0.5
    painted = paint(image, torch.ones(1, 16, 16), lab_of("purple"), strength=1.0, cover=0.5)
    both = torch.stack([srgb_to_lab(image)[0].flatten(), srgb_to_lab(painted)[0].flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.95


def test_augmented_pictures_keep_range_size_and_seed():
    pictures = torch.rand(12, 3, 96, 96) * 2 - 1
    out = augment(pictures, 80, np.random.default_rng(0))
    assert out.shape == (12, 3, 80, 80)
    assert out.min() >= -1 and out.max() <= 1
    assert torch.equal(out, augment(pictures, 80, np.random.default_rng(0)))
    assert not torch.equal(out, augment(pictures, 80, np.random.default_rng(1)))


def test_augmentation_never_turns_a_colour_into_another():
    names = ("red", "green", "blue", "yellow", "purple", "white", "black")
    colours, rgb = [lab_of(name) for name in names], torch.tensor([COLOURS[name] for name in names])
    pictures = (rgb.float() / 127.5 - 1).view(-1, 3, 1, 1).expand(-1, -1, 64, 64).contiguous()
    for seed in range(10):
        means = srgb_to_lab(augment(pictures, 64, np.random.default_rng(seed))).mean((2, 3))
        nearest = torch.cdist(means, torch.stack(colours)).argmin(1)
        assert nearest.tolist() == list(range(len(colours)))
