from __future__ import annotations

import pytest
import torch

from mcaclip.evaluation.measures import PARSE_SIZE, colour_moved, leak_outside
from mcaclip.imaging.colour import lab_of, lab_to_srgb, srgb_to_lab

COLOUR = lab_of("green")


@pytest.fixture
def picture() -> torch.Tensor:
    """`[3, 512, 512]`: noise in skin tones, 2 x 2 pixels each, so that pooling to 256 px keeps it."""
    small = torch.rand(3, PARSE_SIZE, PARSE_SIZE) * 0.2 + torch.tensor([0.5, 0.2, 0.1]).view(3, 1, 1)
    return small.repeat_interleave(2, 1).repeat_interleave(2, 2)


def box(first: int, last: int) -> torch.Tensor:
    """A square mask `[1, 1, 256, 256]`."""
    mask = torch.zeros(1, 1, PARSE_SIZE, PARSE_SIZE)
    mask[..., first:last, first:last] = 1
    return mask


def paint(picture: torch.Tensor, first: int, last: int, value: torch.Tensor) -> torch.Tensor:
    """The picture with a square, named in the mask's pixels, set to one value `[3]`."""
    painted = picture.clone()
    painted[:, 2 * first : 2 * last, 2 * first : 2 * last] = value.view(3, 1, 1)
    return painted


def measure(
    source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor, allowed: torch.Tensor
) -> tuple[float, float]:
    """How far a region came to `COLOUR`, and how much else changed."""
    return colour_moved(source, edited, mask, COLOUR), leak_outside(source, edited, allowed)


def test_the_colour_itself_has_moved_all_the_way(picture):
    edited = paint(picture, 100, 140, lab_to_srgb(COLOUR.view(3, 1, 1)).flatten())
    moved, leak = measure(picture, edited, box(100, 140), box(95, 145))
    assert moved == pytest.approx(1, abs=0.01)
    assert leak == 0


def test_an_unchanged_picture_has_not_moved(picture):
    assert measure(picture, picture, box(100, 140), box(95, 145)) == (0, 0)


def test_half_way_in_lab_is_half_and_away_is_below_nothing(picture):
    mean = srgb_to_lab(picture)[:, 200:280, 200:280].mean((1, 2))
    for share in (0.5, -0.3):
        value = lab_to_srgb((mean + share * (COLOUR - mean)).view(3, 1, 1)).flatten()
        moved, _ = measure(picture, paint(picture, 100, 140, value), box(100, 140), box(95, 145))
        assert moved == pytest.approx(share, abs=0.02)


def test_what_happens_beside_the_region_is_no_success(picture):
    edited = paint(picture, 10, 90, lab_to_srgb(COLOUR.view(3, 1, 1)).flatten())
    moved, leak = measure(picture, edited, box(100, 140), box(95, 145))
    assert moved == 0
    assert leak > 1


def test_leak_is_the_mean_change_outside_in_bytes(picture):
    edited = picture + 8 / 127.5
    _, leak = measure(picture, edited, box(100, 140), box(95, 145))
    assert leak == pytest.approx(8, rel=1e-3)
    # the same change of half of what lies outside
    allowed = box(0, PARSE_SIZE)
    allowed[..., :20] = 0
    half = picture.clone()
    half[..., :20] += 8 / 127.5
    _, leak = measure(picture, half, box(100, 140), allowed)
    assert leak == pytest.approx(4, rel=1e-3)


def test_changes_inside_the_allowed_margin_do_not_leak(picture):
    edited = paint(picture, 95, 145, torch.tensor([-1.0, 1.0, -1.0]))
    assert measure(picture, edited, box(100, 140), box(95, 145))[1] == 0
    assert measure(picture, edited, box(100, 140), box(96, 144))[1] > 0


def test_a_region_of_few_and_faint_pixels_is_measured_too(picture):
    edited = paint(picture, 100, 103, lab_to_srgb(COLOUR.view(3, 1, 1)).flatten())
    moved, _ = measure(picture, edited, 0.4 * box(100, 103), box(95, 145))
    assert moved == pytest.approx(1, abs=0.01)


def test_the_share_of_the_way_does_not_depend_on_the_size_of_pictures(picture):
    edited = paint(picture, 100, 140, torch.tensor([-0.5, 0.2, -0.3]))
    large = [p.repeat_interleave(2, 1).repeat_interleave(2, 2) for p in (picture, edited)]
    sizes = [measure(*pair, box(100, 140), box(90, 130)) for pair in ((picture, edited), large)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-4) and sizes[0][1] > 0
