"""The crop of an oriented square, and the paste-back as its inverse."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.errors import ImageError
from mcaclip.imaging import crop
from mcaclip.imaging.align import already_aligned
from mcaclip.imaging.crop import crop_quad, paste_back
from mcaclip.types import AlignedFace, to_uint8


def _waves(height: int, width: int, phase: float) -> np.ndarray:
    """A smooth picture whose colour tells where one is."""
    y, x = np.mgrid[0:height, 0:width]
    parts = [np.sin(x / 23 + phase), np.cos(y / 19 - phase), np.sin((x + y) / 31 + 2 * phase)]
    return np.rint(127.5 + 60 * np.stack(parts, axis=2)).astype(np.uint8)


def _square(center: tuple[float, float], half: float, angle: float) -> np.ndarray:
    """A quad of side 2 `half`, turned by `angle` radians."""
    x = half * np.array([np.cos(angle), np.sin(angle)])
    y = np.array([-x[1], x[0]])
    return np.array(center) + np.stack([-x - y, -x + y, x + y, x - y])


def _aligned(photo: np.ndarray, quad: np.ndarray, size: int = 256) -> AlignedFace:
    image, valid = crop_quad(photo, quad, size)
    return AlignedFace(image=image, quad=quad, valid=valid, landmarks=None, photo=photo)


QUADS = {
    "enlarged": _square((150.3, 120.7), 60.2, 0.2),
    "reduced": _square((260.0, 250.0), 230.0, -0.1),
    "leaves the photo": _square((60.0, 80.0), 110.0, 0.3),
}


# --- cutting out


def test_quad_of_whole_pixels_is_a_plain_cut() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (128, 160, 3), dtype=np.uint8)
    quad = np.array([(31.5, 39.5), (31.5, 103.5), (95.5, 103.5), (95.5, 39.5)])
    image, valid = crop_quad(photo, quad, 64)
    assert valid.all()
    inner = photo[40:104, 32:96].astype(float)
    # Two bilinear samples per pixel and direction, a quarter pixel off its centre: weights 1/8, 3/4, 1/8.
    rows = photo[39:103, 31:97] / 8 + 0.75 * photo[40:104, 31:97] + photo[41:105, 31:97] / 8
    expected = rows[:, :-2] / 8 + 0.75 * rows[:, 1:-1] + rows[:, 2:] / 8
    difference = to_uint8(image) - expected
    assert difference.min() >= -1.5 and difference.max() <= 0.5  # samples are cut down to whole numbers
    assert np.abs(to_uint8(image) - inner).mean() > 1  # so it is no nearest-neighbour copy


def test_valid_marks_the_photo() -> None:
    photo = np.full((100, 200, 3), 77, np.uint8)
    quad = np.array([(-20.5, -0.5), (-20.5, 79.5), (59.5, 79.5), (59.5, -0.5)])
    image, valid = crop_quad(photo, quad, 80)
    assert not valid[:, :20].any() and valid[:, 20:].all()
    assert (to_uint8(image) == 77).all()  # reflection, blur and median of one colour


def test_large_photo_is_reduced_without_moving() -> None:
    """A crop six times smaller than its quad, so that the photo is reduced first."""
    photo = _waves(780, 777, 0.3)  # no multiples of the factor 3
    quad = _square((388.0, 390.0), 300.0, 0.15)
    image, _ = crop_quad(photo, quad, 100)
    steps = (np.arange(100) + 0.5) / 100
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    x = quad[0, 0] + steps[None, :] * across[0] + steps[:, None] * down[0]
    y = quad[0, 1] + steps[None, :] * across[1] + steps[:, None] * down[1]
    exact = 127.5 + 60 * np.stack([np.sin(x / 23 + 0.3), np.cos(y / 19 - 0.3)], axis=2)
    # A shift of half a photo pixel would show as 1.5 levels.
    assert np.abs(to_uint8(image)[:, :, :2] + 0.5 - exact).mean() < 0.8


NO_CROPS = {
    "huge": _square((250.0, 260.0), 1041.0, 0.0),  # more than four times the photo
    "tiny": _square((250.0, 260.0), 7.9, 0.0),
    "far from the photo": _square((-61.0, 250.0), 60.0, 0.0),
    "not finite": np.full((4, 2), np.nan),
    "astronomic": np.full((4, 2), 1e308) * [[0, 0], [0, 1], [1, 1], [1, 0]],
    "no size": np.zeros((4, 2)),
    "a rectangle": _square((250.0, 260.0), 60.0, 0.0) * [2, 1],
    "mirrored": _square((250.0, 260.0), 60.0, 0.0)[::-1],
    "crossed": _square((250.0, 260.0), 60.0, 0.0)[[0, 2, 1, 3]],
    "one corner away": _square((250.0, 260.0), 60.0, 0.0) + np.array([[0, 0], [0, 0], [9e4, 9e4], [0, 0]]),
    "three corners": _square((250.0, 260.0), 60.0, 0.0)[:3],
}


@pytest.mark.parametrize("name", NO_CROPS)
def test_crops_that_no_face_can_have_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop, "_cut_region", None)  # nothing is allocated
    with pytest.raises(ImageError, match="square around a face"):
        crop_quad(np.zeros((500, 520, 3), np.uint8), NO_CROPS[name], 1024)


@pytest.mark.parametrize(
    "quad",
    [_square((0.0, 250.0), 260.0, 0.4), _square((250.0, 260.0), 1000.0, 2.0), _square((520.0, 500.0), 9.0, 0.8)],
)
def test_faces_partly_outside_of_the_photo_are_cropped(quad: np.ndarray) -> None:
    image, valid = crop_quad(_waves(500, 520, 0.0), quad, 64)
    assert image.shape == (3, 64, 64) and 0 < valid.mean() < 1


@pytest.mark.parametrize("shape", [(500, 520), (3000, 70), (70, 3000)])
@pytest.mark.parametrize("half", [0.1, 0.5, 1.99])
@pytest.mark.parametrize("angle", [0.0, 0.8])
def test_region_of_a_crop_is_bounded(
    shape: tuple[int, int], half: float, angle: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crop, "MAX_REGION", 100_000)
    height, width = shape
    photo, reach = np.zeros((height, width, 3), np.uint8), half * max(shape)
    for center in ((0.0, 0.0), (width / 2, height / 2), (width + 0.9 * reach, height / 2)):
        region, _ = crop._cut_region(*crop._shrink(photo, _square(center, reach, angle), 1024))
        assert region.shape[0] * region.shape[1] < 1.1 * 100_000


def test_a_photo_too_narrow_to_be_reduced_is_refused() -> None:
    with pytest.raises(ImageError, match="square around a face"):
        crop_quad(np.zeros((6000, 4, 3), np.uint8), _square((2.0, 3000.0), 6000.0, 0.0), 1024)


def test_a_reduced_region_shows_the_same_crop(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, quad = _waves(500, 520, 0.0), QUADS["leaves the photo"]
    expected, valid = crop_quad(photo, quad, 64)
    monkeypatch.setattr(crop, "MAX_REGION", 40_000)
    found, same = crop_quad(photo, quad, 64)
    assert np.array_equal(same, valid)
    assert 0 < np.abs(to_uint8(found).astype(int) - to_uint8(expected))[valid].mean() < 4


# --- paste-back


@pytest.mark.parametrize("name", QUADS)
def test_paste_is_the_inverse_of_the_crop(name: str) -> None:
    """Crops of two pictures differ; pasting the second's crop into the first shows the second."""
    first, second, quad = _waves(500, 520, 0.0), _waves(500, 520, 1.5), QUADS[name]
    aligned = _aligned(first, quad)
    pasted = paste_back(aligned, crop_quad(second, quad, 256)[0])
    y, x = np.mgrid[0:500, 0:520]
    offset = np.stack([x, y], axis=2) - quad.mean(axis=0)
    along = (quad[3] - quad[0]) / np.hypot(*(quad[3] - quad[0]))
    reach = np.maximum(np.abs(offset @ along), np.abs(offset @ np.array([-along[1], along[0]])))
    half = np.hypot(*(quad[3] - quad[0])) / 2
    inside, outside = reach < 0.9 * half, reach > half + 1.5
    if name == "leaves the photo":  # the border of the photo itself is blurred in the crop
        inside[:33] = inside[:, :33] = False
    assert inside.sum() > 5000
    assert np.array_equal(pasted[outside], first[outside])
    difference = np.abs(pasted[inside].astype(int) - second[inside])
    assert difference.mean() < 1 and difference.max() <= 6
    assert np.abs(first[inside].astype(int) - second[inside]).mean() > 30


