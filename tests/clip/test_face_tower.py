"""The image tower pools colours inside areas, and its gradient knows of areas that shrink."""

from __future__ import annotations

import pytest
import torch

from mcaclip.clip.face_areas import AREAS, areas
from mcaclip.clip.face_tower import (
    SHADES,
    STATISTICS,
    FaceTower,
    _presence,
    mask_gradient,
    pool,
    shade_shares,
    statistics,
)
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.face_parser import LABELS
from tests.helpers.drawn_parsing import drawn_parsing


@pytest.fixture(scope="module")
def masks() -> torch.Tensor:
    parsed = torch.cat([drawn_parsing(), torch.zeros(1, len(LABELS) - 19, 256, 256)], 1)
    return areas(torch.nn.functional.interpolate(parsed, size=(96, 96), mode="area"))


@pytest.fixture(scope="module")
def tower() -> FaceTower:
    torch.manual_seed(3)
    return FaceTower(16).eval()


def mask(masks: torch.Tensor, name: str) -> torch.Tensor:
    return masks[0, AREAS.index(name)]


def centre(found: torch.Tensor) -> tuple[float, float]:
    line = torch.arange(96.0)
    return float((found.sum(0) * line).sum() / found.sum()), float((found.sum(1) * line).sum() / found.sum())


def test_areas_are_masks_in_the_order_of_their_names(masks):
    assert masks.shape == (1, len(AREAS), 96, 96)
    assert masks.min() >= 0 and masks.max() <= 1.001
    assert mask(masks, "hat").sum() == 0 and mask(masks, "lips").sum() > 100


def test_places_on_bare_skin_lie_where_their_names_say(masks):
    eyes, lips = centre(mask(masks, "eyes")), centre(mask(masks, "lips"))
    assert centre(mask(masks, "forehead"))[1] < eyes[1] < centre(mask(masks, "left cheek"))[1] < lips[1]
    assert centre(mask(masks, "left cheek"))[0] < lips[0] < centre(mask(masks, "right cheek"))[0]
    assert lips[1] < centre(mask(masks, "chin"))[1]
    assert centre(mask(masks, "nose"))[1] < centre(mask(masks, "upper lip"))[1] < lips[1]
    for name in ("forehead", "left cheek", "right cheek", "upper lip", "chin", "jaw", "eye rims"):
        assert mask(masks, name).sum() > 8, name


def test_areas_of_an_empty_picture_are_finite():
    found = areas(torch.zeros(1, len(LABELS), 96, 96))
    assert torch.isfinite(found).all()


def test_pooled_colours_are_those_inside_the_mask():
    colours = torch.tensor([[0.6, -0.4, 0.1], [-0.8, 0.3, 0.5]])
    picture = torch.zeros(1, 3, 192, 192)
    picture[:, :, :96], picture[:, :, 96:] = colours[0].view(1, 3, 1, 1), colours[1].view(1, 3, 1, 1)
    halves = torch.zeros(1, 2, 96, 96)
    halves[:, 0, 2:46], halves[:, 1, 50:94] = 1, 1
    found = statistics(picture, halves)
    assert found.shape == (1, 2, STATISTICS)
    for half in (0, 1):
        lab = srgb_to_lab(colours[half].view(3, 1, 1)).flatten() / 50
        # the mean, and the means of dark, light and colourful pixels, are one colour here
        torch.testing.assert_close(found[0, half, :12], lab.repeat(4), atol=1e-3, rtol=0)


def test_dark_and_light_pixels_are_distinguished():
    picture = torch.full((1, 3, 192, 192), 0.9)
    picture[..., :20] = -0.9
    found = statistics(picture, torch.ones(1, 1, 96, 96))[0, 0]
    mean, dark, light = found[0], found[3], found[6]
    assert dark < 0.3 * mean and light > mean


