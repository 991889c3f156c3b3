from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip.evaluation.attributes import find_attribute
from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import GENERATED, Face, FaceToMeasure
from mcaclip.evaluation.measuring import MeasuredEdit, Measurement
from mcaclip.evaluation.requests import Subject, read_settings
from mcaclip.evaluation.variants import Edited
from mcaclip.imaging.colour import lab_of, lab_to_srgb
from tests.helpers.toy_space import ToyParser

LIPS = (slice(128, 160), slice(96, 192))
HAIR = (slice(0, 64), slice(64, 192))
SIDE = 256


class ToyAttributeProbe:
    """Reads every measure off the first pixel; a black picture has no face."""

    def measures(self, picture: torch.Tensor) -> dict[str, float]:
        value = float(picture[0, 0, 0])
        names = ("smile", "facial hair", "hair")
        return {} if float(picture.max()) <= -1 else dict.fromkeys(names, value)


class ToyIndependentIdentity:
    def similarity(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.tensor([0.5 if torch.equal(one, other) else 0.25])


@pytest.fixture
def tools(editor) -> EvaluationContext:
    return EvaluationContext(editor.models, ToyParser(), editor.device, load_probe=ToyAttributeProbe)


@pytest.fixture
def face(tools, editor) -> Face:
    """A grey picture of 256 px, with the toy's parsing."""
    inversion = editor.sample(0)
    made = Face.of("seed_0", inversion, tools)
    noise = torch.rand(3, SIDE, SIDE) * 0.1
    made.inversion = replace(inversion, reconstruction=noise)
    return made


def paint(picture: torch.Tensor, where: tuple[slice, slice], colour: str) -> torch.Tensor:
    painted = picture.clone()
    painted[:, where[0], where[1]] = lab_to_srgb(lab_of(colour).view(3, 1, 1))
    return painted


def measured(face, prompt: str, image: torch.Tensor) -> MeasuredEdit:
    return MeasuredEdit.of(Measurement(face, Subject.of(read_settings(prompt)), Edited(image, 0.25, 1.5)), "full")


def test_a_painted_part_is_a_hit_without_leak(tools, face):
    row = measured(face, "green lipstick", paint(face.picture, LIPS, "green"))
    assert row.hit is True and row.moved["green lipstick"] == pytest.approx(1, abs=0.02)
    assert row.leak == 0 and row.ssim_background > 0.999
    assert (row.face, row.kind, row.column, row.area, row.seconds) == ("seed_0", "generated", "full", 0.25, 1.5)


def test_two_parts_must_both_arrive_and_may_both_change(tools, face):
    half = paint(face.picture, LIPS, "green")
    whole = paint(half, HAIR, "purple")
    for prompt in ("green lipstick and purple hair", "green lipstick + purple hair"):
        one, both = measured(face, prompt, half), measured(face, prompt, whole)
        assert one.hit is False and both.hit is True and set(both.moved) == {"green lipstick", "purple hair"}
        assert both.leak == 0, "what lies in either part is allowed"
    assert measured(face, "green lipstick", whole).leak > 1


def test_the_background_is_compared_outside_the_named_part(tools, face):
    other = paint(face.picture, (slice(200, 256), slice(0, 60)), "green")
    row = measured(face, "green lipstick", other)
    assert row.hit is False and row.leak > 1 and row.ssim_background < 0.99


def test_what_shows_already_or_not_at_all_is_neither_hit_nor_miss(tools, face):
    assert measured(face, "green teeth", paint(face.picture, LIPS, "green")).hit is None
    face.inversion = replace(face.inversion, reconstruction=paint(face.picture, LIPS, "green"))
    row = measured(face, "green lipstick", face.picture)
    assert row.hit is None and row.moved == {} and row.leak == 0


def with_value(picture: torch.Tensor, value: float) -> torch.Tensor:
    marked = picture.clone()
    marked[0, 0, 0] = value
    return marked


@pytest.mark.parametrize(("value", "hit"), [(0.0, False), (0.05, False), (0.07, True), (-0.3, False)])
def test_an_attribute_must_move_by_its_step_the_right_way(tools, face, value, hit):
    face.inversion = replace(face.inversion, reconstruction=with_value(face.picture, 0.0))
    row = measured(face, "smiling", with_value(face.picture, value))
    share = value / 2 / find_attribute("smiling").step
    assert row.hit is hit and row.moved["smiling"] == pytest.approx(share, abs=1e-3)


def test_a_face_that_smiles_already_is_neither_hit_nor_miss(tools, face):
    face.inversion = replace(face.inversion, reconstruction=with_value(face.picture, 0.5))
    assert measured(face, "smiling", with_value(face.picture, 0.9)).hit is None
    assert measured(face, "serious", with_value(face.picture, 0.0)).hit is True


def test_an_edit_without_a_face_missed(tools, face):
    face.inversion = replace(face.inversion, reconstruction=with_value(face.picture, 0.0))
    assert measured(face, "smiling", torch.full((3, SIDE, SIDE), -1.0)).hit is False


def test_what_cannot_be_measured_has_identity_score_and_area_alone(tools, face):
    row = measured(face, "zombie", paint(face.picture, LIPS, "green"))
    assert row.hit is None and row.leak is None and row.ssim_background is None
    assert row.identity < 1 and row.score != 0
    half_known = measured(face, "green lipstick and a zombie look", paint(face.picture, LIPS, "green"))
    assert half_known.hit is None and half_known.moved["green lipstick"] > 0.9


def test_the_score_is_what_the_edit_gained(tools, face):
    same = measured(face, "green lipstick", face.picture)
    assert same.score == 0 and same.identity == pytest.approx(1, abs=1e-4)
    words = tools.text_embedding("green lipstick")
    edited = torch.rand(3, SIDE, SIDE)
    expected = float((tools.image_embedding(edited) - tools.image_embedding(face.picture)) @ words)
    assert measured(face, "green lipstick", edited).score == pytest.approx(expected, abs=1e-4)
    assert float(words.norm()) == pytest.approx(1, abs=1e-5)


def test_an_independent_identity_is_measured_where_there_is_a_network(tools, face):
    assert measured(face, "smiling", face.picture).judge is None
    tools.independent_identity = ToyIndependentIdentity()
    assert measured(face, "smiling", face.picture).judge == 0.5


def test_a_preview_is_compared_with_the_previews_picture(tools, editor):
    inversion = editor.sample(0)
    source = FaceToMeasure("seed_0", GENERATED, get=lambda: inversion)
    assert Face(source, tools, 1024).picture is inversion.reconstruction
    small = Face(source, tools, 256)
    assert small.picture is not inversion.reconstruction
    assert small.picture.shape[-1] == editor.models.preview.image_size
