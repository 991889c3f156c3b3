"""Universal mode's training: windows that equal the whole, a teacher that learns, targets that mean what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mcaclip.editing.network.coral import MaskConfig
from mcaclip.editing.network.feature_fusion import FeatureFusionConfig
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.editing.retouch import RETOUCHES
from mcaclip.generators.synthesis import synthesize
from mcaclip.language.concepts import concepts
from mcaclip.language.grammar import Meaning, understand
from mcaclip.language.word_tables import read_words
from tests.train.made_up_directions import measured
from train.clip.scenes.types import PARTS
from train.common.faces import CodeSampler
from train.directions.hair import HAIR_EDITS
from train.prompt.exemplar import FACIAL_HAIR
from train.universal.attribute_edits import ATTRIBUTE_EDITS, AttributeShift
from train.universal.colour_teacher import (
    SKIN_TAKES,
    ColourTeacher,
    TeacherSettings,
    TeacherTraining,
    draw_targets,
    hairiness,
)
from train.universal.face_windows import (
    CELLS,
    FIRST_ROW,
    PREVIEW_SIZE,
    SMALLEST_WINDOW,
    PartWindow,
    choose_window,
    crop,
    cut_square,
    layer_masks,
    part_window,
    see,
    show,
)
from train.universal.targets import EditTargets, KnownColours, TaughtColours
from train.universal.universal import UNIVERSAL_CONFIG, UniversalSettings, UniversalTraining, mask_loss, shift_loss

PLAIN = CodeSampler(psi=(0.7, 0.7), mix=0, jitter=0)
SMALL = replace(
    UNIVERSAL_CONFIG,
    fusion=FeatureFusionConfig("tokens", heads=2, attention_dim=16, feedforward_dim=16, layer_norm=True),
    masks=MaskConfig(hidden=8, text_dim=512, cascade=True),
    mapper_layers=1,
)


@pytest.fixture(scope="module")
def face(preview, parser):
    return see(preview, parser, PLAIN.draw(preview, 1, np.random.default_rng(3)))


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    return ColourTeacher(torch.randn(18, 512) / 20)


@pytest.fixture(scope="module")
def made(teacher):
    return EditTargets(TaughtColours(teacher), measured())


def test_a_seen_face_shows_the_parts_that_every_face_has(face):
    assert {"hair", "lips", "brows", "eyes", "skin", "goatee", "background"} <= set(face.shown) <= set(PARTS)
    assert face.labs["lips"][1] > face.labs["background"][1]  # lips are redder than a wall


def test_an_open_window_is_the_plain_shifted_picture(preview, face):
    """With open masks a window's inside is the window of the whole edit, from the preview and at full size."""
    delta = torch.zeros(1, 18, 512)
    delta[:, FIRST_ROW:12] = 0.3 * torch.randn(1, 8, 512, generator=torch.Generator().manual_seed(1))
    everywhere = torch.ones(1, 1, PREVIEW_SIZE, PREVIEW_SIZE)
    place = PartWindow((slice(4, 10), slice(5, 12)), layer_masks(preview, everywhere), (44, 56))
    seen = show(preview, face, delta, place)
    whole = crop(synthesize(preview, face.code + delta).image, place.window)
    inner = (..., slice(40, -40), slice(40, -40))
    assert (seen.window[inner] - whole[inner]).abs().mean() < 1e-3
    large = synthesize(preview.full, face.code + delta).image
    real = cut_square(large, place)
    inner = (..., slice(48, -48), slice(48, -48))
    assert (seen.large[inner] - real[inner]).abs().mean() < 5e-3


def test_a_closed_mask_leaves_the_face(preview, face):
    place = PartWindow((slice(4, 10), slice(5, 12)), layer_masks(preview, torch.zeros(1, 1, 256, 256)), (44, 56))
    seen = show(preview, face, torch.randn(1, 18, 512), place)
    assert torch.equal(seen.window, crop(face.made.image, place.window))


