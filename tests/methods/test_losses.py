from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mcaclip.imaging.colour import lab_of, lab_to_srgb
from mcaclip.methods import losses


@pytest.fixture
def features() -> dict[str, Tensor]:
    """Made-up features: 2 images in 3 copies, 4 templates, 16 dimensions."""
    g = torch.Generator().manual_seed(0)
    shapes = {"edited_features": 6, "source_features": 2, "source_text": 4, "target_text": 4}
    return {name: torch.randn(rows, 16, generator=g) for name, rows in shapes.items()}


def test_clip_nce_copies_belong_to_their_image(features):
    """Grouped copies are the same as each image on its own."""
    edited, source = features.pop("edited_features"), features.pop("source_features")
    together = losses.clip_nce_per_query(edited, source, **features)
    first = losses.clip_nce_per_query(edited[:3], source[:1], **features)
    second = losses.clip_nce_per_query(edited[3:], source[1:], **features)
    for all_, one, two in zip(together, first, second, strict=True):
        torch.testing.assert_close(all_, torch.cat([one, two]))


def test_clip_nce_by_hand():
    """Three orthogonal axes: cosines 1 (positive) and 0 (one extra negative)."""
    x, y, z = torch.eye(3)
    source, target = (x + y) / 2**0.5, (x + z) / 2**0.5
    text, image = losses.clip_nce_per_query(
        edited_features=z[None],
        source_features=y[None],
        source_text=source[None],
        target_text=target[None],
        extra_negatives=x[None],
        temperature=1.0,
    )
    # Query and text positive are both (z - y) / sqrt 2; the template negative is norm(source - y).
    query, positive_image, negative = (v / v.norm() for v in (z - y, target - y, source - y))
    for value, positive in [(text, 1.0), (image, float(query @ positive_image))]:
        logits = torch.tensor([positive, float(query @ negative), 0.0])
        torch.testing.assert_close(value[0], logits.logsumexp(0) - logits[0])


def test_clip_nce_extra_negatives_push_away(features):
    edited, source = features["edited_features"][:1], features["source_features"][:1]
    texts = (features["source_text"], features["target_text"])
    direction = torch.nn.functional.normalize(edited, dim=-1) - torch.nn.functional.normalize(source, dim=-1)
    plain = losses.clip_nce(edited, source, *texts)
    hit = losses.clip_nce(edited, source, *texts, extra_negatives=direction)
    missed = losses.clip_nce(edited, source, *texts, extra_negatives=-direction)
    assert hit > plain + 1
    torch.testing.assert_close(missed, plain, atol=1e-4, rtol=0)  # e^-10: far away does not matter
    torch.testing.assert_close(losses.clip_nce(edited, source, *texts, extra_negatives=5 * direction), hit)


def test_clip_nce_gradient_is_bounded_without_an_edit(features):
    source = features["source_features"][:1]
    edited = source.clone().requires_grad_()
    losses.clip_nce(edited, source, features["source_text"], features["target_text"]).backward()
    assert edited.grad.isfinite().all()


def test_clip_nce_refuses_what_does_not_fit(features):
    with pytest.raises(ValueError, match="multiple"):
        losses.clip_nce(**{**features, "edited_features": features["edited_features"][:5]})
    with pytest.raises(ValueError, match="negatives"):
        losses.clip_nce(**features, negatives="all")


def test_text_directions(features):
    source, target = features["source_text"], features["target_text"]
    directions = losses.text_directions(source, torch.stack([target, 2 * target, source]))
    torch.testing.assert_close(directions[:2].norm(dim=-1), torch.ones(2))
    torch.testing.assert_close(directions[0], directions[1])
    unit = [torch.nn.functional.normalize(t, dim=-1) for t in (source, target)]
    torch.testing.assert_close(directions[0], torch.nn.functional.normalize((unit[1] - unit[0]).mean(0), dim=-1))
    assert losses.text_directions(source, target).shape == (4, 16)


def test_mask_area_of_half_open_masks_at_1024_px():
    """The masks of all 17 convolutions weigh 0.041 with the paper's lambda."""
    sides = [4] + [side for side in (8, 16, 32, 64, 128, 256, 512, 1024) for _ in range(2)]
    masks = [torch.full((1, 1, side, side), 0.5) for side in sides]
    assert 2e-5 * losses.mask_area(masks).item() == pytest.approx(0.041, abs=0.0005)
    assert losses.mask_area(masks).item() == pytest.approx(0.5 * sum(sides))
    assert losses.mask_area(masks, "mean").item() == pytest.approx(0.5)


def test_mask_tv_by_hand():
    mask = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
    # horizontal 1 and 0, vertical 0.5 and -0.5
    assert losses.mask_tv([mask, mask]).item() == pytest.approx(2 * 1.5)
    assert losses.mask_tv([mask, mask], "mean").item() == pytest.approx(1.5 / 4)
    assert losses.mask_tv([torch.full((2, 1, 8, 8), 0.3)]).item() == 0


@pytest.mark.parametrize("function", [losses.mask_area, losses.mask_tv])
def test_unknown_normalisation_is_refused(function):
    with pytest.raises(ValueError, match="normalisation"):
        function([torch.zeros(1, 1, 2, 2)], "side")


