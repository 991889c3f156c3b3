"""Measures of drawn faces: each answers to what it is named after."""

from __future__ import annotations

import pytest
import torch

from mcaclip.perception.face_parser import LABELS
from train.directions.face_networks import mesh_measures, part_measures


def points() -> torch.Tensor:
    """A frontal face in 192 px, with what the measures read."""
    places = {
        33: (50, 80), 133: (74, 80), 159: (62, 76), 145: (62, 84), 362: (118, 80), 263: (142, 80), 386: (130, 76),
        374: (130, 84), 105: (60, 62), 334: (132, 62), 107: (76, 64), 336: (116, 64), 70: (46, 66), 300: (146, 66),
        129: (84, 116), 358: (108, 116), 168: (96, 80), 2: (96, 120), 1: (96, 110), 61: (76, 140), 291: (116, 140),
        0: (96, 134), 13: (96, 139), 14: (96, 141), 17: (96, 146), 172: (44, 140), 397: (148, 140), 234: (30, 90),
        454: (162, 90), 152: (96, 172), 149: (74, 166), 378: (118, 166),
    }  # fmt: skip
    mesh = torch.zeros(1, 468, 2)
    for number, place in places.items():
        mesh[0, number] = torch.tensor(place, dtype=torch.float32)
    return mesh


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        ("eyes_open", {145: (0, 4), 374: (0, 4)}),
        ("mouth_open", {14: (0, 6), 17: (0, 6)}),
        ("smile", {61: (0, -5), 291: (0, -5)}),
        ("brow_height", {105: (0, -5), 334: (0, -5)}),
        ("nose_width", {129: (-4, 0), 358: (4, 0)}),
        ("lip_height", {0: (0, -4), 17: (0, 4)}),
        ("jaw_width", {172: (-6, 0), 397: (6, 0)}),
        ("yaw", {1: (10, 0)}),
    ],
)
def test_points_move_their_measure(name, moved):
    mesh = points()
    before = mesh_measures(mesh)[name]
    for number, step in moved.items():
        mesh[0, number] += torch.tensor(step, dtype=torch.float32)
    assert mesh_measures(mesh)[name] > before + 0.02


def test_size_and_place_change_no_shape():
    one, other = mesh_measures(points()), mesh_measures(1.7 * points() + 20)
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-4, rtol=1e-4)


def test_areas_colours_and_the_forehead_are_read_off_labels():
    parsed = torch.zeros(1, len(LABELS), 256, 256)
    parsed[0, LABELS.index("background")] = 1

    def put(name: str, rows: slice, columns: slice) -> None:
        parsed[0, :, rows, columns] = 0
        parsed[0, LABELS.index(name), rows, columns] = 1

    put("skin", slice(60, 220), slice(70, 190))
    put("l_brow", slice(100, 106), slice(85, 115))
    lab = torch.zeros(1, 3, 256, 256)
    lab[:, 0] = 40
    lab[:, 0, 60:220, 70:190] = 70
    bare = part_measures(parsed, lab)
    assert float(bare["skin_light"]) == pytest.approx(70) and float(bare["background_light"]) == pytest.approx(40)
    assert float(bare["fringe"]) == 0 == float(bare["hair_area"]) and float(bare["brow_area"]) > 0.2
    put("hair", slice(65, 95), slice(80, 176))
    fringed = part_measures(parsed, lab)
    assert float(fringed["fringe"]) > 5 and float(fringed["hair_low"]) == 0
