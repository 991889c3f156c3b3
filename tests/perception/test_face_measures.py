from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.face_measures import (
    colour_measures,
    fine_measures,
    finish_measures,
    label_measures,
    landmark_measures,
    retouch_measures,
    skin_measures,
)
from mcaclip.perception.face_parser import LABELS
from mcaclip.perception.parsing_head import CLASSES


def points(
    turn: float = 0.0,
    mouth: float = 30.0,
    open_eyes: float = 6.0,
    gap: float = 1.0,
    lift: float = 0.0,
    brows: float = 15.0,
    lips: float = 4.5,
    jaw: float = 40.0,
    nose: float = 24.0,
) -> np.ndarray:
    """A frontal face of 100 px with what the measures read."""
    p = np.zeros((68, 2))
    p[0], p[16], p[30], p[8] = (0, 50), (100, 50), (50 + turn, 60), (50, 130)
    p[62], p[66] = (50, 90 - gap / 2), (50, 90 + gap / 2)
    p[51], p[57] = p[62] - (0, lips), p[66] + (0, lips)
    p[4], p[12] = (50 - jaw, 100), (50 + jaw, 100)
    p[31], p[35] = (50 - nose / 2, 70), (50 + nose / 2, 70)
    p[17:22], p[22:27] = (28, 40 - brows), (72, 40 - brows)
    for first, x in ((36, 30.0), (42, 70.0)):
        p[first], p[first + 3] = (x - 8, 40), (x + 8, 40)
        for upper, lower, dx in ((1, 5, -3), (2, 4, 3)):
            p[first + upper], p[first + lower] = (x + dx, 40 - open_eyes / 2), (x + dx, 40 + open_eyes / 2)
    p[48], p[54] = (50 - mouth / 2, 90 - lift), (50 + mouth / 2, 90 - lift)
    return p


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("mouth width", {"mouth": 40.0}),
        ("yaw", {"turn": 15.0}),
        ("eyes open", {"open_eyes": 9.0}),
        ("mouth open", {"gap": 8.0}),
        ("smile", {"lift": 4.0}),
        ("brow height", {"brows": 18.0}),
        ("lip height", {"lips": 7.0}),
        ("jaw width", {"jaw": 46.0}),
        ("nose width", {"nose": 28.0}),
    ],
)
def test_landmarks_move_their_own_measure_and_no_other(name, changed):
    before, after = landmark_measures(points()), landmark_measures(points(**changed))
    assert after[name] > before[name]
    assert all(after[other] == pytest.approx(before[other]) for other in before if other != name)


def test_landmark_measures_depend_on_no_size_place_and_tilt():
    angle = 0.3
    turned = points(lift=3.0) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert landmark_measures(turned * 2.5 + (40, 7)) == pytest.approx(landmark_measures(points(lift=3.0)))


def test_a_darker_chin_and_lighter_hair_are_measured():
    picture, parsed = torch.full((1, 3, 256, 256), 0.2), torch.zeros(1, 19, 256, 256)
    parsed[0, CLASSES.index("hair"), :20] = 1
    plain = colour_measures(srgb_to_lab(picture), parsed, points())
    assert plain["chin darkness"] == pytest.approx(0, abs=1e-4) and plain["hair"] == pytest.approx(20 / 256)
    picture[..., 98:130, 30:70] = -0.6
    picture[..., :20, :] = 0.8
    changed = colour_measures(srgb_to_lab(picture), parsed, points())
    assert changed["chin darkness"] > 20 and changed["hair lightness"] > plain["hair lightness"] + 10


def labelled(**boxes: tuple[slice, slice]) -> torch.Tensor:
    """`[1, 22, 256, 256]`: background, and these labels in rows and columns, the later ones on top."""
    parsed = torch.zeros(1, len(LABELS), 256, 256)
    parsed[0, 0] = 1
    for name, (rows, columns) in boxes.items():
        parsed[0, :, rows, columns] = 0
        parsed[0, LABELS.index(name), rows, columns] = 1
    return parsed


AREAS = {
    "facial hair": {"beard": (slice(100, 110), slice(40, 60))}, "hat": {"hat": (slice(0, 20), slice(0, 100))},
    "goatee": {"goatee": (slice(100, 110), slice(45, 55))}, "teeth": {"mouth": (slice(88, 92), slice(40, 60))},
    "moustache": {"moustache": (slice(80, 84), slice(40, 60))}, "earrings": {"ear_r": (slice(60, 64), slice(0, 4))},
    "long hair": {"hair": (slice(140, 200), slice(0, 40))}, "fringe": {"hair": (slice(10, 22), slice(30, 70))},
}  # fmt: skip


@pytest.mark.parametrize("name", AREAS)
def test_areas_of_labels_count_where_they_should(name):
    plain, changed = (label_measures(labelled(**boxes), points()) for boxes in ({}, AREAS[name]))
    ((rows, columns),) = AREAS[name].values()
    area = 100 * (rows.stop - rows.start) * (columns.stop - columns.start) / 256**2
    assert plain[name] == 0 and changed[name] == pytest.approx(area)
    others = {"facial hair"} if name in ("goatee", "moustache") else set()
    assert {other for other in plain if changed[other]} == {name} | others


def test_hair_beside_the_face_is_neither_long_nor_a_fringe():
    found = label_measures(labelled(hair=(slice(20, 120), slice(0, 20))), points())
    assert found["long hair"] == found["fringe"] == 0


