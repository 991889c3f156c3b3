"""The identity network against dlib's own, and the reader of dlib's file."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.imaging.align import FaceAligner, align_face, load_photo
from mcaclip.loading import load_face_identity
from mcaclip.perception.dlib_dat import read_dlib_resnet
from mcaclip.perception.identity import FaceIdentity, aligned_to_chips
from tests.helpers.drawn_face import draw_face


@pytest.fixture(scope="module")
def dat_path() -> Path:
    return weights.get("dlib_identity_dat")


@pytest.fixture(scope="module")
def net() -> FaceIdentity:
    return load_face_identity()


@pytest.fixture(scope="module")
def oracle(dat_path: Path) -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(dat_path))


def _tensor(chip: np.ndarray) -> Tensor:
    return torch.from_numpy(chip).permute(2, 0, 1).float()


def _synthetic_chips() -> list[np.ndarray]:
    """Noise, smooth noise, one colour, and a drawn face, `uint8 [150, 150, 3]`."""
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    drawn = draw_face(150, 150, ((75, 80, 110),))
    return [noise, cv2.GaussianBlur(noise, (0, 0), 4), np.full_like(noise, 90), drawn]


def test_descriptor_equals_dlibs(net: FaceIdentity, oracle: dlib.face_recognition_model_v1) -> None:
    chips = _synthetic_chips()
    got = net(torch.stack([_tensor(chip) for chip in chips]))
    assert got.shape == (4, 128)
    for chip, descriptor in zip(chips, got, strict=True):
        np.testing.assert_allclose(descriptor, np.array(oracle.compute_face_descriptor(chip)), atol=1e-4)


def test_descriptor_equals_dlibs_on_photos(
    net: FaceIdentity, oracle: dlib.face_recognition_model_v1, photos_dir: Path
) -> None:
    predictor = dlib.shape_predictor(str(weights.get("dlib_landmarks")))
    detector = dlib.get_frontal_face_detector()
    for path in sorted(photos_dir.glob("*.jpg"))[:6]:
        photo = load_photo(path)
        chip = dlib.get_face_chip(photo, predictor(photo, detector(photo, 1)[0]), 150, 0.25)
        want = np.array(oracle.compute_face_descriptor(chip))
        np.testing.assert_allclose(net(_tensor(chip)[None])[0], want, atol=1e-3)


def test_embedding_of_an_aligned_face_is_dlibs_of_the_photo(
    net: FaceIdentity, oracle: dlib.face_recognition_model_v1, photos_dir: Path
) -> None:
    """The fixed chip stands for the one that dlib would cut by landmarks."""
    landmarks = weights.get("dlib_landmarks")
    aligner, predictor = FaceAligner(landmarks), dlib.shape_predictor(str(landmarks))
    for path in sorted(photos_dir.glob("*.jpg"))[::12]:
        photo = load_photo(path)
        face = aligner.detect(photo)[0]
        shape = predictor(photo, dlib.rectangle(*face.box))
        want = np.array(oracle.compute_face_descriptor(photo, shape)) - net.center.numpy()
        got = net.embed(aligner.align(photo, face).image[None])[0].numpy()
        # centred, both of them: a stricter comparison than that of the raw descriptors
        assert got @ want / np.linalg.norm(want) > 0.96, path.name


def test_chip_shows_what_dlib_cuts_out() -> None:
    """The same eyes and mouth at the same place, on a drawn face."""
    landmarks = weights.get("dlib_landmarks")
    photo = draw_face(600, 600, ((300, 300, 220),))
    aligner = FaceAligner(landmarks)
    face = aligner.detect(photo)[0]
    shape = dlib.shape_predictor(str(landmarks))(photo, dlib.rectangle(*face.box))
    chip = dlib.get_face_chip(photo, shape, 150, 0.25)
    ours = aligned_to_chips(align_face(photo, aligner).image[None])[0]
    assert F.l1_loss(ours, _tensor(chip)) < 12
    shifted = torch.roll(ours, 12, dims=1)
    assert F.l1_loss(ours, _tensor(chip)) < 0.75 * F.l1_loss(shifted, _tensor(chip))


@pytest.mark.parametrize("size", [128, 200, 256, 512])
def test_chip_does_not_depend_on_the_size(size: int) -> None:
    x = torch.linspace(0, 1, 2049)[1::2]  # pixel centres of 1024 px
    big = torch.stack([torch.sin(7 * x)[None, :].expand(1024, -1), torch.cos(9 * x)[:, None].expand(-1, 1024)])
    big = torch.cat([big, big[:1] * big[1:]])[None]
    small = F.interpolate(big, (size, size), mode="area")
    assert (aligned_to_chips(big) - aligned_to_chips(small)).abs().max() < 1.0  # of 255


def test_chip_is_antialiased() -> None:
    checkerboard = (torch.arange(1024)[:, None] + torch.arange(1024)[None]) % 2 * 2.0 - 1
    chips = aligned_to_chips(checkerboard.expand(1, 3, -1, -1))
    assert chips.shape == (1, 3, 150, 150)
    assert (chips - 127.5).abs().max() < 20


def test_embeddings_are_unit_vectors_and_differentiable(net: FaceIdentity) -> None:
    images = (torch.rand(2, 3, 256, 256) * 2 - 1).requires_grad_()
    embedding = net.embed(images)
    assert embedding.shape == (2, 128)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2))
    net.similarity(images, images.detach().flip(0)).sum().backward()
    assert images.grad is not None and torch.isfinite(images.grad).all() and images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.parameters())


def test_similarity_is_one_for_the_same_and_less_for_others(net: FaceIdentity) -> None:
    a, b = torch.rand(2, 2, 3, 128, 128).mul(2).sub(1)
    same, other = net.similarity(a, a), net.similarity(a, b)
    assert same.shape == (2,)
    torch.testing.assert_close(same, torch.ones(2))
    assert (other < same).all()


def test_features_have_the_documented_shapes(net: FaceIdentity) -> None:
    maps = net.features(torch.rand(2, 3, 150, 150) * 255)
    expected = [(32, 72), (32, 35), (64, 17), (128, 8), (256, 4), (256, 2)]
    assert [tuple(m.shape) for m in maps] == [(2, c, s, s) for c, s in expected]
    assert all((m >= 0).all() for m in maps)


def test_other_sizes_are_refused(net: FaceIdentity) -> None:
    with pytest.raises(ValueError, match="150"):
        net(torch.zeros(1, 3, 112, 112))
    with pytest.raises(ValueError, match="128"):
        net.embed(torch.zeros(1, 3, 64, 64))


def test_converted_weights_equal_the_file(net: FaceIdentity, dat_path: Path) -> None:
    state = read_dlib_resnet(dat_path)
    assert set(state) == set(net.state_dict())
    assert all(torch.equal(state[key], value) for key, value in net.state_dict().items())


def test_damaged_files_are_refused(tmp_path: Path, dat_path: Path) -> None:
    data = dat_path.read_bytes()
    marked = data.replace(b"\x01\x05relu_", b"\x01\x05gelu_", 1)
    path = tmp_path / "bad.dat"
    for damaged in (b"", b"\x01\x01\x01\x02no", data[: len(data) // 2], data[:-1], data + b"\0", marked):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"bad\.dat"):
            read_dlib_resnet(path)
    with pytest.raises(WeightsError):
        read_dlib_resnet(tmp_path / "absent.dat")
