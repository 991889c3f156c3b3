"""A colour on a photo's part is a dye: the photo's strands, the words' hue, and no halo."""

from __future__ import annotations

import pytest
import torch

from mcaclip.editing.dye import Dye, apply
from mcaclip.imaging.colour import srgb_to_lab

SIDE = 256
BLONDE, PURPLE = (225, 190, 125), (128, 40, 160)
HAIR = torch.zeros(1, 1, SIDE, SIDE)
HAIR[..., 60:200, 60:200] = 1


def plain(red: float, green: float, blue: float) -> torch.Tensor:
    """`[1, 3, SIDE, SIDE]` of one colour, given in [0, 1]."""
    return (2 * torch.tensor([red, green, blue]) - 1).view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE).clone()


def photo_of(hair: tuple[float, float, float], strands: float = 0.0) -> torch.Tensor:
    """Light skin around a square of hair with vertical strands."""
    torch.manual_seed(0)
    fine = strands * torch.randn(1, 1, 1, SIDE)
    return torch.where(HAIR > 0, (plain(*hair) + fine).clamp(-1, 1), plain(0.85, 0.65, 0.55))


def dyed(photo: torch.Tensor, colour: tuple[int, int, int], made: tuple[float, float, float], amount: float = 1.0):
    """The photo's hair dyed, where a network's flat colour is `made`."""
    edited = torch.where(HAIR > 0, plain(*made), photo)
    return apply(Dye(HAIR, colour, amount), photo, photo, photo, edited, None)


def test_nothing_changes_outside_the_mask():
    photo = photo_of((0.1, 0.08, 0.07))
    made = dyed(photo, BLONDE, (0.6, 0.55, 0.3))
    assert torch.equal(made[(HAIR == 0).expand_as(made)], photo[(HAIR == 0).expand_as(photo)])
    assert torch.equal(apply(Dye(0 * HAIR, BLONDE, 1.0), photo, photo, photo, photo, None), photo)


def test_no_amount_of_an_edit_that_changed_nothing_is_the_picture():
    photo = photo_of((0.3, 0.2, 0.15), strands=0.1)
    torch.testing.assert_close(
        apply(Dye(HAIR, PURPLE, 0.0), photo, photo, photo, photo, None), photo, atol=1e-4, rtol=0
    )


def test_dark_strands_are_seen_when_the_hair_is_light():
    photo = photo_of((0.1, 0.08, 0.07), strands=0.06)
    inner = (..., slice(100, 160), slice(100, 160))
    before, after = photo[inner].mean(1), dyed(photo, BLONDE, (0.6, 0.55, 0.3))[inner].mean(1)
    assert torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1] > 0.95
    assert after.std() > 1.3 * before.std() and after.mean() > before.mean() + 0.5


@pytest.mark.parametrize("made", [(0.3, 0.1, 0.7), (0.5, 0.2, 0.4)])
def test_the_hue_is_that_of_the_words(made):
    after = srgb_to_lab(dyed(photo_of((0.15, 0.1, 0.1), strands=0.04), PURPLE, made))[..., 100:160, 100:160].mean(
        (0, 2, 3)
    )
    asked = srgb_to_lab(torch.tensor(PURPLE).view(3, 1, 1) / 127.5 - 1).flatten()
    angle = torch.rad2deg(torch.atan2(after[2], after[1]) - torch.atan2(asked[2], asked[1]))
    assert abs(float(angle)) < 8
    assert float(after[1:].norm()) > 0.6 * float(asked[1:].norm())


def test_a_shadow_of_blonde_hair_is_browner_than_its_light():
    photo = photo_of((0.2, 0.17, 0.15), strands=0.1)
    made = srgb_to_lab(dyed(photo, BLONDE, (0.7, 0.6, 0.4)))[0, :, 100:160, 100:160].flatten(1)
    order = made[0].argsort()
    dark, light = made[:, order[: len(order) // 4]].mean(1), made[:, order[-len(order) // 4 :]].mean(1)
    assert dark[1] > light[1] + 1  # a is higher: redder


def test_skin_that_the_mask_reaches_does_not_shine():
    photo = photo_of((0.1, 0.08, 0.07))
    wide = torch.nn.functional.avg_pool2d(HAIR, 13, 1, 6)
    edited = torch.lerp(photo, plain(0.6, 0.55, 0.3), wide)
    made = apply(Dye(wide, BLONDE, 1.0), photo, photo, photo, edited, None)
    skin = (HAIR == 0).expand_as(made)
    assert (made - photo)[skin].abs().max() < 0.1  # carried over as it is, it would be 0.5
    assert (made - photo)[(HAIR > 0).expand_as(made)].mean() > 0.5


def test_a_small_picture_is_dyed_as_well():
    photo = torch.nn.functional.avg_pool2d(photo_of((0.1, 0.08, 0.07)), 4)
    hair = torch.nn.functional.avg_pool2d(HAIR, 4)
    edited = torch.lerp(photo, torch.zeros_like(photo), hair)
    made = apply(Dye(hair, BLONDE, 1.0), photo, photo, photo, edited, None)
    assert (made - photo)[..., 30:40, 30:40].mean() > 0.5


def test_between_black_hair_and_skin_is_no_rim_lighter_than_both():
    """A mixed pixel is lighter than black hair, and the dye would lift it as much as hair."""
    black, skin, side = torch.tensor([0.07, 0.06, 0.06]), torch.tensor([0.75, 0.55, 0.42]), 512
    row = torch.arange(side)[:, None]
    mixed = torch.lerp(black, skin, ((row - 250) / 12).clamp(0, 1))
    shadow = 1 - 0.25 * ((row - 256).abs() < 14).float()
    photo = (2 * (mixed * shadow).T[None, :, :, None] - 1).expand(1, 3, side, side).clone()
    hair = (1 - ((row - 262) / 8).clamp(0, 1)).view(1, 1, side, 1).expand(1, 1, side, side)
    pink = (255, 105, 180)
    edited = photo + 0.8 * hair * (torch.tensor(pink).view(1, 3, 1, 1) / 127.5 - 1 - photo)
    light = srgb_to_lab(apply(Dye(hair, pink, 1.0, firm=True), photo, photo, photo, edited, None))[0, 0, :, 256]
    assert float(light[200:300].max()) < max(float(light[200]), float(light[300])) + 3
