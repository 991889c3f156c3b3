from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.imaging.align import FaceAligner
from mcaclip.types import Inversion
from mcaclip.weights import get
from tests.train.made_up_directions import write_directions
from train.encoder import editability
from train.encoder.editability import PROBES, Editability, direction_summary, prompt_summary


def row(native: float | None, inverted: float | None) -> dict:
    return {"directions": {"nada_smile": [native, inverted], "a31_eyes_open": [-1.0, 0.3]}}


def test_success_needs_half_of_the_median_native_movement_the_right_way():
    found = direction_summary([row(1.0, 0.45), row(1.0, 0.55), row(1.2, None), row(0.4, -2.0)])
    assert found["nada_smile native"] == 0.75 and found["nada_smile inverted"] == 0.25
    assert found["a31_eyes_open native"] == 1 and found["a31_eyes_open inverted"] == 0  # it closes them
    assert found["shifts"] == 8 and found["success_native"] == pytest.approx(7 / 8)


def test_rows_without_edits_have_no_summary():
    assert direction_summary([{}]) == prompt_summary([{}]) == {}


@dataclass
class SmallEditor:
    """What `Editability` needs of an editor."""

    models: object
    aligner: FaceAligner
    device: str = "cpu"

    def prompts(self):
        return ()

    def find_faces(self, photo):
        return self.aligner.detect(photo)


@dataclass
class SmallModels:
    preview: object


@pytest.fixture(scope="module")
def small_editor(preview):
    return SmallEditor(SmallModels(preview), FaceAligner(get("dlib_landmarks")))


@pytest.fixture
def _two_probes(monkeypatch):
    monkeypatch.setattr(editability, "PROBES", PROBES[:2])


@pytest.fixture(scope="module")
def face(preview):
    with torch.no_grad():
        code = broadcast_w(truncate(preview.mapping(seeded_z(1, 5004)), preview.w_avg, 0.7))[0]
    return Inversion(code, torch.zeros(3, 8, 8), None, 0.0)


def test_every_row_of_a_shift_has_its_length(small_editor, parser, tmp_path):
    editing = Editability(small_editor, parser, write_directions(tmp_path))
    for probe in PROBES:
        rows = editing.shifts[probe.key].norm(dim=-1)
        assert torch.allclose(rows, torch.full((18,), abs(probe.length)))


@pytest.mark.usefixtures("_two_probes")
@pytest.mark.parametrize(("length", "movement"), [(0.0, 0.0), (30.0, None)], ids=["no shift", "no face"])
def test_what_does_not_move_and_what_is_no_face_any_more(small_editor, parser, face, length, movement):
    editing = Editability(small_editor, parser)
    editing.shifts = {probe.key: torch.full((18, 512), length) for probe in PROBES}
    assert list(editing.movements(face).values()) == [movement] * 2


def test_without_directions_nothing_is_shifted_and_the_log_says_so(small_editor, parser, face, tmp_path, caplog):
    with caplog.at_level("INFO"):
        editing = Editability(small_editor, parser, tmp_path / "none.npz")
    assert editing.movements(face) == {} and "--directions" in caplog.text
