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
from mcaclip.editing.retouch import RETOUCHES, retouch_mask, retouched, shape
from mcaclip.evaluation.attributes import ATTRIBUTES, find_attribute
from mcaclip.generators.base import seeded_z
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.language.concepts import concepts
from mcaclip.perception.face_parser import LABELS
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
    assert find_attribute(words) in ATTRIBUTES


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


def face(**parts: tuple[int, int, int, int]) -> tuple[torch.Tensor, PhotoParts]:
    """A grey picture `[1, 3, 256, 256]` and its parts: each a box (top, bottom, left, right), later ones on top."""
    classes = torch.zeros(1, len(LABELS), SIDE, SIDE)
    classes[:, 0] = 1
    for name, (top, bottom, left, right) in parts.items():
        classes[..., top:bottom, left:right] = 0
        classes[:, LABELS.index(name), top:bottom, left:right] = 1
    picture = torch.full((1, 3, SIDE, SIDE), 0.2)
    return picture, PhotoParts(Bands(), picture[0][None], classes)


def lab_change(words: str, picture: torch.Tensor, parts: PhotoParts, amount: float = 1.0) -> torch.Tensor:
    """What a retouch changes in Lab, `[3, 256, 256]`."""
    made_ = retouched(words, picture, retouch_mask(words, parts, picture), amount)
    return (srgb_to_lab(made_) - srgb_to_lab(picture))[0]


NOSE = {"skin": (40, 230, 40, 216), "nose": (90, 160, 105, 151)}


@pytest.mark.parametrize(("words", "wider"), [("a big nose", 1), ("a small nose", -1)])
def test_a_nose_changes_its_width_and_nothing_folds(words, wider):
    picture, parts = face(**NOSE)
    picture[..., 90:160, 105:151] = -0.4
    mask = retouch_mask(words, parts, picture)
    dark = [float((retouched(words, picture, mask, amount)[0, 0, 145] < -0.1).sum()) for amount in (1e-4, 1.0, 2.0)]
    assert 2 < wider * (dark[1] - dark[0]) < wider * (dark[2] - dark[0]) < 20
    growth = shape.BIG_NOSE if wider > 0 else shape.SMALL_NOSE
    for size in (mask, torch.nn.functional.interpolate(mask, scale_factor=4, mode="bilinear")):
        grid = shape.nose_grid(size, 2.0, growth)[0]
        across, down = grid.diff(dim=1)[:-1], grid.diff(dim=0)[:, :-1]
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        assert float(area.min()) > 0


def test_a_nose_leaves_glasses_and_its_bridge_as_they_are():
    picture, parts = face(**NOSE | {"eye_g": (85, 110, 50, 206)})
    picture[..., 85:110, ::4] = -0.8
    mask = retouch_mask("a big nose", parts, picture)
    assert not mask[..., 85:108, :].any() and mask[..., 150, 128] > 0.9
    assert not retouch_mask("a big nose", face(skin=(0, 256, 0, 256))[1], picture).any()


def test_a_shadow_below_the_eyes_becomes_as_light_as_the_cheek_and_no_lighter():
    picture, parts = face(skin=(40, 230, 40, 216), l_eye=(100, 112, 70, 105), r_eye=(100, 112, 151, 186))
    even = lab_change("no dark circles", picture, parts)
    assert float(even.abs().max()) < 0.5, "where there is no shadow, nothing is to do"
    picture[..., 112:124, 60:200] -= 0.2
    picture[..., 1, 112:124, 60:200] -= 0.05
    change = lab_change("no dark circles", picture, parts, 2.0)
    shadow = 100 * 0.12
    assert 3 < float(change[0, 115:120, 80:95].mean()) < shadow
    assert float(change[1, 115:120, 80:95].mean()) < 0, "less purple"
    assert not change[:, :, 124:132].any() and not change[:, 170:].any()


def test_matte_skin_loses_its_shine_and_no_shading():
    picture, parts = face(skin=(40, 230, 40, 216))
    picture += torch.linspace(-0.1, 0.1, SIDE)  # lit from the right
    shaded = lab_change("matte skin", picture, parts)[0]
    picture[..., 70:90, 100:150] = 0.85
    change = lab_change("matte skin", picture, parts)[0]
    assert float(change[74:86, 110:140].mean()) < -6
    assert float(shaded.abs().max()) < 4 and float(change[150:200].abs().max()) < 4


def test_an_even_skin_tone_pales_red_patches_and_keeps_pores_and_lips():
    picture, parts = face(skin=(40, 230, 40, 216), u_lip=(180, 200, 100, 156))
    picture = (picture + 0.03 * torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))).clamp(
        -1, 1
    )
    picture[:, 0, 90:120, 70:100] += 0.12
    picture[:, 0, 180:200, 100:156] += 0.5
    mask = retouch_mask("even skin tone", parts, picture)
    after = retouched("even skin tone", picture, mask, 1.0)
    redness = [srgb_to_lab(image)[0, 1, 95:115, 75:95].mean() for image in (picture, after)]
    assert redness[1] < 0.7 * redness[0]
    assert 0.85 < fine(after[..., 75:95], 95, 115) / fine(picture[..., 75:95], 95, 115) < 1.1
    torch.testing.assert_close(after[..., 182:198, 104:152], picture[..., 182:198, 104:152], atol=0.01, rtol=0)


