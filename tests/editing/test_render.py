"""The one way to make an edit, on a toy generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mcaclip.editing.face_source import source_of
from mcaclip.editing.finish import blend, moving
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.render import CLOSED, draw, edit_batch, prepare
from mcaclip.editing.request import EditRequest
from mcaclip.generators.base import seeded_z
from mcaclip.generators.synthesis import synthesize
from mcaclip.types import EditSettings, ProgressCallback, PromptStrength, TextCode
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.faces import face_of
from tests.helpers.toy_space import ToySpace

LIPS, HAIR = "green lipstick", "purple hair"
BOTH = EditSettings(LIPS, 0.5, more=(PromptStrength(HAIR, 1.2),))


@pytest.fixture(scope="module")
def generator() -> ToyGenerator:
    return ToyGenerator()


@pytest.fixture
def code() -> torch.Tensor:
    return seeded_z(18, 3)[None]


def network(generator: ToyGenerator, **config: object) -> MCANetwork:
    torch.manual_seed(0)
    return MCANetwork(generator.layers, replace(TINY, **config))


def request(settings: EditSettings, made_by: MCANetwork, own_masks: bool = True) -> EditRequest:
    return EditRequest.of_networks(
        settings, lambda words: PromptedNetwork(made_by, ToySpace().text_code(words), own_masks)
    )


def prepared_edit(generator, code: torch.Tensor, wanted: EditRequest, callback: ProgressCallback | None = None):
    """An edit of a generated face, `code [1, 18, 512]`."""
    return prepare(source_of(generator, face_of(generator, code), callback=callback), wanted)


def test_training_makes_the_edit_that_people_get_and_learns_from_it(generator, code):
    made_by = network(generator)
    codes = torch.cat([code, seeded_z(18, 4)[None]])
    text = TextCode.stack([ToySpace().text_code(words) for words in (LIPS, HAIR)])
    batch = edit_batch(generator, PromptedNetwork(made_by, text), codes)
    for number, words in enumerate((LIPS, HAIR)):
        alone = draw(
            prepare(source_of(generator, face_of(generator, codes[number])), request(EditSettings(words), made_by))
        )
        torch.testing.assert_close(batch.image[number : number + 1], alone.image)
        torch.testing.assert_close(batch.masks[-1][number : number + 1], alone.masks[-1])
    batch.image.square().sum().backward()
    assert all(parameter.grad is not None for parameter in made_by.mapper.parameters())
    assert batch.source.image.grad_fn is None


def test_training_leaves_out_what_nobody_can_see(generator, code):
    made_by = network(generator)
    nn.init.normal_(made_by.coral.final.out.weight, std=20.0)
    picture = edit_batch(generator, PromptedNetwork(made_by, ToySpace().text_code(LIPS)), code)
    closed = (picture.masks[-1] < CLOSED).expand_as(picture.image)
    assert closed.any() and not closed.all()
    assert torch.equal(picture.image[closed], picture.source.image[closed])


def test_a_mask_that_is_closed_everywhere_can_learn_to_open(generator, code):
    made_by = network(generator)
    nn.init.zeros_(made_by.coral.final.out.weight)
    nn.init.constant_(made_by.coral.final.out.bias, -9.0)
    picture = edit_batch(generator, PromptedNetwork(made_by, ToySpace().text_code(LIPS)), code)
    assert bool((picture.masks[-1] < CLOSED).all())
    picture.image.square().sum().backward()
    assert made_by.coral.final.out.bias.grad.abs().sum() > 0


def test_what_a_person_is_told_goes_with_the_picture(generator, code):
    prepared = prepared_edit(generator, code, request(BOTH, network(generator)))
    result, picture = blend(prepared), draw(prepared)
    assert torch.equal(result.image, picture.image[0].clamp(-1, 1))
    assert all(torch.equal(one, other[0]) for one, other in zip(result.masks, picture.masks, strict=True))
    shown = moving(prepared)
    assert torch.equal(shown.image, result.image) and torch.equal(shown.combined_mask, result.combined_mask)
    weighted = 0.5 * result.shifts[0] + 1.2 * result.shifts[1]
    torch.testing.assert_close(weighted, sum(shift.delta_w[0] for shift in picture.shifts))


def test_networks_without_masks_shift_the_code_and_nothing_else(generator, code):
    picture = draw(prepared_edit(generator, code, request(BOTH, network(generator, masks=None))))
    moved = sum(shift.delta_w for shift in picture.shifts)
    assert picture.masks == [] and moved.abs().sum() > 0
    torch.testing.assert_close(picture.image, synthesize(generator, code + moved).image)


@pytest.mark.parametrize("foreign", [True, False])
def test_masks_of_another_generator_and_those_that_are_not_wanted_are_open(generator, code, foreign):
    settings = EditSettings(LIPS, without_masks=not foreign)
    wanted = request(settings, network(generator), own_masks=not foreign)
    prepared = prepared_edit(generator, code, wanted)
    assert all(bool((mask == 1).all()) for mask in draw(prepared).masks)
    assert any("another generator" in note for note in prepared.notes) == foreign


def test_strengths_are_applied_after_the_masks_are_known(generator, code):
    face, halves = face_of(generator, code), replace(BOTH, strength=0.25, more=(PromptStrength(HAIR, 0.6),))
    prepared = prepare(source_of(generator, face), request(BOTH, network(generator)))
    again = prepare(source_of(generator, face), request(halves, network(generator)))
    assert torch.equal(draw(prepared.times(0.5)).image, draw(again).image)


def test_a_raising_callback_cancels_either_pass(generator, code):
    def stop_after(fraction: float):
        def callback(step) -> None:
            if step.fraction >= fraction:
                raise KeyboardInterrupt

        return callback

    with pytest.raises(KeyboardInterrupt):
        prepared_edit(generator, code, request(BOTH, network(generator)), stop_after(0.2))
    prepared = prepared_edit(generator, code, request(BOTH, network(generator)), stop_after(0.5))
    with pytest.raises(KeyboardInterrupt):
        draw(prepared, stop_after(0.5))
