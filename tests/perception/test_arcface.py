"""ArcFace's interface and crop; its numbers are compared with the published class in tests/golden."""

from __future__ import annotations

import pytest
import torch

from mcaclip.perception.arcface import ArcFaceIdentity


@pytest.fixture(scope="module")
def net() -> ArcFaceIdentity:
    torch.manual_seed(0)
    return ArcFaceIdentity().eval().requires_grad_(False)


def test_crop_takes_the_face_at_any_size(net):
    rows = torch.arange(256.0).view(1, 1, 256, 1).expand(1, 3, 256, 256)
    crop = net.crop(rows)
    assert crop.shape == (1, 3, 112, 112)
    # an adaptive pool of 188 rows to 112: the first window is rows 35 and 36, the last 221 and 222
    assert crop[0, 0, 0, 0] == 35.5 and crop[0, 0, -1, -1] == 221.5
    columns = net.crop(rows.transpose(2, 3))
    assert columns[0, 0, 0, 0] == 32.5 and columns[0, 0, -1, -1] == 218.5
    large = rows.repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(net.crop(large), crop)


def test_identity_is_a_unit_vector_and_equal_faces_have_similarity_one(net):
    images = torch.rand(2, 3, 256, 256) * 2 - 1
    torch.testing.assert_close(net.embed(images).norm(dim=1), torch.ones(2))
    torch.testing.assert_close(net.similarity(images, images), torch.ones(2))


def test_gradients_reach_the_picture_inside_the_crop_only(net):
    image = (torch.rand(1, 3, 256, 256) * 2 - 1).requires_grad_()
    net.similarity(image, torch.rand(1, 3, 256, 256)).sum().backward()
    assert image.grad[..., 35:223, 32:220].abs().sum() > 0
    image.grad[..., 35:223, 32:220] = 0
    assert not image.grad.any()


def test_features_have_the_documented_shapes(net):
    maps = net.features(torch.zeros(1, 3, 112, 112))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (64, 112, 112), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7),
    ]  # fmt: skip


def test_wrong_shapes_are_refused(net):
    with pytest.raises(ValueError, match="112, 112"):
        net.features(torch.zeros(1, 3, 150, 150))
    with pytest.raises(ValueError, match="S, S"):
        net.embed(torch.zeros(1, 3, 128, 256))
