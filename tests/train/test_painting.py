from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.colour import colour_lab, srgb_to_lab
from mcaclip.text.grammar import Meaning, understand
from train.painting import (
    PARTS,
    POOL_SIZE,
    VARIANTS,
    FacePool,
    Sample,
    augment,
    caption,
    draw_variants,
    paint,
    render,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def pool() -> FacePool:
    image = torch.randint(60, 200, (1, 3, POOL_SIZE, POOL_SIZE), dtype=torch.uint8)
    regions = torch.zeros(1, len(PARTS), POOL_SIZE, POOL_SIZE, dtype=torch.uint8)
    for index in range(len(PARTS)):
        regions[0, index, 20 * index : 20 * index + 15] = 255
    return FacePool(image, image.flip(-1), regions)


def test_paint_moves_the_region_to_the_colour_and_nothing_else():
    image = torch.rand(3, 16, 16) * 0.6 - 0.3
    mask = torch.zeros(1, 16, 16)
    mask[:, :8] = 1
    painted = paint(image, mask, colour_lab("green"), strength=1.0, cover=1.0)
    assert torch.equal(painted[:, 8:], image[:, 8:])
    before, after = (srgb_to_lab(x)[:, :8].flatten(1).mean(1) - colour_lab("green") for x in (image, painted))
    assert after.norm() < 0.3 * before.norm()


def test_paint_keeps_light_and_shade():
    image = torch.rand(1, 16, 16).expand(3, -1, -1) - 0.5
    painted = paint(image, torch.ones(1, 16, 16), colour_lab("purple"), strength=1.0, cover=0.5)
    both = torch.stack([srgb_to_lab(image)[0].flatten(), srgb_to_lab(painted)[0].flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.95


def test_each_part_is_painted_in_its_own_region(rng):
    faces = pool()
    for index, part in enumerate(PARTS):
        if part == "eyes":
            continue
        plain = (faces.bearded if part == "goatee" else faces.images)[0].float() / 127.5 - 1
        changed = (render(faces, 0, Sample((Meaning(part, "blue"),)), rng) - plain).abs().amax((0, 2)) > 1e-6
        assert changed[20 * index : 20 * index + 15].all()
        assert not changed[20 * index + 15 :].any() and not changed[: 20 * index].any()


def test_variants_of_a_face_differ_and_captions_say_how(rng):
    for _ in range(50):
        samples = draw_variants(rng)
        assert len(samples) == VARIANTS
        for sample in samples:
            if len(sample.paints) == 1:
                said = understand(caption(sample, rng))
                assert said is not None and said.part == sample.paints[0].part
                assert said.colour == sample.paints[0].colour


def test_held_out_wordings_are_not_in_training(rng):
    sample = Sample((Meaning("lips", "green"),))
    training = {caption(sample, rng).split(" green")[0] for _ in range(200)}
    held_out = {caption(sample, rng, held_out=True).split(" green")[0] for _ in range(50)}
    assert not training & held_out


def test_augmented_pictures_keep_range_and_size(rng):
    out = augment(torch.rand(3, 3, POOL_SIZE, POOL_SIZE) * 2 - 1, 128, rng)
    assert out.shape == (3, 3, 128, 128)
    assert out.min() >= -1 and out.max() <= 1
