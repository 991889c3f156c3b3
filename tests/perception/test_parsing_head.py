from __future__ import annotations

import pytest
import torch

from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.perception.parsing_head import CLASSES, PARSED_LAYERS, ParsingHead

SIZE = 256


def drawn_features(batch: int = 2) -> dict[int, torch.Tensor]:
    """Random features of the four layers, an eighth of their size: the head is convolutional."""
    sides = {4: 2, 6: 4, 8: 8, 10: 16}
    return {
        layer: torch.randn(batch, channels, sides[layer], sides[layer]) for layer, channels in PARSED_LAYERS.items()
    }


@pytest.fixture(scope="module")
def parsings(preview, parser) -> torch.Tensor:
    """Parsings `[2, 19, 256, 256]` of two generated faces that stand in no training set."""
    codes = broadcast_w(truncate(preview.mapping(seeded_z(2, 8)), preview.w_avg, 0.7))
    made = synthesize(preview, codes, keep=PARSED_LAYERS)
    return parser.probabilities(made.features, SIZE)


def share(parsings: torch.Tensor, *names: str) -> torch.Tensor:
    """Share of the picture that the named classes cover, `[B]`."""
    return parsings[:, [CLASSES.index(name) for name in names]].sum(1).mean((1, 2))


def place(parsings: torch.Tensor, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre of mass (x, y) of a class in pixels, `[B]` each."""
    mask = parsings[:, CLASSES.index(name)]
    axis = torch.arange(mask.shape[-1]).float()
    total = mask.sum((1, 2))
    return (mask.sum(1) * axis).sum(1) / total, (mask.sum(2) * axis).sum(1) / total


def test_logits_have_the_size_of_the_finest_layer():
    assert ParsingHead()(drawn_features()).shape == (2, len(CLASSES), 16, 16)


@pytest.mark.parametrize("size", [8, 16, 40])
def test_probabilities_sum_to_one_at_every_size(size):
    found = ParsingHead().probabilities(drawn_features(), size)
    assert found.shape == (2, len(CLASSES), size, size)
    assert found.min() >= 0
    torch.testing.assert_close(found.sum(1), torch.ones(2, size, size))
    assert not found.requires_grad


def test_every_layer_counts_and_their_loudness_does_not():
    head, features = ParsingHead(), drawn_features(1)
    reference = head(features)
    for layer in PARSED_LAYERS:
        louder = {**features, layer: 10 * features[layer]}
        torch.testing.assert_close(head(louder), reference, atol=1e-4, rtol=1e-4)
        other = {**features, layer: torch.randn_like(features[layer])}
        assert (head(other) - reference).abs().max() > 1e-3


def test_brows_eyes_nose_and_lips_stand_below_one_another(parsings):
    heights = torch.stack([place(parsings, name)[1] for name in ("l_brow", "l_eye", "nose", "u_lip", "l_lip")])
    assert (heights.diff(dim=0) > 3).all(), heights
    heights = torch.stack([place(parsings, name)[1] for name in ("r_brow", "r_eye", "nose", "u_lip", "l_lip")])
    assert (heights.diff(dim=0) > 3).all(), heights


@pytest.mark.parametrize("part", ["brow", "eye"])
def test_left_is_the_persons_own_left(parsings, part):
    """CelebAMask-HQ's sides are those of the person: her left eye is in the right half of the picture."""
    (left, _), (right, _), (nose, _) = (place(parsings, name) for name in (f"l_{part}", f"r_{part}", "nose"))
    assert (left > nose + 8).all() and (right < nose - 8).all()


def test_lips_lie_in_the_middle_below_the_nose(parsings):
    (nose, _), (lips, _) = place(parsings, "nose"), place(parsings, "u_lip")
    assert ((lips - nose).abs() < 15).all()
    area = share(parsings, "u_lip", "l_lip")
    assert ((area > 0.004) & (area < 0.04)).all(), area


def test_skin_hair_and_background_cover_plausible_areas(parsings):
    for name, least, most in (("skin", 0.15, 0.5), ("hair", 0.05, 0.5), ("background", 0.1, 0.6)):
        area = share(parsings, name)
        assert ((area > least) & (area < most)).all(), (name, area)
    assert (place(parsings, "hair")[1] < place(parsings, "nose")[1]).all()


def test_the_middle_is_face_and_the_upper_corners_are_not(parsings):
    middle = parsings[..., 136:152, 120:136]
    assert (share(middle, "skin", "nose") > 0.9).all()
    for corner in (parsings[..., :12, :12], parsings[..., :12, -12:]):
        assert (share(corner, "background", "hair", "hat") > 0.9).all()