def test_skin_is_measured_in_lightness_and_lips_in_colour():
    parsed = labelled(skin=(slice(50, 200), slice(50, 200)), l_lip=(slice(100, 110), slice(90, 120)))
    lab = torch.zeros(1, 3, 256, 256)
    lab[:, 0], lab[:, 0, 50:200, 50:200], lab[:, 1, 100:110, 90:120] = 20, 60, 30
    found = skin_measures(lab, parsed, points())
    assert found["skin lightness"] == pytest.approx(60, abs=0.1) and found["lip colour"] == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize(
    ("name", "channel", "change", "rows"), [("cheek redness", 1, 15, (48, 58)), ("lid darkness", 0, -15, (31, 37))]
)
def test_make_up_is_measured_where_it_is(name, channel, change, rows):
    parsed = labelled(skin=(slice(20, 220), slice(0, 256)))
    lab = torch.zeros(1, 3, 256, 256)
    lab[:, 0] = 60
    painted = lab.clone()
    for x in (30, 70):
        painted[:, channel, rows[0] : rows[1], x - 8 : x + 9] += change
    plain, made_up = (skin_measures(one, parsed, points()) for one in (lab, painted))
    others = {"cheek redness", "lid darkness"} - {name}
    assert made_up[name] > plain[name] + 5
    assert all(made_up[other] == pytest.approx(plain[other], abs=0.2) for other in others)


def test_lines_on_the_skin_and_thicker_brows_are_measured():
    picture = torch.full((1, 3, 256, 256), 0.2)
    plain = fine_measures(srgb_to_lab(picture), points())
    assert plain == pytest.approx({"skin detail": 0, "brow darkness": 0}, abs=1e-4)
    lined = picture.clone()
    lined[..., 45:60, 20:80] += 0.2 * torch.tensor([-1.0, 1.0]).repeat(30)
    assert fine_measures(srgb_to_lab(lined), points())["skin detail"] > 1
    thin, thick = picture.clone(), picture.clone()
    thin[..., 24:26, :], thick[..., 22:28, :] = -0.8, -0.8
    dark, darker = (fine_measures(srgb_to_lab(one), points())["brow darkness"] for one in (thin, thick))
    assert darker > dark + 3


def test_makeup_and_light_are_measured_where_they_are():
    parsed = torch.zeros(1, len(LABELS), 64, 64)
    parsed[:, LABELS.index("l_lip"), 22:25, 10:15] = 1
    parsed[:, LABELS.index("background"), 40:] = 1
    picture = torch.full((1, 3, 256, 256), 0.2)
    plain = finish_measures(srgb_to_lab(picture), parsed, points())
    assert plain["skin spots"] == pytest.approx(0, abs=1e-4) and plain["background detail"] == pytest.approx(
        0, abs=1e-4
    )

    def changed(rows: slice, columns: slice, value: float) -> dict[str, float]:
        other = picture.clone()
        other[..., rows, columns] = value
        return finish_measures(srgb_to_lab(other), parsed, points())

    assert changed(slice(50, 56, 3), slice(20, 80, 3), -0.2)["skin spots"] > plain["skin spots"] + 1
    assert changed(slice(35, 37), slice(20, 80), -0.8)["lash darkness"] > plain["lash darkness"] + 5
    assert changed(slice(90, 92), slice(45, 55), 0.9)["lip shine"] > plain["lip shine"] + 5
    assert changed(slice(170, 256), slice(0, 256, 2), 0.6)["background detail"] > 1
    assert changed(slice(0, 256), slice(0, 256), 0.5)["picture lightness"] > plain["picture lightness"] + 5
    warm = picture.clone()
    warm[:, 2] -= 0.2
    assert finish_measures(srgb_to_lab(warm), parsed, points())["picture warmth"] > plain["picture warmth"] + 5


def test_what_a_retoucher_sees_is_measured_where_it_is():
    parsed = torch.zeros(1, len(LABELS), 256, 256)
    for label, rows, columns in (
        ("background", slice(0, 256), slice(0, 256)),
        ("skin", slice(10, 130), slice(5, 95)),
        ("l_eye", slice(37, 43), slice(62, 78)),
    ):
        parsed[:, :, rows, columns] = 0
        parsed[:, LABELS.index(label), rows, columns] = 1
    picture = torch.full((1, 3, 256, 256), 0.1)
    plain = retouch_measures(srgb_to_lab(picture), parsed, points())

    def more(name: str, rows: slice, columns: slice, *levels: float) -> float:
        other = picture.clone()
        other[..., rows, columns] = torch.tensor(levels).view(-1, 1, 1)
        return retouch_measures(srgb_to_lab(other), parsed, points())[name] - plain[name]

    everywhere = slice(0, 256)
    assert more("dark circles", slice(45, 51), slice(15, 85), -0.2) > 3
    assert more("skin shine", slice(12, 30), slice(20, 80), 0.8) > 10
    assert more("skin blotches", slice(60, 90), slice(10, 40), 0.4, 0.0, 0.0) > 3
    assert more("eye whites", slice(37, 43), slice(62, 68), 0.7) > 5
    assert more("background lightness", slice(140, 256), everywhere, 0.6) > 3
    assert more("picture contrast", slice(140, 256), everywhere, 0.6) > 3
    assert more("picture detail", everywhere, slice(0, 256, 2), 0.3) > 1
    assert more("picture chroma", everywhere, everywhere, 0.5, 0.1, 0.0) > 10
    assert abs(more("colour spread", everywhere, everywhere, 0.5, 0.1, 0.0)) < 0.5
    assert more("colour spread", slice(0, 128), everywhere, 0.5, 0.1, 0.0) > 3


def test_what_a_picture_lacks_is_not_measured():
    found = retouch_measures(srgb_to_lab(torch.zeros(1, 3, 256, 256)), torch.zeros(1, len(LABELS), 64, 64), points())
    assert not {"skin shine", "skin blotches", "eye whites", "background lightness"} & set(found)
