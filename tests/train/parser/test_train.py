"""Training of the pixel parser: views keep their labels, the loss its sense, a small run learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from mcaclip.perception.face_parser import LABELS, MIRRORED, FaceParser, folded
from tests.helpers.drawn_parsing import drawn_parsing
from train.parser.clutter import blend, hat, necklace, occluder, suit, texture
from train.parser.train import (
    ParserSettings,
    PooledFaces,
    agreement,
    class_weights,
    draw_views,
    held_out_batches,
    parsing_loss,
    train_parser,
    unweighted,
)
from train.parser.views import PAINTED_PARTS, ViewSettings, painted, view

STILL = ViewSettings(0, 0, 0, 0, 0, 0, 0, 0, 0, (1.0, 1.0), 0)
HAT = LABELS.index("hat")
SETTINGS = ParserSettings(faces=6, held_out=2, steps=3, batch=2, sides=(64,))
COLOURS = np.random.default_rng(7).integers(0, 256, (len(LABELS), 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """A drawn face with clothes and a beard."""
    drawn = drawn_parsing()[0].argmax(0).to(torch.uint8).numpy()
    drawn[240:] = LABELS.index("cloth")
    drawn[200:215, 110:146] = LABELS.index("goatee")
    return drawn


@pytest.fixture(scope="module")
def face(labels) -> tuple[np.ndarray, np.ndarray]:
    """Every class in a colour of its own."""
    return COLOURS[labels], labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory, face) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    images = np.stack([face[0].transpose(2, 0, 1)] * 6)
    np.save(folder / "images_51_6.npy", images)
    np.save(folder / "labels_51_6.npy", np.stack([face[1]] * 6))
    (folder / "done_51_6").write_text("6")
    return folder


@pytest.mark.parametrize("seed", range(8))
def test_every_view_is_a_picture_with_known_classes_that_follows_from_the_seed(face, seed):
    (picture, labels), again = (view(face, face, np.random.default_rng(seed), ViewSettings()) for _ in range(2))
    assert picture.shape == (256, 256, 3) and labels.shape == (256, 256)
    assert picture.dtype == labels.dtype == np.uint8
    assert labels.max() < len(LABELS)
    assert np.array_equal(picture, again[0]) and np.array_equal(labels, again[1])


def test_picture_and_labels_move_together(face):
    how = replace(STILL, turn=20, scale=(0.75, 1.3), shift=0.08)
    picture, labels = view(face, face, np.random.default_rng(2), how)
    assert not np.array_equal(labels, face[1])
    hair = picture[labels == LABELS.index("hair")].astype(int)
    assert (np.abs(hair - np.median(hair, 0)).max(1) < 12).mean() > 0.95


def test_a_mirrored_face_has_its_sides_swapped(face):
    seen = set()
    for seed in range(12):
        _, labels = view(face, face, np.random.default_rng(seed), STILL)
        same, swapped = np.array_equal(labels, face[1]), np.array_equal(labels, np.array(MIRRORED)[face[1][:, ::-1]])
        assert same or swapped
        left = np.nonzero(labels == LABELS.index("l_eye"))[1].mean()
        right = np.nonzero(labels == LABELS.index("r_eye"))[1].mean()
        assert left > right
        seen.add(same)
    assert seen == {True, False}


def test_paint_changes_its_part_and_keeps_the_shade():
    rng = np.random.default_rng(0)
    image = rng.integers(60, 200, (64, 64, 1), dtype=np.uint8).repeat(3, 2)
    mask = np.zeros((64, 64), bool)
    mask[20:40, 20:40] = True
    out = painted(image, mask, np.array([30.0, 60.0, 200.0]), 1.0, 0.3)
    assert np.array_equal(out[:16], image[:16])
    assert np.array_equal(painted(image, mask & False, np.zeros(3), 1.0, 1.0), image), (
        "without a part nothing changes"
    )
    inside, before = out[22:38, 22:38].astype(float), image[22:38, 22:38].astype(float)
    assert (inside[..., 2] > inside[..., 0] + 20).mean() > 0.95
    assert np.corrcoef(inside.mean(2).ravel(), before.mean(2).ravel())[0, 1] > 0.95


def test_painted_parts_are_classes_and_never_the_background():
    assert all(0 < number < len(LABELS) for classes in PAINTED_PARTS.values() for number in classes)


def test_another_background_leaves_the_face(face):
    image, labels = view(face, face, np.random.default_rng(4), replace(STILL, placed=1.0))
    assert (labels == 0).sum() == (face[1] == 0).sum()
    before = face[0][face[1] == 0][0].astype(int)
    assert (np.abs(image[labels == 0].astype(int) - before).max(1) > 20).mean() > 0.5


def test_what_stands_before_a_face_is_no_part_of_it(face):
    """It is labelled hat; before a wall it is part of the wall."""
    covered = []
    for seed in range(10):
        _, labels = view(face, face, np.random.default_rng(seed), replace(STILL, occluded=1.0))
        assert (labels == 0).sum() == (face[1] == 0).sum()
        covered.append((labels == HAT).sum())
    assert max(covered) > 100


def test_a_drawn_hat_covers_the_head_above_the_brows(face):
    worn = [view(face, face, np.random.default_rng(seed), replace(STILL, hatted=1.0))[1] == HAT for seed in range(20)]
    lips = np.isin(face[1], [LABELS.index("u_lip"), LABELS.index("l_lip")])
    assert min(mask.sum() for mask in worn) > 100
    assert all(not mask[lips].any() for mask in worn)
    bald = np.zeros((64, 64), bool)
    assert hat(bald, 30.0, np.random.default_rng(0)) is None


def test_training_goes_on_from_a_trained_parser(folder, tmp_path):
    torch.manual_seed(1)
    start = folded(FaceParser(normalised=True).eval())
    pool = PooledFaces(folder, SETTINGS)
    same = train_parser(pool, replace(SETTINGS, steps=0), tmp_path / "same", start=start)
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(same.logits(picture), start.logits(picture), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seed", range(21))
def test_drawn_surroundings_are_pictures(seed):
    made = texture(48, np.random.default_rng(seed))
    assert made.shape == (48, 48, 3) and made.dtype == np.uint8


def test_blending_is_exact_at_the_ends(face):
    other = 255 - face[0]
    half = np.zeros((256, 256), np.float32)
    half[:128] = 1
    mixed = blend(face[0], other, half)
    assert np.array_equal(mixed[:128], other[:128]) and np.array_equal(mixed[128:], face[0][128:])


def test_other_clothes_stay_on_the_clothes(face):
    cloth = face[1] == LABELS.index("cloth")
    out = suit(face[0], cloth, np.random.default_rng(1))
    assert not np.array_equal(out[cloth], face[0][cloth])
    assert np.array_equal(out[:200], face[0][:200])


def test_a_necklace_hangs_on_the_neck_if_there_is_one():
    neck = np.zeros((256, 256), bool)
    assert necklace(neck, np.random.default_rng(0)) is None
    neck[180:250, 90:170] = True
    beads = necklace(neck, np.random.default_rng(0))
    assert beads is not None and 50 < beads.sum() < 0.2 * neck.sum()
    assert (beads[neck] > 0).sum() > 0.8 * beads.sum()


def test_occluders_are_small():
    areas = [occluder(128, np.random.default_rng(seed)).mean() for seed in range(60)]
    assert max(areas) < 0.4 and np.mean(areas) < 0.1


def test_a_growing_pool_never_lends_its_held_out_faces(folder, tmp_path):
    pool = PooledFaces(folder, SETTINGS)
    assert (pool.ready, list(pool.training), list(pool.held_out)) == (6, [0, 1, 2, 3], [4, 5])
    (folder / "done_51_6").write_text("3")
    assert (list(pool.training), list(pool.held_out)) == ([0, 1, 2], [])
    (folder / "done_51_6").write_text("6")
    with pytest.raises(TrainingError, match="--as-is"):
        PooledFaces(tmp_path, SETTINGS)


def test_views_are_batched_at_any_side(folder):
    pool = PooledFaces(folder, SETTINGS)
    images, labels = draw_views(pool, [0, 1, 2], 96, np.random.default_rng(0), ViewSettings())
    assert images.shape == (3, 3, 96, 96) and labels.shape == (3, 96, 96) and labels.dtype == torch.int64
    assert images.min() >= -1 and images.max() <= 1


def test_the_loss_is_least_for_the_truth_and_counts_rare_classes_more():
    labels = torch.zeros(1, 32, 32, dtype=torch.int64)
    labels[:, :4, :4] = 4
    share = torch.full((22,), 0.001)
    share[0], share[1] = 0.6, 0.37
    truth = torch.nn.functional.one_hot(labels[:, ::2, ::2], 22).permute(0, 3, 1, 2).float() * 12
    best = parsing_loss(truth, labels, share, 0.3)["loss"]
    missed_eye, extra = truth.clone(), truth.clone()
    missed_eye[:, :, :2, :2] = truth[:, :, 8:10, 8:10]
    extra[:, :, 14:, 14:] = truth[:, :, :2, :2]
    losses = [parsing_loss(x, labels, share, 0.3)["entropy"] for x in (missed_eye, extra)]
    assert best < 0.05 < losses[1] < losses[0]


def test_taking_the_weights_out_gives_back_the_probabilities():
    share = torch.linspace(0.001, 0.3, len(LABELS))
    net = FaceParser()
    torch.nn.init.zeros_(net.out.weight)
    true = torch.rand(len(LABELS)).softmax(0)
    with torch.no_grad():
        net.out.bias.copy_((class_weights(share) * true).log())
    unweighted(net, share)
    found = net.probabilities(torch.zeros(1, 3, 64, 64), 8)
    torch.testing.assert_close(found[0, :, 3, 3], true, atol=1e-5, rtol=1e-4)


def test_agreement_counts_facial_hair_as_skin_for_nineteen_classes(folder):
    pool = PooledFaces(folder, SETTINGS)
    batches = held_out_batches(pool, None, 0)
    skin, goatee = LABELS.index("skin"), LABELS.index("goatee")

    def perfect(count: int):
        def predict(images: torch.Tensor) -> torch.Tensor:
            labels = batches[0][1]
            labels = labels if count == 22 else torch.where(labels == goatee, skin, labels)
            return torch.nn.functional.one_hot(labels, count).permute(0, 3, 1, 2)

        return predict

    assert set(agreement(perfect(22), batches, LABELS).values()) == {1.0}
    found = agreement(perfect(19), batches, LABELS[:19])
    assert set(found.values()) == {1.0} and "goatee" not in found
    wrong = agreement(lambda x: perfect(22)(x).roll(1, 1), batches, LABELS)
    assert set(wrong.values()) == {0.0}


def test_a_short_run_ships_a_folded_net_and_a_report(folder, tmp_path):
    pool = PooledFaces(folder, SETTINGS)
    net = train_parser(pool, SETTINGS, tmp_path, teacher=lambda x: torch.zeros(1, 19, 256, 256))
    loaded = FaceParser.load(tmp_path / "face_parser.safetensors")
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    torch.testing.assert_close(loaded.logits(picture), net.logits(picture), atol=5e-2, rtol=5e-2)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["steps"] == 3 and report["faces"] == 4 and report["held_out"] == 2
    assert set(report["plain"]) <= set(LABELS) and "views, teacher" in report
