"""Detection, and the FFHQ crop against golden data."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip import weights
from mcaclip.errors import ImageError, NoFaceError, WeightsError
from mcaclip.imaging.align import (
    FaceAligner,
    align_face,
    already_aligned,
    crop_quad,
    ffhq_quad,
    load_photo,
    paste_back,
)
from mcaclip.types import DetectedFace, to_uint8
from tests.helpers.drawn_face import draw_face


@pytest.fixture(scope="module")
def aligner() -> FaceAligner:
    return FaceAligner(weights.get("dlib_landmarks"))


def width(face: DetectedFace) -> int:
    """Width of the detector's box in photo pixels."""
    return face.box[2] - face.box[0]


# --- golden data


def test_quads_equal_the_published_ones(reference_dir: Path) -> None:
    golden = np.load(reference_dir / "alignment.npz")
    for landmarks, quad in zip(golden["landmarks68"], golden["quad"], strict=True):
        np.testing.assert_allclose(ffhq_quad(landmarks), quad, atol=1e-6)


def test_detection_equals_the_published_one(aligner: FaceAligner, reference_dir: Path, photos_dir: Path) -> None:
    golden = np.load(reference_dir / "alignment.npz")
    for index, name in enumerate(golden["file_names"]):
        faces = aligner.detect(load_photo(photos_dir / str(name)))
        assert len(faces) == golden["faces_found"][index]
        np.testing.assert_allclose(faces[0].box, golden["face_rect_ltrb"][index], atol=2)
        np.testing.assert_allclose(faces[0].landmarks, golden["landmarks68"][index], atol=2)


def test_crops_equal_the_published_ones(reference_dir: Path, photos_dir: Path) -> None:
    golden = np.load(reference_dir / "alignment.npz")
    for index, name in enumerate(golden["file_names"]):
        quad = ffhq_quad(golden["landmarks68"][index])
        with Image.open(photos_dir / str(name)) as stored:  # the published program ignores colour profiles
            stored.info.pop("icc_profile", None)
            image, valid = crop_quad(load_photo(stored), quad, 1024)
        pixels = to_uint8(image).astype(np.float64)
        blocks = np.rint(pixels.reshape(64, 16, 64, 16, 3).mean(axis=(1, 3))) - golden["crop_64"][index]
        assert np.abs(blocks).max() <= 1 and np.abs(blocks).mean() < 0.1
        center = pixels[480:544, 480:544] - golden["crop_center_64px"][index]
        assert np.abs(center).max() <= 3 and np.abs(center).mean() < 0.5
        if not golden["was_padded"][index]:
            assert valid.all()


# --- detection


def test_all_faces_largest_first(aligner: FaceAligner) -> None:
    photo = draw_face(700, 400, ((170, 200, 120), (480, 200, 190)))
    faces = aligner.detect(photo)
    assert len(faces) == 2
    assert width(faces[0]) > width(faces[1])
    assert abs(faces[0].landmarks[:, 0].mean() - 480) < 30 and abs(faces[1].landmarks[:, 0].mean() - 170) < 30
    assert faces[0].landmarks.shape == (68, 2) and faces[0].landmarks.dtype == np.float64
    assert align_face(photo, aligner, 1).landmarks is not None
    with pytest.raises(NoFaceError, match=r"2 faces \(0 to 1\)"):
        align_face(photo, aligner, 2)
    with pytest.raises(NoFaceError, match="number -1"):
        align_face(photo, aligner, -1)


@pytest.mark.parametrize(("side", "face"), [(128, 64), (900, 64), (2600, 1300), (2600, 64)])
def test_small_and_large_faces_are_found_where_they_are(aligner: FaceAligner, side: int, face: int) -> None:
    center = (round(side * 0.48), round(side * 0.53))
    faces = aligner.detect(draw_face(side, side, ((*center, face),)))
    assert len(faces) == 1
    eyes = faces[0].landmarks[36:48].mean(axis=0)
    assert np.abs(eyes - (center[0], center[1] - 0.12 * face)).max() < 0.06 * face


def test_no_face_is_a_clear_error(aligner: FaceAligner) -> None:
    blank = np.full((200, 300, 3), 128, np.uint8)
    assert aligner.detect(blank) == []
    with pytest.raises(NoFaceError, match="whole face"):
        align_face(blank, aligner)


def test_aligner_is_shared_by_threads(aligner: FaceAligner) -> None:
    photos = [draw_face(300, 260, ((100 + 25 * i, 130, 110 + 10 * i),)) for i in range(4)]
    alone = [aligner.detect(photo)[0] for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(aligner.detect, photos * 2))
    for faces, expected in zip(together, alone * 2, strict=True):
        assert faces[0].box == expected.box and np.array_equal(faces[0].landmarks, expected.landmarks)


# --- lying and tilted faces