@pytest.mark.parametrize("name", QUADS)
def test_no_change_keeps_every_bit(name: str) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (500, 520, 3), dtype=np.uint8)
    aligned, edit = _aligned(photo, QUADS[name]), torch.rand(3, 256, 256) * 2 - 1
    assert np.array_equal(paste_back(aligned, aligned.image), photo)
    assert not np.array_equal(paste_back(aligned, edit), photo)


def test_only_the_edited_part_changes() -> None:
    photo = np.full((300, 300, 3), 100, np.uint8)
    quad = np.array([(19.5, 19.5), (19.5, 275.5), (275.5, 275.5), (275.5, 19.5)])  # one to one
    aligned = _aligned(photo, quad)
    mask = torch.zeros(1, 256, 256)
    mask[:, 100:120, 60:80], mask[:, 100:120, 80:100] = 1.0, 0.5
    pasted = paste_back(aligned, aligned.image + mask * 40 / 127.5)
    assert (pasted[120:140, 80:100] == 140).all() and (pasted[120:140, 100:120] == 120).all()
    pasted[120:140, 80:120] = 100
    assert (pasted == 100).all()


def test_border_of_the_crop_fades() -> None:
    photo = np.full((300, 300, 3), 100, np.uint8)
    quad = np.array([(19.5, 19.5), (19.5, 275.5), (275.5, 275.5), (275.5, 19.5)])
    aligned = _aligned(photo, quad)
    line = paste_back(aligned, aligned.image + 0.5)[150, :, 0].astype(int)
    assert line.max() == 164
    assert np.abs(np.diff(line)).max() <= 9  # no step: 64 levels over 8 pixels


