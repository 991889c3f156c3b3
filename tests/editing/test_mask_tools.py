"""Threshold, invert, feather and paint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.editing.mask_tools import feather_mask, load_mask, refine_masks
from mcaclip.errors import ImageError
from mcaclip.types import EditSettings, Paint

SIZES = (4, 8, 32, 64)


@pytest.fixture
def masks():
    return [torch.rand(1, 1, size, size) for size in SIZES]


def _refined(masks, **tools):
    return refine_masks(masks, EditSettings("green lipstick", **tools))


def test_without_tools_masks_come_back_bit_for_bit(masks):
    assert all(torch.equal(a, b) for a, b in zip(_refined(masks), masks, strict=True))


def test_invert_follows_the_threshold(masks):
    hard = _refined(masks, mask_threshold=0.5, mask_invert=True)
    for mask, found in zip(masks, hard, strict=True):
        assert torch.equal(found, (mask < 0.5).float())


def test_feather_softens_an_edge_and_keeps_range_and_flat_masks():
    step = torch.zeros(1, 1, 64, 64)
    step[..., 32:] = 1
    soft = feather_mask(step, 8)
    row = soft[0, 0, 20]
    assert (row.diff() >= 0).all() and row[0] == 0 and abs(row[31] - 0.5) < 0.15
    assert 0 < row[29] < 0.5
    flat = torch.full((1, 1, 32, 32), 0.25)
    torch.testing.assert_close(feather_mask(flat, 16), flat)


def test_feather_reaches_as_far_at_every_size():
    reach = []
    for size in (64, 256):
        step = torch.zeros(1, 1, size, size)
        step[..., size // 2 :] = 1
        reach.append(float((feather_mask(step, 8)[0, 0, 0] > 0.1).float().mean()))
    assert abs(reach[0] - reach[1]) < 0.02


def test_exclude_wins_over_include_at_every_layer(masks):
    allow = torch.ones(1, 128, 128)
    allow[:, :64] = 0
    paint = Paint(allow=allow, include=torch.ones(1, 128, 128))
    for found in _refined(masks, mask_feather=4.0, paint=paint):
        half = found.shape[-1] // 2
        assert not found[..., :half, :].any()
        assert (found[..., half:, :] == 1).all()


def test_paint_of_its_own_size_reaches_every_layer(masks):
    include = torch.zeros(1, 100, 100)
    include[:, 50:, 50:] = 1
    for mask, found in zip(masks, _refined(masks, paint=Paint(include=include)), strict=True):
        half = mask.shape[-1] // 2
        assert (found[..., half + 1 :, half + 1 :] == 1).all()
        assert torch.equal(found[..., : half - 1, : half - 1], mask[..., : half - 1, : half - 1])


def test_mask_file_is_white_where_allowed(tmp_path):
    picture = np.zeros((80, 80), np.uint8)
    picture[:40] = 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    mask = load_mask(tmp_path / "mask.png")
    assert mask.shape == (1, 80, 80)
    assert (mask[:, :40] == 1).all() and not mask[:, 40:].any()
    Image.fromarray(picture[:, :70]).save(tmp_path / "tall.png")
    with pytest.raises(ImageError, match="square"):
        load_mask(tmp_path / "tall.png")


def test_large_mask_files_are_averaged_down(tmp_path):
    picture = np.zeros((2048, 2048), np.uint8)
    picture[:1024] = 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    mask = load_mask(tmp_path / "mask.png")
    assert mask.shape == (1, 1024, 1024) and bool((mask[:, :512] == 1).all()) and not mask[:, 512:].any()
