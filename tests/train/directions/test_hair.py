"""What the studio's edits of hair are made of."""

from __future__ import annotations

import pytest
import torch

from mcaclip.editing.network.direction_edit import load_directions
from mcaclip.perception.face_parser import FaceParser
from tests.train.made_up_directions import measured
from train.directions.hair import HAIR_EDITS, HELD, save_hair


@pytest.fixture(scope="module")
def edits(tmp_path_factory):
    path = tmp_path_factory.mktemp("hair") / "hair.safetensors"
    save_hair(measured(), path)
    return load_directions(path, FaceParser(), "cpu")


@pytest.mark.parametrize("hair", HAIR_EDITS, ids=lambda one: one.spec.words)
def test_each_raises_its_own_measure_and_holds_the_heads_place(edits, hair):
    regression, edit = measured(), edits[hair.spec.words]
    assert edit.spec == hair.spec
    assert float(regression.slope(hair.rises) @ edit.direction) == pytest.approx(1, abs=1e-3)
    held = [regression.names.index(name) for name in (*HELD, *hair.held) if name in regression.names]
    assert float((regression.slopes[held] @ edit.direction).abs().max()) < 0.1
    assert torch.equal(edit.slope, regression.slope(hair.rises))


def test_less_and_more_hair_are_opposite_wishes(edits):
    assert float(edits["a bald head"].direction @ edits["fuller hair"].direction) < 0
    assert float(edits["short hair"].direction @ edits["long hair"].direction) < 0
