"""Facial hair is what is darker than the same face shaved; label maps are mended where errors are plain only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mcaclip.perception.face_parser import LABELS
from mcaclip.perception.label_map import label_map
from mcaclip.perception.parsing_head import CLASSES
from tests.helpers.drawn_parsing import MOUTH, MOUTH_HALF, drawn_parsing
from train.parser.pseudo_labels import _with_facial_hair, clean, without_holes, without_specks

BEARD, MOUSTACHE, GOATEE, SKIN = (LABELS.index(name) for name in ("beard", "moustache", "goatee", "skin"))
TOP, BOTTOM = MOUTH[1] - MOUTH_HALF[1], MOUTH[1] + MOUTH_HALF[1]
NONE, FACE, HAIR, NOSE, EYE = (CLASSES.index(n) for n in ("background", "skin", "hair", "nose", "l_eye"))


@pytest.fixture(scope="module")
def label() -> Tensor:
    return drawn_parsing()[0].argmax(0).to(torch.uint8)


@pytest.fixture(scope="module")
def shaved() -> Tensor:
    return torch.full((1, 3, 256, 256), 0.4)


def haired(shaved: Tensor, rows: slice, columns: slice, value: float = -0.5) -> Tensor:
    """The shaved picture with a dark patch."""
    picture = shaved.clone()
    picture[..., rows, columns] = value
    return picture


def found(label: Tensor, picture: Tensor, shaved: Tensor) -> Tensor:
    return _with_facial_hair(label, label == SKIN, picture, shaved)


CHIN = slice(BOTTOM + 8, BOTTOM + 30), slice(110, 146)


@pytest.mark.parametrize(
    "picture",
    [
        (slice(0), slice(0), 0.4),  # nothing
        (slice(60, 110), slice(90, 170), -0.5),  # brows and forehead
        (*CHIN, 0.36),  # a chin that is only slightly darker
    ],
)
def test_what_is_no_facial_hair_gets_no_label(label, shaved, picture):
    assert torch.equal(found(label, haired(shaved, *picture), shaved), label)


@pytest.mark.parametrize(
    ("rows", "columns", "number"),
    [
        (*CHIN, GOATEE),
        (slice(TOP - 12, TOP - 2), slice(110, 146), MOUSTACHE),
        (slice(186, 205), slice(70, 88), BEARD),
        (slice(186, 205), slice(168, 186), BEARD),
    ],
)
def test_each_place_has_its_class(label, shaved, rows, columns, number):
    labels = found(label, haired(shaved, rows, columns), shaved)
    changed = labels != label
    assert changed.any() and (labels[changed] == number).all()
    inside = torch.zeros_like(changed)
    inside[rows.start - 3 : rows.stop + 3, columns.start - 3 : columns.stop + 3] = True
    assert not (changed & ~inside).any()


def test_a_shadow_that_the_shaved_face_has_too_is_no_hair(label, shaved):
    shadowed = haired(shaved, slice(200, 225), slice(105, 150))
    assert torch.equal(found(label, shadowed, shadowed), label)


def test_without_lips_or_nose_nothing_is_said(label, shaved):
    picture = haired(shaved, *CHIN)
    for gone in (("u_lip", "l_lip"), ("nose",)):
        hidden = label.clone()
        for name in gone:
            hidden[hidden == LABELS.index(name)] = 0
        assert torch.equal(found(hidden, picture, shaved), hidden)


@pytest.fixture
def head() -> np.ndarray:
    """Hair around a face with a nose and an eye, `[256, 256]`."""
    labels = np.zeros((256, 256), np.uint8)
    labels[20:240, 40:210] = HAIR
    labels[60:230, 70:180] = FACE
    labels[130:160, 115:135] = NOSE
    labels[100:104, 90:96] = EYE
    return labels


@pytest.mark.parametrize(
    ("rows", "columns", "name"),
    [
        (slice(0), slice(0), "hair"),  # no change
        (slice(5, 15), slice(240, 250), "hair"),  # an island in the background
        (slice(200, 205), slice(100, 105), "cloth"),  # a speck; the eye, which is smaller, stays
        (slice(170, 185), slice(80, 95), "hair"),  # a patch of hair on the cheek
    ],
)
def test_plain_errors_are_cleaned_away(head, rows, columns, name):
    spoilt = head.copy()
    spoilt[rows, columns] = CLASSES.index(name)
    before = spoilt.copy()
    assert np.array_equal(clean(spoilt), head) and np.array_equal(spoilt, before)


def test_only_the_named_classes_lose_their_specks(head):
    spoilt = head.copy()
    spoilt[200:203, 100:103] = NOSE
    assert np.array_equal(without_specks(spoilt, (HAIR,)), spoilt)
    assert np.array_equal(without_specks(spoilt, (NOSE,)), head)


def test_a_hole_in_the_face_is_closed(head):
    spoilt = head.copy()
    spoilt[170:200, 90:130] = NONE
    before = spoilt.copy()
    assert np.array_equal(without_holes(spoilt), head) and np.array_equal(spoilt, before)


@pytest.mark.parametrize(
    "gap", [(slice(0), slice(0)), (slice(25, 45), slice(100, 140)), (slice(170, 180), slice(0, 130))]
)
def test_gaps_in_the_hair_and_what_reaches_the_border_stay_open(head, gap):
    head[gap] = NONE
    assert np.array_equal(without_holes(head), head)


def test_a_label_map_is_the_likeliest_class_without_islands(head):
    spoilt = head.copy()
    spoilt[5:15, 240:250] = HAIR
    found = label_map(torch.nn.functional.one_hot(torch.from_numpy(spoilt).long(), 19).permute(2, 0, 1).float())
    assert np.array_equal(found, head)
    assert not label_map(torch.eye(19)[0][:, None, None].expand(-1, 8, 8)).any()
