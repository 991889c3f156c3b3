"""Wishes that are done to the picture itself change what they name, where it is, and nothing else."""

from __future__ import annotations

import pytest
import torch

from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import blend, moving
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.photo_parts import PhotoParts
from mcaclip.editing.reader import RETOUCH, Ingredient
from mcaclip.editing.render import RETOUCHED, prepare, varied
from mcaclip.editing.request import EditRequest, NetworkShare
from mcaclip.editing.retouch import RETOUCHES, retouch_mask, retouched
from mcaclip.generators.base import seeded_z
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.language.concepts import concepts
from mcaclip.types import EditSettings, Paint, PromptStrength
from tests.editing.test_photo_parts import SIDE, Bands, photo
from tests.editing.test_render import LIPS, generator, network  # noqa: F401
from tests.helpers.faces import face_of
from tests.helpers.toy_space import ToySpace

SKIN = Bands(skin=(100, 150), nose=(110, 120))


def picture() -> torch.Tensor:
    """Bands with a grain, `[1, 3, 256, 256]`."""
    grain = 0.06 * torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    return (0.5 * photo()[None] + grain).clamp(-1, 1)


def made(words: str, amount: float = 1.0, parser: Bands = SKIN) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A picture, the picture retouched, and the mask."""
    before = picture()
    mask = retouch_mask(words, PhotoParts.of(parser, before[0]), before)
    return before, retouched(words, before, mask, amount), mask


def fine(image: torch.Tensor, first: int, last: int) -> float:
    """Contrast of neighbours in some rows."""
    return float(image[..., first:last, :].diff(dim=-1).std())


@pytest.mark.parametrize("words", RETOUCHES)
def test_the_table_of_wishes_offers_every_retouch_with_a_measure(words):
    sides = [side for concept in concepts().values() for _, side in concept.sides if side.asks == words]
    assert sides and all(side.measure for side in sides)


@pytest.mark.parametrize("words", RETOUCHES)
def test_nothing_changes_where_the_mask_is_closed_and_nothing_leaves_the_range_where_it_is_open(words):
    before, after, mask = made(words, 2.0, Bands(skin=(100, 150), nose=(110, 120), l_eye=(130, 140)))
    closed = (mask == 0).expand_as(before)
    assert torch.equal(after[closed], before[closed])
    assert not torch.equal(after, before)
    assert after.isfinite().all() and float(after.clamp(-1, 1).sub(after).abs().max()) < 0.5


@pytest.mark.parametrize("words", RETOUCHES)
def test_no_amount_is_the_picture_itself(words):
    before, after, _ = made(words, 0.0)
    assert torch.equal(after, before)


def test_smooth_skin_loses_its_spots_and_keeps_some_grain():
    before, after, _ = made("smooth skin")
    assert 0.2 < fine(after, 105, 145) / fine(before, 105, 145) < 0.8
    assert fine(after, 45, 75) == fine(before, 45, 75), "hair keeps its strands"


def test_freckles_are_browner_spots_of_skin_and_the_same_every_time():
    before, after, _ = made("freckles")
    change = (srgb_to_lab(after) - srgb_to_lab(before))[..., 100:150, :]
    spots = change[:, 0] < -2
    assert 0.002 < float(spots.float().mean()) < 0.4
    assert float(change[:, 2][spots].mean()) > 0, "browner, not greyer"
    assert torch.equal(after, made("freckles")[1])


def test_the_background_is_blurred_by_itself_alone():
    before, after, _ = made("blurred background", parser=Bands(cloth=(128, 256)))
    assert fine(after, 90, 120) < 0.3 * fine(before, 90, 120)
    assert torch.equal(after[..., 150:, :], before[..., 150:, :])


def test_light_changes_in_the_direction_of_the_words_and_grey_keeps_its_lightness():
    grey = torch.full((1, 3, 8, 8), 0.1)
    lab = {
        words: srgb_to_lab(retouched(words, grey, torch.ones(1, 1, 8, 8), 1.0)).mean((0, 2, 3)) for words in RETOUCHES
    }
    start = srgb_to_lab(grey).mean((0, 2, 3))
    assert lab["warm light"][2] > start[2] + 5 and lab["cool light"][2] < start[2] - 5
    assert abs(float(lab["warm light"][0] - start[0])) < 2
    assert lab["bright light"][0] > start[0] + 5 and lab["dim light"][0] < start[0] - 5


def request(*words: str, **settings: object) -> EditRequest:
    shares = [NetworkShare(n, Ingredient(one, 1.0, RETOUCH), None) for n, one in enumerate(words)]
    more = tuple(PromptStrength(one, 1.0) for one in words[1:])
    return EditRequest(EditSettings(words[0], 1.0, more=more, **settings), tuple(shares))


def test_an_edit_of_retouches_alone_needs_no_network(generator):  # noqa: F811
    face = source_of(generator, face_of(generator, seeded_z(18, 3)[None]), Bands())
    prepared = prepare(face, request("warm light"))
    result = blend(prepared)
    assert not torch.equal(result.image, face.made.image[0].clamp(-1, 1)) and not result.delta_w.any()
    assert all(not mask.any() for mask in result.masks[:-1]) and bool((result.masks[-1] == 1).all())
    assert result.modes == ("retouch",) and result.notes == (RETOUCHED.format("warm light"),)
    assert torch.equal(moving(prepared).image, result.image)
    assert varied(prepared, 2, generator).shifts == prepared.shifts


def test_a_painted_mask_limits_a_retouch(generator):  # noqa: F811
    face = source_of(generator, face_of(generator, seeded_z(18, 3)[None]), Bands())
    allowed = torch.zeros(1, 64, 64)
    allowed[:, 32:] = 1
    result = blend(prepare(face, request("dim light", paint=Paint(allowed))))
    half = generator.image_size // 2
    assert torch.equal(result.image[:, : half - 1], face.made.image[0].clamp(-1, 1)[:, : half - 1])
    assert not torch.equal(result.image[:, half:], face.made.image[0].clamp(-1, 1)[:, half:])


def test_a_retouch_follows_the_edits_beside_it(generator):  # noqa: F811
    face = source_of(generator, face_of(generator, seeded_z(18, 3)[None]), Bands())
    own = NetworkShare(
        0, Ingredient(LIPS, 1.0, "fitted"), PromptedNetwork(network(generator), ToySpace().text_code(LIPS))
    )
    light = NetworkShare(1, Ingredient("dim light", 1.0, RETOUCH), None)
    settings = EditSettings(LIPS, 1.0, more=(PromptStrength("dim light", 1.0),))
    both = blend(prepare(face, EditRequest(settings, (own, light))))
    alone = blend(prepare(face, EditRequest(EditSettings(LIPS, 1.0), (own,))))
    expected = retouched("dim light", alone.image[None], both.combined_mask[None] * 0 + 1, 1.0)[0]
    torch.testing.assert_close(both.image, expected, atol=1e-5, rtol=0)
    assert torch.equal(both.delta_w, alone.delta_w)


def test_what_a_picture_without_known_parts_lacks_is_said(generator):  # noqa: F811
    face = source_of(generator, face_of(generator, seeded_z(18, 3)[None]))
    result = blend(prepare(face, request("freckles")))
    assert "Hardly anything" in result.notes[0]
    assert torch.equal(result.image, face.made.image[0].clamp(-1, 1))
