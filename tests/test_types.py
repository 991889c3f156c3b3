from __future__ import annotations

import numpy as np
import torch

from mcaclip.types import from_uint8, to_uint8


def test_every_byte_survives_the_round_trip():
    picture = np.arange(768, dtype=np.uint32).astype(np.uint8).reshape(16, 16, 3)
    assert set(picture.flatten().tolist()) == set(range(256))
    back = to_uint8(from_uint8(picture))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, picture)


def test_layout_and_range():
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[0, 2] = (255, 0, 51)
    image = from_uint8(picture)
    assert image.dtype == torch.float32 and image.shape == (3, 2, 3)
    torch.testing.assert_close(image[:, 0, 2], torch.tensor([1.0, -1.0, -0.6]))
    torch.testing.assert_close(image[:, 1, 0], torch.full((3,), -1.0))


def test_values_outside_the_range_are_clamped():
    image = torch.tensor([-3.0, 1.5, 0.0]).view(3, 1, 1)
    assert to_uint8(image)[0, 0].tolist() == [0, 255, 128]


def test_rounding_is_to_the_nearest_byte():
    image = (torch.tensor([10.4, 10.6, 200.45]) / 127.5 - 1).view(3, 1, 1)
    assert to_uint8(image)[0, 0].tolist() == [10, 11, 200]


def test_views_gradients_and_halves_are_taken_as_they_come():
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)[:, ::-1]
    np.testing.assert_array_equal(to_uint8(from_uint8(picture).requires_grad_()), picture)
    np.testing.assert_array_equal(to_uint8(from_uint8(picture).half()), picture)