def test_shares_distinguish_two_colours_from_their_mean():
    pixels = torch.tensor([SHADES[0], SHADES[5], SHADES[2], SHADES[20]]).T.view(1, 3, 2, 2) / 50
    shares = shade_shares(pixels)
    assert shares.shape == (1, len(SHADES), 2, 2)
    torch.testing.assert_close(shares.sum(1), torch.ones(1, 2, 2))
    assert shares.argmax(1).flatten().tolist() == [0, 5, 2, 20]
    stripes = torch.full((1, 3, 192, 192), -1.0)
    stripes[..., ::8], stripes[..., 1::8], stripes[..., 2::8], stripes[..., 3::8] = 1.0, 1.0, 1.0, 1.0
    grey = stripes.mean().expand_as(stripes)
    everywhere = torch.ones(1, 1, 96, 96)
    one, other = (statistics(picture, everywhere)[0, 0, -len(SHADES) :] for picture in (stripes, grey))
    assert one[0] > 0.2 and one[5] > 0.2, "black and white stripes are black and white"
    assert other[0] < 0.1 and other[5] < 0.1, "their mean is grey"


def test_pooling_ignores_what_lies_outside():
    features = torch.randn(1, 4, 24, 24)
    inside = torch.zeros(1, 1, 96, 96)
    inside[..., :48, :48] = 1
    changed = features.clone()
    changed[..., 12:, :] += 100
    torch.testing.assert_close(pool(features, inside), pool(changed, inside))
    torch.testing.assert_close(pool(features, inside)[0, 0], features[0, :, :12, :12].mean((1, 2)))


def test_gradients_reach_the_picture_and_not_the_parser():
    tower = FaceTower(16).train()
    picture = torch.rand(1, 3, 192, 192).requires_grad_()
    tower(picture).square().sum().backward()
    assert picture.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in tower.parser.parameters())
    assert not tower.parser.training


def test_the_position_of_areas_passes_as_much_of_the_gradient_as_it_should(tower):
    picture = torch.rand(1, 3, 192, 192)
    sizes, gradients = [], []
    for share in (1.0, 0.3):
        asked = picture.clone().requires_grad_()
        with mask_gradient(share):
            size_of_hair = tower.pool_features(asked).found[0, AREAS.index("hair"), 16]
        size_of_hair.backward()
        sizes.append(size_of_hair.detach())
        gradients.append(asked.grad)
    assert torch.equal(*sizes)
    scale = float(gradients[0].abs().max())
    assert scale > 0
    torch.testing.assert_close(gradients[1], 0.3 * gradients[0], atol=1e-4 * scale, rtol=1e-3)


def test_the_gradient_of_presence_is_that_of_a_logarithm():
    for side in (2, 30):
        mask = torch.zeros(1, 1, 96, 96)
        mask[..., :side, :side] = 0.9
        presence = _presence(mask.requires_grad_())
        presence.sum().backward()
        assert mask.grad is not None
        grown = float(mask.grad.sum() / presence.detach())
        assert grown == pytest.approx(96 * 96 / float(mask.detach().sum()), rel=1e-3)


def test_an_area_that_is_not_there_has_no_presence():
    masks = torch.stack([torch.zeros(96, 96), torch.ones(96, 96)])[None]
    assert _presence(masks).tolist() == [[0.0, 1.0]]


def directions(tower: FaceTower, pictures: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(tower(pictures), dim=-1)


def test_a_picture_that_needs_a_gradient_is_encoded_under_noise(tower):
    picture = torch.rand(2, 3, 192, 192) * 2 - 1
    asked = picture.clone().requires_grad_(True)
    plain, smoothed = directions(tower, picture), directions(tower, asked)
    assert (smoothed - plain).abs().max() > 1e-4, "there is noise"
    assert ((smoothed * plain).sum(1) > 0.9).all(), "under which a picture still shows the same"
    assert torch.equal(smoothed, directions(tower, asked)), "the same picture, the same noise"
    smoothed.sum().backward()
    assert asked.grad is not None and torch.isfinite(asked.grad).all() and asked.grad.abs().sum() > 0


def test_smoothed_gradients_of_similar_pictures_agree_better_with_more_copies(tower, monkeypatch):
    picture = torch.rand(1, 3, 192, 192) * 2 - 1

    def agreement() -> float:
        gradients = []
        for shift in (0.0, 1e-4):
            asked = (picture + shift).requires_grad_(True)
            tower(asked)[0, 0].backward()
            assert asked.grad is not None
            gradients.append(asked.grad.flatten())
        return float(torch.nn.functional.cosine_similarity(*gradients, dim=0))

    with_all = agreement()
    monkeypatch.setattr("mcaclip.clip.face_tower.NOISE", (0.5,))
    assert with_all > agreement()