@pytest.mark.parametrize("box", [(0, 3, 0, 3), (250, 256, 100, 110), (0, 256, 0, 256), (120, 121, 7, 9), None])
def test_windows_hold_the_square_wherever_the_part_is(preview, box):
    mask = torch.zeros(1, 1, 256, 256)
    if box:
        mask[..., box[0] : box[1], box[2] : box[3]] = 1
    rng = np.random.default_rng(0)
    window = choose_window(mask, rng)
    assert all(0 <= s.start <= s.stop - SMALLEST_WINDOW and s.stop <= CELLS for s in window)
    place = part_window(preview, mask, rng)
    for corner, side in zip(place.corner, place.window, strict=True):
        assert side.start * 8 <= corner <= side.stop * 8 - 20


def test_targets_of_a_face_name_parts_that_show_and_one_beard(face):
    for seed in range(6):
        parts, colours = draw_targets(face, 8, np.random.default_rng(seed))
        assert set(parts) <= set(face.shown) and len(set(parts)) == len(parts) == len(colours)
        assert len(FACIAL_HAIR & set(parts)) <= 1


def test_a_few_steps_bring_the_teacher_closer_to_the_colour(preview, face, teacher):
    settings = TeacherSettings(prompts=1)
    training = TeacherTraining(preview, None, settings)
    optimizer = torch.optim.Adam(teacher.parameters(), 2e-3)
    distances = []
    for _ in range(12):
        terms = training._target(teacher, face, "lips", torch.tensor([50.0, -50.0, 40.0]), np.random.default_rng(0))
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        distances.append(float(terms["distance"].detach()))
    assert distances[-1] < 0.8 * distances[0]


def test_the_teacher_leaves_the_rows_of_shape_alone(face, teacher):
    delta = teacher(face.code, ["goatee"], torch.tensor([[50.0, 0, 0]]), face.labs["goatee"][None])
    assert not delta[:, :FIRST_ROW].any() and not delta[:, 16:].any() and delta[:, FIRST_ROW].any()


def test_colour_targets_say_the_part_that_their_mask_shows(face, made):
    targets = made.colours(face, 5, 30, np.random.default_rng(1))
    read = [(understand(target.text), target) for target in targets]
    told = [(meaning, target) for meaning, target in read if meaning]
    assert len(told) > 25 and all(isinstance(meaning, Meaning) for meaning, _ in told)
    assert np.mean([meaning.part == target.part for meaning, target in told]) > 0.9
    assert sum(target.mask is not None for target in targets) == 5
    for target in targets:
        assert (target.delta is None) == (target.part not in face.shown)
        if target.mask is not None:
            assert torch.equal(target.mask, face.regions[target.part])


def test_attribute_targets_have_a_region_of_the_face(face, made):
    for number, edit in enumerate(ATTRIBUTE_EDITS):
        target = made.attribute(face, number, np.random.default_rng(number))
        sizes, (first, end) = target.delta.norm(dim=-1), edit.rows
        assert (sizes[first:end] > 0).all() or edit.least == 0
        assert sizes[:first].sum() == 0 == sizes[end:].sum()
        assert 0.001 < float(target.mask.mean()) < 0.97


def test_every_wish_that_is_no_colour_is_taught():
    """What the table asks for is what the network learned, a direction of hair, a retouch, or made of colours."""
    taught = {edit.asks for edit in ATTRIBUTE_EDITS} | {edit.spec.words for edit in HAIR_EDITS}
    sides = [side for concept in concepts().values() if not concept.part for _, side in concept.sides if side.asks]
    left = {side.asks for side in sides} - taught - set(RETOUCHES)
    coloured = {"blush", "makeup", "black eyeshadow", "white background", "portrait retouch"}
    assert left == {*coloured, *read_words("characters")["usual"]} - {"elf"}


def test_a_shift_reaches_its_level_and_holds_the_others(face):
    regression = measured()
    for edit in ATTRIBUTE_EDITS:
        whole = replace(edit, rows=(0, 18), least=-9.0, most=9.0)
        after = face.code + AttributeShift(whole, regression)(face.code)
        glasses = "glasses" in edit.rises or {"glasses": 1.0}
        assert float(regression.level(after, edit.rises)) == pytest.approx(edit.reaches, abs=0.3), edit.asks
        if glasses is not True:
            assert float(regression.level(after, glasses)) <= float(regression.level(face.code, glasses)) + 0.1
        before = regression.level(face.code, {"roll": 1.0})
        assert float(regression.level(after, {"roll": 1.0}) - before) == pytest.approx(0, abs=0.4), edit.asks