def _turned(photo: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The photo turned anticlockwise, padded in grey, and the matrix `[2, 3]` from the one to the other."""
    size = np.array([photo.shape[1], photo.shape[0]])
    matrix = cv2.getRotationMatrix2D(tuple((size - 1) / 2), degrees, 1)
    side = math.ceil(np.hypot(*size)) + 2
    matrix[:, 2] += (side - size) / 2
    turned = cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=(128, 128, 128))
    return turned, matrix


@pytest.mark.parametrize("name", ["seed_14", "seed_21"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_lying_face_is_cropped_upright(aligner: FaceAligner, repo_root: Path, name: str, turns: int) -> None:
    photo = load_photo(repo_root / "assets" / "examples" / f"{name}.jpg")[4:, :-6]  # no square
    lying = np.ascontiguousarray(np.rot90(photo, turns))
    upright, aligned = align_face(photo, aligner), align_face(lying, aligner)
    assert (aligned.image - upright.image).abs().max() * 127.5 <= 2
    assert aligned.valid.shape == upright.valid.shape and (aligned.valid != upright.valid).mean() < 0.01
    assert np.array_equal(paste_back(aligned, aligned.image), lying)
    face = aligner.detect(lying)[0]
    left, top, right, bottom = face.box
    assert left < face.landmarks[27:48, 0].mean() < right and top < face.landmarks[27:48, 1].mean() < bottom
    assert width(face) == width(aligner.detect(photo)[0])


@pytest.mark.parametrize("degrees", [-120, -60, -30, 30, 45, 60, 120, 150, 180])
def test_tilted_face_is_cropped_upright(aligner: FaceAligner, repo_root: Path, degrees: int) -> None:
    """The quad of the turned photo is the turned quad of the photo."""
    photo = load_photo(repo_root / "assets" / "examples" / "seed_21.jpg")
    turned, matrix = _turned(photo, degrees)
    quad, found = align_face(photo, aligner).quad, align_face(turned, aligner)
    assert quad is not None and found.quad is not None
    side = np.hypot(*(quad[3] - quad[0]))
    assert np.abs(quad @ matrix[:, :2].T + matrix[:, 2] - found.quad).max() < 0.03 * side
    assert np.array_equal(paste_back(found, found.image), turned)


def test_upside_down_face_is_no_doubtful_upright_one(aligner: FaceAligner, photos_dir: Path) -> None:
    """Upside down, the detector takes this photo for an upright face, though with little confidence."""
    photo = load_photo(photos_dir / "F000472.jpg")
    upright, turned = align_face(photo, aligner), align_face(np.ascontiguousarray(photo[::-1, ::-1]), aligner)
    assert (turned.image - upright.image).abs().mean() * 127.5 < 1


def test_all_lying_faces_are_found(aligner: FaceAligner) -> None:
    photo = draw_face(700, 400, ((170, 200, 120), (480, 200, 190)))
    faces = aligner.detect(np.ascontiguousarray(np.rot90(photo)))
    assert [width(face) for face in faces] == [width(face) for face in aligner.detect(photo)]
    # The photo's x is the lying one's 699 - y.
    assert abs(699 - faces[0].landmarks[:, 1].mean() - 480) < 30


def test_array_that_is_not_contiguous_is_taken(aligner: FaceAligner) -> None:
    photo = draw_face(300, 260, ((150, 130, 130),))
    mirrored = photo[:, ::-1]
    assert not mirrored.flags.c_contiguous
    assert len(aligner.detect(mirrored)) == 1


def test_damaged_landmark_model(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.dat"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="doctor"):
        FaceAligner(path)


# --- aligned faces


def test_face_stands_where_ffhq_puts_it(aligner: FaceAligner) -> None:
    photo = draw_face(500, 500, ((250, 250, 200),))
    aligned = align_face(photo, aligner)
    assert aligned.image.shape == (3, 1024, 1024) and aligned.image.dtype == torch.float32
    assert aligned.valid.shape == (1024, 1024) and aligned.photo is photo
    quad, points = aligned.quad, aligned.landmarks
    assert quad is not None and points is not None
    sides = np.roll(quad, -1, axis=0) - quad
    np.testing.assert_allclose(np.hypot(*sides.T), np.hypot(*sides[0]))  # a square
    np.testing.assert_allclose((sides * np.roll(sides, -1, axis=0)).sum(axis=1), 0, atol=1e-8)
    eyes = points[36:48].reshape(2, 6, 2).mean(axis=1)
    middle = (eyes.mean(axis=0) + 0.1 * ((points[48] + points[54]) / 2 - eyes.mean(axis=0)))[None]
    np.testing.assert_allclose(quad.mean(axis=0)[None], middle)


def test_collapsed_landmarks() -> None:
    with pytest.raises(NoFaceError, match="larger photo"):
        ffhq_quad(np.zeros((68, 2)))


def test_already_aligned_must_be_square() -> None:
    with pytest.raises(ImageError, match="square"):
        already_aligned(np.zeros((100, 101, 3), np.uint8))


def test_every_photo_is_aligned_or_named(aligner: FaceAligner, photos_dir: Path) -> None:
    for path in sorted(photos_dir.glob("*.jpg"))[::6]:
        aligned = align_face(load_photo(path), aligner)
        assert aligned.image.shape == (3, 1024, 1024)
        assert aligned.valid.mean() > 0.5, path.name