def test_bright_eyes_have_lighter_and_less_red_whites_and_their_pupils_stay_dark():
    picture, parts = face(skin=(40, 230, 40, 216), l_eye=(96, 116, 60, 110))
    picture[..., 96:116, 60:110] = torch.tensor([0.5, 0.35, 0.35]).view(3, 1, 1)
    picture[..., 98:114, 78:92] = -0.8
    change = lab_change("bright eyes", picture, parts)
    assert float(change[0, 104:108, 66:72].mean()) > 4 and float(change[1, 104:108, 66:72].mean()) < -1
    assert float(change[0, 104:108, 82:88].mean()) < 1
    assert not change[:, 120:].any()


def test_the_background_alone_becomes_darker_or_lighter():
    picture, parts = face(skin=(40, 256, 40, 216))
    for words, sign in (("dark background", -1), ("bright background", 1)):
        change = sign * lab_change(words, picture, parts)[0]
        assert float(change[:25].min()) > 8 and not change[80:, 80:170].any()


def lit() -> torch.Tensor:
    """A picture `[1, 3, 256, 256]` of a bright and a shaded half, each with a texture."""
    grain = 0.03 * torch.randn(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    halves = torch.cat([torch.full((SIDE, 128), -0.4), torch.full((SIDE, 128), 0.5)], 1)
    return (halves + grain).clamp(-1, 1).expand(1, 3, SIDE, SIDE).contiguous()


def everywhere(words: str, picture: torch.Tensor, amount: float = 1.0) -> torch.Tensor:
    return retouched(words, picture, torch.ones(1, 1, SIDE, SIDE), amount)


def test_contrast_parts_light_and_shadow_and_a_soft_light_brings_them_together():
    picture = lit()
    gap = {
        words: float(image[..., 150:].mean() - image[..., :106].mean())
        for words, image in (
            ("", picture),
            ("more", everywhere("more contrast", picture)),
            ("soft", everywhere("soft light", picture)),
        )
    }
    assert gap["soft"] < gap[""] - 0.05 and gap["more"] > gap[""] + 0.05
    for flat in (-1.0, 1.0):
        ends = torch.full((1, 3, SIDE, SIDE), flat)
        assert float((everywhere("more contrast", ends) - ends).abs().max()) < 0.02


def test_a_sharp_photo_has_more_detail_and_no_rims_and_a_soft_focus_has_less():
    picture = lit()
    sharp, soft = everywhere("sharp photo", picture, 2.0), everywhere("soft focus", picture)
    assert fine(sharp, 0, SIDE) > 1.2 * fine(picture, 0, SIDE) > 1.3 * fine(soft, 0, SIDE)
    assert float(sharp.max() - picture.max()) < 0.04 and float(picture.min() - sharp.min()) < 0.04
    colour = sharp - sharp.mean(1, keepdim=True)
    assert float(colour.abs().max()) < 1e-5


def test_colours_become_richer_or_paler_or_go_and_skin_does_not_turn_orange():
    places = torch.tensor([[-0.2, 0.1, 0.3], [0.45, 0.1, -0.1]])  # a blue, and a colour of skin
    picture = places.t()[None, :, :, None].expand(1, 3, 2, SIDE).repeat_interleave(SIDE // 2, 2)

    def chroma(words: str) -> torch.Tensor:
        return srgb_to_lab(everywhere(words, picture))[0, 1:].norm(dim=0).unflatten(0, (2, -1)).mean((1, 2))

    plain, vivid = srgb_to_lab(picture)[0, 1:].norm(dim=0)[:: SIDE // 2, 0], chroma("vivid colours")
    gain = vivid / plain - 1
    assert gain[0] > 0.15 and 0 < gain[1] < 0.6 * gain[0]
    assert bool((chroma("muted colours") < 0.7 * plain).all())
    assert float(chroma("black and white photo").max()) < 0.5
    sepia = srgb_to_lab(everywhere("sepia photo", picture))[0]
    assert float(sepia[2].min()) > 8 and float(sepia[1].std()) < 1.5


def test_black_and_white_comes_after_all_colours():
    order = list(RETOUCHES)
    assert order[:2] == ["a big nose", "a small nose"]
    assert order[-2:] == ["black and white photo", "sepia photo"]


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


def test_a_painting_has_patches_of_one_colour_and_sharp_edges():
    before, after, _ = made("oil painting")
    steps = [picture[..., 105:145, :].diff(dim=-1).abs() for picture in (before, after)]
    few = [float((step < step.mean() / 4).float().mean()) for step in steps]
    assert few[1] > few[0] + 0.01
    flat = torch.full((1, 3, 64, 64), 0.3)
    flat[..., 32:] = -0.4
    edge = retouched("oil painting", flat, torch.ones(1, 1, 64, 64), 1.0)
    assert (edge.diff(dim=-1).abs() > 0.2).sum() == (flat.diff(dim=-1).abs() > 0.2).sum(), (
        "an edge stays one pixel wide"
    )


def test_a_drawing_is_grey_lines_on_light_paper():
    side = torch.full((1, 3, 256, 256), 0.5)
    side[:, 0], side[..., 100:104] = 0.8, -0.9
    after = retouched("pencil drawing", side, torch.ones(1, 1, 256, 256), 1.0)
    assert (after - after.mean(1, keepdim=True)).abs().max() < 1e-5
    assert after[..., 100:104].mean() < -0.5 and after[..., :60].mean() > 0.6
