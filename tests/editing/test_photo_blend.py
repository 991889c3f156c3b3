"""An edit of a photo is the photo, with what the edit changed."""

from __future__ import annotations

import torch

from mcaclip.editing.photo_blend import carry_over, shared_structure, taken_away
from mcaclip.editing.photo_parts import Surroundings

SIDE = 256


def picture(seed: int) -> torch.Tensor:
    """Smooth light and dark, `[1, 3, 256, 256]` in [-0.8, 0.8]."""
    torch.manual_seed(seed)
    coarse = torch.rand(1, 3, 16, 16) * 1.6 - 0.8
    return torch.nn.functional.interpolate(coarse, size=SIDE, mode="bilinear", align_corners=False)


def test_photo_pixels_stay_bit_for_bit_where_the_generator_changed_nothing():
    source, photo = picture(0), picture(0)[0] + 0.05 * torch.randn(3, SIDE, SIDE)
    edited, mask = source.clone(), torch.zeros(1, 1, SIDE, SIDE)
    edited[..., 100:150, 100:150] *= -0.5
    mask[..., 100:150, 100:150] = 1
    made = carry_over(photo, source, edited, mask)
    outside = (mask == 0).expand_as(made)
    assert torch.equal(made[outside], photo[None][outside])
    assert (made - photo[None])[..., 110:140, 110:140].abs().max() > 0.1


def test_a_change_of_colour_keeps_the_detail_of_the_photo():
    source, grain = picture(1), 0.04 * torch.randn(1, 3, SIDE, SIDE)
    edited = source + torch.tensor([0.1, -0.1, 0.15]).view(1, 3, 1, 1)
    made = carry_over((source + grain)[0], source, edited)
    assert (made - edited - grain).abs().mean() < 0.2 * grain.abs().mean()


def test_where_something_new_is_drawn_the_old_detail_fades():
    source, other, grain = picture(2), picture(3), 0.04 * torch.randn(1, 3, SIDE, SIDE)
    made = carry_over((source + grain)[0], source, other)
    assert (made - other).abs().mean() < 0.6 * grain.abs().mean()


def test_structure_is_shared_under_other_light_and_in_flat_places():
    source = picture(4)
    assert shared_structure(source, source + 0.2).min() > 0.99
    assert shared_structure(source, 0.5 * source + 0.2).min() > 0.75
    assert shared_structure(source, 0.02 * source).mean() < 0.5, "a beard is no skin"
    flat = torch.zeros(1, 3, SIDE, SIDE)
    assert shared_structure(flat, flat + 0.3).min() > 0.99
    assert shared_structure(source, -source).mean() < 0.3


def test_another_part_is_drawn_in_the_light_of_the_photo_and_before_its_background():
    half = torch.zeros(1, 1, SIDE, SIDE)
    half[..., : SIDE // 2] = 1
    source, tint = 0.3 * picture(7), torch.tensor([0.2, 0.0, -0.2]).view(1, 3, 1, 1)
    photo, edited, detail = source + 0.1, source + 0.3, 0.2 * picture(8)
    around = Surroundings(0 * half, anew=half, skin=1 - half)
    made = carry_over((photo + detail * half)[0], source, edited, around=around)
    torch.testing.assert_close(made, edited + 0.1, atol=0.02, rtol=0)
    around = around._replace(shown=half, tint=tint)
    behind = carry_over((photo + detail * half)[0], source, edited, around=around)
    torch.testing.assert_close(behind * half, (edited + tint) * half, atol=0.02, rtol=0)
    torch.testing.assert_close(behind * (1 - half), made * (1 - half))


def test_a_generated_face_is_the_generators_picture():
    source, edited = picture(5), picture(6)
    assert carry_over(None, source, edited) is edited


def test_a_thing_that_is_taken_away_leaves_no_trace_and_the_light_of_the_photo():
    skin, gone = torch.ones(1, 1, SIDE, SIDE), torch.zeros(1, 1, SIDE, SIDE)
    face = 0.3 * picture(7)
    photo = face + 0.2  # the photo is lighter than the generator's picture of it
    photo[..., 120:128, 80:180] = -0.9
    gone[..., 105:143, 65:195] = 1
    made = taken_away(photo, photo[0], face, gone, skin)
    assert (made - (face + 0.2))[..., 120:128, 90:170].abs().mean() < 0.1
    assert torch.equal(made[..., :100, :], photo[..., :100, :])
    assert torch.equal(taken_away(photo, photo[0], face, 0 * gone, skin), photo)


def test_what_the_photo_and_the_edit_share_stays_the_photos():
    gone, face = torch.ones(1, 1, SIDE, SIDE), picture(8)
    photo = face + 0.02 * torch.randn(1, 3, SIDE, SIDE)
    made = taken_away(photo, photo[0], face, gone, torch.zeros(1, 1, SIDE, SIDE))
    assert (made - photo).abs().mean() < 0.4 * (face - photo).abs().mean()
