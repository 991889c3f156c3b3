"""Label maps are mended where a parser's errors are plain, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.perception.label_map import label_map
from mcaclip.perception.parsing_head import CLASSES
from train.parser.pseudo_labels import clean, without_holes, without_specks

BACKGROUND, SKIN, HAIR, NOSE, EYE = (CLASSES.index(n) for n in ("background", "skin", "hair", "nose", "l_eye"))


@pytest.fixture
def head() -> np.ndarray:
    """Hair around a face with a nose and an eye, `[256, 256]`."""
    labels = np.zeros((256, 256), np.uint8)
    labels[20:240, 40:210] = HAIR
    labels[60:230, 70:180] = SKIN
    labels[130:160, 115:135] = NOSE
    labels[100:104, 90:96] = EYE
    return labels


def test_a_clean_map_stays_as_it_is(head):
    assert np.array_equal(clean(head), head)
    assert np.array_equal(without_holes(head), head)


def test_an_island_in_the_background_goes(head):
    spoilt = head.copy()
    spoilt[5:15, 240:250] = HAIR
    assert np.array_equal(clean(spoilt), head)


def test_a_speck_gets_the_label_around_it_and_small_parts_stay(head):
    spoilt = head.copy()
    spoilt[200:205, 100:105] = CLASSES.index("cloth")
    assert np.array_equal(clean(spoilt), head)
    assert (clean(spoilt) == EYE).sum() == (head == EYE).sum()


def test_a_patch_of_hair_on_the_cheek_is_an_error(head):
    spoilt = head.copy()
    spoilt[170:185, 80:95] = HAIR
    assert np.array_equal(clean(spoilt), head)


def test_only_the_named_classes_lose_their_specks(head):
    spoilt = head.copy()
    spoilt[200:203, 100:103] = NOSE
    assert np.array_equal(without_specks(spoilt, (HAIR,)), spoilt)
    assert np.array_equal(without_specks(spoilt, (NOSE,)), head)


def test_a_hole_in_the_face_is_closed(head):
    spoilt = head.copy()
    spoilt[170:200, 90:130] = BACKGROUND
    assert np.array_equal(without_holes(spoilt), head)


def test_gaps_in_the_hair_and_what_reaches_the_border_stay_open(head):
    open_hair = head.copy()
    open_hair[25:45, 100:140] = BACKGROUND
    assert np.array_equal(without_holes(open_hair), open_hair)
    cut = head.copy()
    cut[170:180, 0:130] = BACKGROUND
    assert np.array_equal(without_holes(cut), cut)


def test_the_map_given_is_not_changed(head):
    spoilt = head.copy()
    spoilt[200:205, 100:105] = BACKGROUND
    before = spoilt.copy()
    without_holes(spoilt)
    clean(spoilt)
    assert np.array_equal(spoilt, before)


def test_a_label_map_is_the_likeliest_class_without_islands(head):
    spoilt = head.copy()
    spoilt[5:15, 240:250] = HAIR
    found = label_map(torch.nn.functional.one_hot(torch.from_numpy(spoilt).long(), 19).permute(2, 0, 1).float())
    assert np.array_equal(found, head)
    assert not label_map(torch.eye(19)[0][:, None, None].expand(-1, 8, 8)).any()