def test_a_face_that_has_it_is_changed_least(face):
    regression = measured()
    edit = next(edit for edit in ATTRIBUTE_EDITS if edit.asks == "smiling")
    shift = AttributeShift(edit, regression)
    smiling = face.code + 3 * shift.direction
    assert shift(smiling).norm() < 0.5 * shift(face.code - 3 * shift.direction).norm()


def test_eyeshadow_has_the_shift_of_coloured_skin_above_the_eyes(face, made):
    targets = made.eyeshadows(face, 3, 1, np.random.default_rng(0))
    assert all(target.text.endswith("eyeshadow") for target in targets)
    assert [target.mask is not None for target in targets] == [True, False, False]
    mask, eyes = targets[0].mask[0, 0], face.regions["eyes"][0, 0]
    assert mask.sum() > 50 and not (mask * (eyes > 0.9)).any()
    rows = torch.arange(256)[:, None]
    assert (mask * rows).sum() / mask.sum() < (eyes * rows).sum() / eyes.sum()


def test_a_network_that_knows_colours_teaches_them(face, preview, space):
    network = MCANetwork(preview.full.layers, SMALL)
    targets = EditTargets(KnownColours(network, space), measured()).colours(face, 2, 3, np.random.default_rng(0))
    for target in targets:
        if target.delta is not None:
            with torch.no_grad():
                known = network(face.code, space.text_codes([target.text]))[1][0]
            torch.testing.assert_close(target.delta, known, atol=1e-4, rtol=1e-3)


def test_losses_are_least_at_the_truth():
    wanted = torch.randn(3, 18, 512)
    assert shift_loss(wanted, wanted) == 0
    assert shift_loss(0.5 * wanted, wanted) < shift_loss(0 * wanted, wanted) <= 1
    region = (torch.rand(2, 1, 16, 16) > 0.8).float()
    right, shut = (region - 0.5) * 20, torch.full_like(region, -10.0)
    assert mask_loss([right], [region]) < 0.01 < mask_loss([shut], [region])


def test_steps_lower_the_loss(preview, parser, space, made):
    settings = UniversalSettings(
        network=SMALL, faces=1, masked=2, unmasked=4, attributes=1, masked_attributes=1, eyeshadows=1, sampler=PLAIN
    )
    training = UniversalTraining(preview, parser, space, made, settings)
    network = MCANetwork(preview.full.layers, SMALL)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    values = []
    for _ in range(10):
        terms = training.loss(network, np.random.default_rng(0))
        assert set(terms) == {"attributes", "colours", "masks", "loss"}
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
        values.append((float(terms["colours"].detach()), float(terms["masks"].detach())))
    assert values[-1][0] < 0.8 * values[0][0] and values[-1][1] < 0.8 * values[0][1]


def test_codes_of_several_prompts_are_those_of_each(space):
    prompts = ["red lips", "someone with a very long green beard", "a"]
    together = space.text_codes(prompts)
    for row, prompt in enumerate(prompts):
        alone = space.text_code(prompt)
        length = int(alone.token_mask.sum())
        torch.testing.assert_close(together.embedding[row], alone.embedding[0])
        torch.testing.assert_close(together.tokens[row, :length], alone.tokens[0, :length], atol=1e-5, rtol=1e-4)
        assert together.token_mask[row].sum() == length


def test_hairs_take_the_dye_and_skin_between_them_a_third():
    skin = torch.full((1, 3, 8, 8), 0.3)
    grown = skin.clone()
    grown[..., 4:, :] = -0.6  # hair
    grown[..., :2, :] = 0.9  # a highlight is no hair
    share = hairiness(grown, skin)[0, 0]
    assert (share[4:] == 1).all() and torch.allclose(share[:4], torch.full((4, 8), SKIN_TAKES), atol=1e-4)
