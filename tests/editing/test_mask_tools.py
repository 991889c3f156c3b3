"""Threshold, invert, feather and paint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip.editing.mask_tools import feather_mask, load_mask, paint_mask, refine_masks
from mcaclip.errors import ImageError, StudioError
from mcaclip.imaging.align import already_aligned, crop_quad
from mcaclip.types import AlignedFace, EditSettings, Paint

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


def _picture(path: Path, shade: int | np.ndarray, alpha: int | np.ndarray, size: int = 80) -> Path:
    pixels = np.zeros((size, size, 2), np.uint8)
    pixels[..., 0], pixels[..., 1] = shade, alpha
    Image.fromarray(pixels, "LA").convert("RGBA").save(path)
    return path


def test_what_is_transparent_is_not_selected(tmp_path):
    alpha = np.zeros((80, 80), np.uint8)
    alpha[:, :40] = 255
    mask = load_mask(_picture(tmp_path / "a.png", 255, alpha))
    assert (mask[..., :40] == 1).all() and not mask[..., 40:].any()
    assert not load_mask(_picture(tmp_path / "b.png", 0, alpha)).any()
    opaque = load_mask(_picture(tmp_path / "c.png", alpha, 255))
    assert torch.equal(opaque, mask)
    half = load_mask(_picture(tmp_path / "d.png", 128, 128))
    torch.testing.assert_close(half, torch.full((1, 80, 80), 0.25), atol=0.01, rtol=0)


def _face(width: int, height: int, left: float, top: float, side: float, angle: float = 0.0) -> AlignedFace:
    corners = np.array([(0, 0), (0, side), (side, side), (side, 0)], float) - side / 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    quad = corners @ turn + [left + side / 2, top + side / 2]
    valid = np.ones((1024, 1024), bool)
    return AlignedFace(torch.zeros(3, 1024, 1024), quad, valid, None, np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize("angle", [0.0, 0.3])
@pytest.mark.parametrize("scale", [1, 8])
def test_a_mask_of_the_photo_is_cropped_as_the_photo_is(tmp_path, angle, scale):
    width, height = 600 * scale, 400 * scale
    face = _face(width, height, 150 * scale, 60 * scale, 300 * scale, angle)
    yy, xx = np.mgrid[:height, :width]
    photo = (255 * xx / width).astype(np.uint8), (255 * yy / height).astype(np.uint8)
    Image.fromarray(photo[0]).save(tmp_path / "mask.png")
    mask = load_mask(tmp_path / "mask.png", face)
    assert mask.shape == (1, 1024, 1024) and mask.min() >= 0 and mask.max() <= 1
    crop = crop_quad(np.stack([photo[0]] * 3, -1), face.quad, 1024)[0][:1]
    torch.testing.assert_close(mask, (crop + 1) / 2, atol=0.01, rtol=0)


def test_a_white_mask_of_the_photo_is_white_beyond_it(tmp_path):
    Image.new("L", (300, 200), 255).save(tmp_path / "mask.png")
    assert (load_mask(tmp_path / "mask.png", _face(300, 200, 150, -50, 240)) == 1).all()


def test_a_square_mask_lies_over_the_face_unless_the_photo_has_its_size(tmp_path):
    picture = np.zeros((200, 200), np.uint8)
    picture[:, :100] = 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    plain = load_mask(tmp_path / "mask.png")
    assert torch.equal(load_mask(tmp_path / "mask.png", _face(300, 200, 100, 0, 100)), plain)
    over_photo = load_mask(tmp_path / "mask.png", _face(200, 200, 100, 0, 100))
    assert over_photo.shape == (1, 1024, 1024) and over_photo[..., 12:].max() == 0
    aligned = already_aligned(np.zeros((200, 200, 3), np.uint8))
    assert torch.equal(load_mask(tmp_path / "mask.png", aligned), plain)


def test_a_mask_lies_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned right
    picture = Image.new("L", (400, 300))
    picture.paste(255, (0, 0, 400, 150))
    picture.save(tmp_path / "mask.jpg", exif=exif, quality=100)
    mask = load_mask(tmp_path / "mask.jpg", _face(300, 400, 50, 100, 200))
    assert mask[..., :480].max() < 0.1 and mask[..., 540:].min() > 0.9


def test_a_mask_of_another_shape_names_both_sizes(tmp_path):
    Image.new("L", (90, 80)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match=r"mask\.png is 90 x 80.*square.*300 x 200"):
        load_mask(tmp_path / "mask.png", _face(300, 200, 50, 0, 100))


def test_paint_of_another_shape_is_refused():
    with pytest.raises(StudioError, match=r"\[1, S, S\]"):
        paint_mask(torch.ones(1, 1, 8, 8), Paint(allow=torch.ones(8, 8), include=None))