def test_identity_loss_by_hand():
    a = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]])
    b = torch.tensor([[3.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    assert losses.identity_loss(a, b).item() == pytest.approx((0 + 1 + 2) / 3)


def test_latent_l2_by_hand():
    delta = torch.zeros(2, 18, 512)
    delta[0, 3, 5] = 4.0
    assert losses.latent_l2(delta).item() == pytest.approx(16 / (2 * 18 * 512))


def test_background_and_preservation_by_hand():
    source, edited = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    edited[..., :2] = 1.0  # the left half changes by 1 and
    edited[..., 2:] = 0.5  # the right half by 0.5
    left = torch.zeros(1, 1, 4, 4)
    left[..., :2] = 1.0
    assert losses.background_loss(source, edited, left).item() == pytest.approx(0.5)
    assert losses.preservation_loss(source, edited, left).item() == pytest.approx(0.125)
    small = torch.tensor([[[[1.0, 0.0]]]]).expand(1, 1, 2, 2).repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert losses.background_loss(source, edited, small).item() == pytest.approx(0.5)


def test_region_prior_by_hand():
    region = torch.zeros(1, 1, 8, 8)
    region[..., :4, :] = 1.0
    right, half = torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5)
    right[..., :2, :] = 1.0
    assert losses.region_prior([right], region).item() == pytest.approx(0.0, abs=1e-4)
    assert losses.region_prior([half, half], region).item() == pytest.approx(2 * math.log(2), abs=1e-4)
    assert losses.region_prior([1 - right], region).item() > 20
    # A cell that the region covers by half is not inside: it only costs when it is open.
    assert losses.region_prior([torch.zeros(1, 1, 1, 1)], region).item() == pytest.approx(0.0, abs=1e-4)


def test_region_prior_opens_a_closed_mask_again():
    region = torch.zeros(1, 1, 4, 4)
    region[..., :2, :] = 1.0
    logits = torch.full((1, 1, 4, 4), -9.0, requires_grad=True)
    losses.region_prior([torch.sigmoid(logits)], region).backward()
    assert (logits.grad[..., :2, :] < -0.05).all()


def test_exemplar_loss_by_hand():
    exemplar, edited = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    region = torch.zeros(1, 1, 4, 4)
    region[..., :2] = 1.0
    edited[..., 2:] = 5.0
    inside = region.clone()
    inside[..., 1] = 0.0
    assert losses.exemplar_loss(edited, exemplar, inside).item() == 0, "what lies outside does not count"
    flat = losses.exemplar_loss(exemplar + 0.5, exemplar, region).item()
    assert flat == pytest.approx(0.5), "a constant offset has no detail term"
    edited = exemplar.clone()
    edited[..., ::2, :] = 0.5
    assert losses.exemplar_loss(edited, exemplar, region, detail=0.0).item() == pytest.approx(0.25)
    # 3 of the 4 rows have a neighbour above: 6 of 8 region pixels differ by 0.5 from it
    assert losses.exemplar_loss(edited, exemplar, region).item() == pytest.approx(0.25 + 2 * 0.5 * 6 / 8)


def test_lab_distance_by_hand():
    lab = torch.tensor([50.0, 30.0, -20.0])
    image = lab_to_srgb(lab.view(1, 3, 1, 1)).expand(1, 3, 4, 4)
    region = torch.ones(1, 1, 2, 2)
    target = lab + torch.tensor([10.0, 3.0, 4.0])
    assert losses.lab_colour_distance(image, region, target).item() == pytest.approx(5.0, abs=0.02)
    with_light = losses.lab_colour_distance(image, region, target, lightness_weight=1.2).item()
    assert with_light == pytest.approx(5.0 + 1.2 * 10, abs=0.02)
    assert losses.lab_colour_distance(image, region, lab).item() < 0.05


def test_lab_distance_measures_only_the_region_of_each_sample():
    torch.manual_seed(0)
    image = torch.rand(2, 3, 4, 4) * 2 - 1
    region = torch.zeros(2, 1, 4, 4)
    region[0, :, 0] = 1.0
    region[1, :, 2:] = 1.0
    target = torch.stack([lab_of("green"), lab_of("purple")])
    both = losses.lab_colour_distance(image, region, target)
    alone = [losses.lab_colour_distance(image[i : i + 1], region[i : i + 1], target[i]) for i in (0, 1)]
    torch.testing.assert_close(both, torch.stack(alone).mean())
    changed = torch.where(region > 0, image, -image)
    torch.testing.assert_close(losses.lab_colour_distance(changed, region, target), both)
    assert losses.lab_colour_distance(image, torch.zeros_like(region), target).item() == 0


def test_lab_distance_descends_to_the_colour_and_stays_finite():
    target = lab_of("green")
    image = torch.full((1, 3, 2, 2), -1.0, requires_grad=True)  # black
    region = torch.ones(1, 1, 2, 2)
    optimiser = torch.optim.Adam([image], lr=0.05)
    start = losses.lab_colour_distance(image, region, target, lightness_weight=1.0).item()
    for _ in range(150):
        optimiser.zero_grad()
        loss = losses.lab_colour_distance(image, region, target, lightness_weight=1.0)
        loss.backward()
        assert image.grad.isfinite().all()
        optimiser.step()
    assert loss.item() < 0.05 * start


def test_paper_weights_and_weighing():
    paper = losses.PAPER_LOSS_WEIGHTS
    assert (paper.id, paper.l2, paper.nce, paper.area, paper.tv, paper.bg) == (0.2, 0.8, 0.3, 2e-5, 3e-5, 0.2)
    assert paper.region == paper.colour == paper.preserve == 0
    weighted = losses.weigh({"nce": torch.tensor(2.0), "colour": torch.tensor(50.0)}, paper)
    assert {name: value.item() for name, value in weighted.items()} == {"nce": pytest.approx(0.6), "colour": 0}
    with pytest.raises(AttributeError):
        losses.weigh({"lpips": torch.tensor(1.0)}, paper)
