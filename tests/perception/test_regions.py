from __future__ import annotations

import pytest
import torch

from mcaclip.perception.parsing_head import CLASSES
from mcaclip.perception.regions import REGIONS, dilate, face_width, region, sharpen
from tests.helpers.drawn_parsing import MOUTH, MOUTH_HALF, SIDE, drawn_parsing


def classes(parsing: torch.Tensor, *names: str) -> torch.Tensor:
    return parsing[:, [CLASSES.index(name) for name in names]].sum(1, keepdim=True)


def centre(mask: torch.Tensor) -> torch.Tensor:
    """(x, y) of a mask's centre of mass."""
    return (mask[0, 0] > 0.5).nonzero().float().mean(0).flip(0)


def widths(mask: torch.Tensor) -> torch.Tensor:
    """Covered pixels of every row."""
    return (mask[0, 0] > 0.5).sum(1)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("lips", ("u_lip", "l_lip")),
        ("hair", ("hair",)),
        ("brows", ("l_brow", "r_brow")),
        ("eyes", ("l_eye", "r_eye")),
        ("background", ("background",)),
    ],
)
def test_plain_regions_are_their_classes(name, parts):
    parsing = drawn_parsing()
    assert classes(parsing, *parts).sum() > 0
    assert torch.equal(region(parsing, name), classes(parsing, *parts))


def test_soft_probabilities_stay_soft():
    parsing = torch.randn(2, len(CLASSES), 16, 16).softmax(1)
    torch.testing.assert_close(region(parsing, "lips"), classes(parsing, "u_lip", "l_lip"))
    for name in REGIONS:
        mask = region(parsing, name)
        assert mask.shape == (2, 1, 16, 16)
        assert mask.min() >= 0 and mask.max() <= 1


def test_the_chin_lies_below_the_mouth():
    mask = region(drawn_parsing(), "goatee")
    bottom = MOUTH[1] + MOUTH_HALF[1]
    assert mask[..., : bottom - 2, :].max() < 0.05
    assert mask[..., : bottom + 1, :].max() < 0.3
    assert mask[..., bottom + 6 :, :].max() > 0.95


def test_the_chin_is_skin_and_nothing_else():
    parsing = drawn_parsing()
    mask, skin = region(parsing, "goatee"), classes(parsing, "skin")
    assert (mask <= skin).all()
    # in the middle below the mouth all of the skin down to the chin belongs to it
    first = MOUTH[1] + MOUTH_HALF[1] + 7
    column = skin[0, 0, first:, MOUTH[0]]
    assert column.sum() > 30
    torch.testing.assert_close(mask[0, 0, first:, MOUTH[0]], column, atol=0.02, rtol=0)


def test_the_chin_tapers_from_a_little_more_than_the_mouths_width():
    parsing = drawn_parsing()
    parsing[:, CLASSES.index("skin")] = 1  # nothing but its own outline limits the region
    rows = widths(region(parsing, "goatee"))
    bottom = MOUTH[1] + MOUTH_HALF[1]
    mouth_width = 2 * MOUTH_HALF[0]
    assert mouth_width < rows[bottom + 4] < 1.25 * mouth_width
    covered = rows[bottom + 4 : bottom + 50]
    assert (covered.diff() <= 0).all()
    assert 0.6 * mouth_width < covered[-1] < 0.95 * covered[0]


@pytest.mark.parametrize("step", [(9, 0), (-7, 0), (0, -8), (5, -4)])
def test_the_chin_moves_with_the_mouth(step):
    moved = (MOUTH[0] + step[0], MOUTH[1] + step[1])
    masks = []
    for mouth in (MOUTH, moved):
        parsing = drawn_parsing(mouth)
        parsing[:, CLASSES.index("skin")] = 1
        masks.append(region(parsing, "goatee"))
    first, second = masks
    # compared where rolling brings nothing in from the other edge of the picture
    rolled = first.roll((step[1], step[0]), (2, 3))[..., : SIDE - 10, 10:-10]
    torch.testing.assert_close(second[..., : SIDE - 10, 10:-10], rolled, atol=1e-4, rtol=0)
    torch.testing.assert_close(centre(second)[0] - centre(first)[0], torch.tensor(float(step[0])), atol=0.5, rtol=0)


def test_a_stray_lip_pixel_does_not_move_the_chin():
    clean, stray = drawn_parsing(), drawn_parsing()
    stray[:, :, 20, 200] = 0
    stray[:, CLASSES.index("l_lip"), 20, 200] = 1
    assert torch.equal(region(clean, "goatee"), region(stray, "goatee"))


@pytest.mark.parametrize("only", [None, "background", "skin"])
def test_a_parsing_without_a_mouth_gives_no_chin_and_no_nan(only):
    parsing = torch.zeros(1, len(CLASSES), 32, 32)
    if only:
        parsing[:, CLASSES.index(only)] = 1
    for name in REGIONS:
        assert region(parsing, name).isfinite().all()
    assert region(parsing, "goatee").max() < 0.1
    assert face_width(parsing).isfinite().all()


def test_dilation_grows_by_its_radius_in_every_direction():
    mask = torch.zeros(1, 1, 21, 21)
    mask[..., 10, 10] = 0.7
    grown = dilate(mask, 3)
    wanted = torch.zeros_like(mask)
    wanted[..., 7:14, 7:14] = 0.7
    assert torch.equal(grown, wanted)
    assert dilate(mask, 0) is mask


def test_face_width_is_that_of_the_skin_without_hair_and_ears():
    parsing = drawn_parsing()
    found = face_width(torch.cat([parsing, torch.roll(parsing, 12, 3)]))
    assert found.shape == (2,)
    # a column at the outermost edge of an ellipse is too thin to count
    assert 0.97 * 141 < found[0] <= 141
    assert found[0] == found[1]
    narrow = torch.nn.functional.interpolate(parsing, scale_factor=0.5)
    torch.testing.assert_close(face_width(narrow), found[:1] / 2, atol=1.0, rtol=0)


def test_a_goatee_ends_above_the_throat():
    parsing = drawn_parsing((128, 140))
    # a throat that the parser takes for skin
    parsing[:, CLASSES.index("skin"), 153:] = 1
    mask = region(parsing, "goatee")
    throat = 152 + 2 * MOUTH_HALF[0]
    assert mask[:, :, 160 : throat - 10].amax() > 0.9
    assert mask[:, :, throat + 10 :].amax() < 0.05


def test_sharpen_fills_what_is_likely_and_empties_what_is_not():
    likely = torch.tensor([0.0, 0.2, 0.4, 0.6, 1.0])
    torch.testing.assert_close(sharpen(likely), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]))


def test_eyelids_are_above_the_eyes_and_below_the_brows():
    parsing = drawn_parsing()
    lids, eyes, brows = region(parsing, "eyelids"), classes(parsing, "l_eye", "r_eye"), region(parsing, "brows")
    assert lids.sum() > 0.3 * eyes.sum()
    assert centre(brows)[1] < centre(lids)[1] < centre(eyes)[1]
    assert not (lids * (eyes > 0.6)).any() and not (lids * (brows > 0.6)).any()
    no_eyes = parsing.clone()
    no_eyes[:, [CLASSES.index(name) for name in ("l_eye", "r_eye")]] = 0
    assert not region(no_eyes, "eyelids").any()


def test_facial_hair_is_beard_and_moustache():
    parsing = drawn_parsing()
    both = torch.maximum(region(parsing, "beard"), region(parsing, "moustache"))
    assert torch.equal(region(parsing, "facial hair"), both)