def test_padding_is_never_pasted() -> None:
    photo = _waves(120, 140, 0.0)
    aligned = _aligned(photo, _square((20.0, 60.0), 60.0, 0.0))
    assert not aligned.valid.all()
    edit = torch.where(torch.from_numpy(aligned.valid)[None], aligned.image, torch.ones(3, 256, 256))
    assert np.array_equal(paste_back(aligned, edit), photo)


def test_the_picture_of_a_smaller_generator_is_enlarged() -> None:
    photo = _waves(200, 200, 0.4)
    aligned = already_aligned(photo)
    small = torch.nn.functional.adaptive_avg_pool2d(aligned.image[None], 64)[0]
    assert np.array_equal(paste_back(aligned, small), photo), "no change, bit for bit"
    small[:, :, 40:] += 20 / 127.5
    pasted = paste_back(aligned, small).astype(int) - photo
    assert (pasted[:, :115] == 0).all() and np.abs(pasted[:, 135:] - 20).max() <= 1


def test_paste_refuses_other_sizes() -> None:
    aligned = _aligned(_waves(120, 140, 0.0), _square((60.0, 60.0), 40.0, 0.0))
    with pytest.raises(ValueError, match="256"):
        paste_back(aligned, torch.zeros(3, 257, 257))


@pytest.mark.parametrize("side", [256, 1024, 1500])
def test_already_aligned_goes_there_and_back(side: int) -> None:
    photo = _waves(side, side, 0.0)
    aligned = already_aligned(photo)
    assert aligned.quad is None and aligned.valid.all() and aligned.image.shape == (3, 1024, 1024)
    assert np.array_equal(paste_back(aligned, aligned.image), photo)
    darker = paste_back(aligned, aligned.image - 20 / 127.5).astype(int)
    assert darker.shape == photo.shape
    assert np.abs(photo.astype(int) - 20 - darker).max() <= 1  # up to the very rim
