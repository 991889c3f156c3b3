"""The attribute probe on a face of the embedded generator."""

from __future__ import annotations

import pytest
import torch

from mcaclip.evaluation.attribute_probe import AttributeProbe
from mcaclip.evaluation.attributes import ATTRIBUTES
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.imaging.align import FaceAligner
from mcaclip.weights import get


@pytest.fixture(scope="module")
def attribute_probe():
    return AttributeProbe.load(FaceAligner(get("dlib_landmarks")).detect)


@pytest.fixture(scope="module")
def picture(preview) -> torch.Tensor:
    with torch.no_grad():
        code = broadcast_w(truncate(preview.mapping(seeded_z(1, 5004)), preview.w_avg, 0.7))
        return synthesize(preview, code).image[0].clamp(-1, 1)


def test_every_attribute_can_be_measured(attribute_probe, picture):
    found = attribute_probe.measures(picture)
    unmeasured = {one.name for one in ATTRIBUTES if one.value(found) is None}
    assert unmeasured == {"young", "child", "male", "female"}  # they need networks that are not here
    assert found["hair"] > 0.02 and found["mouth width"] > 0.4


def test_a_darker_picture_changes_lightness_and_no_shape(attribute_probe, picture):
    before, after = attribute_probe.measures(picture), attribute_probe.measures((picture + 1) * 0.8 - 1)
    assert after["skin lightness"] < before["skin lightness"] - 5
    assert after["mouth width"] == pytest.approx(before["mouth width"], abs=0.05)


def test_no_face_gives_no_measures(attribute_probe):
    assert attribute_probe.measures(torch.full((3, 256, 256), -1.0)) == {}
