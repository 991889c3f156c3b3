"""A network on another generator than its own: the twin renders the face that the masks see."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mcaclip.editing.network.mca import MCAConfig, MCANetwork
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.render import edit_batch
from mcaclip.generators.base import LayerSpec, seeded_z
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.ops import resize_mask
from tests.editing.network.test_mca import TINY
from tests.generators.toy import ToyGenerator
from tests.helpers.toy_space import ToySpace

WORDS = ToySpace().text_code("green lipstick")
CONFIG: MCAConfig = replace(TINY, first_row=0, last_row=17, masks=replace(TINY.masks, text_dim=512), delta_scale=3.0)
CODES = torch.stack([seeded_z(18, 1), seeded_z(18, 2)])


class LargerToy(ToyGenerator):
    """The toy's layers and two more at 16 px, which draw nothing."""

    layers = (*ToyGenerator.layers, LayerSpec(16, 6, (6,)), LayerSpec(16, 6, (7,)))

    def layer(self, index, x, w_plus, window=None):
        if index < 4:
            return super().layer(index, x, w_plus, window)
        return torch.nn.functional.interpolate(x, scale_factor=2) if x.shape[-1] == 8 else x


@pytest.fixture(scope="module")
def twin() -> ToyGenerator:
    torch.manual_seed(0)
    return ToyGenerator()


@pytest.fixture(scope="module")
def network(twin) -> MCANetwork:
    torch.manual_seed(1)
    return MCANetwork(twin.layers, CONFIG).requires_grad_(False)


def shift_of(prompted, generator, **given):
    source = synthesize(generator, CODES, range(len(generator.layers)))
    return prompted.shift(generator, CODES, source, **given)


def test_a_twin_of_itself_changes_nothing_but_the_rows_it_does_not_use(twin, network):
    own, twinned = (shift_of(PromptedNetwork(network, WORDS.expand(2), twin=made), twin) for made in (None, twin))
    assert all(map(torch.equal, own.masks, twinned.masks))
    assert torch.equal(own.delta_w[:, :6], twinned.delta_w[:, :6])
    assert own.delta_w[:, 6:].any() and not twinned.delta_w[:, 6:].any()


def test_the_masks_are_those_of_the_twins_picture_at_every_layer_of_the_other(twin, network):
    torch.manual_seed(2)
    other = LargerToy()
    shift = shift_of(PromptedNetwork(network, WORDS.expand(2), twin=twin), other)
    seen = shift_of(PromptedNetwork(network, WORDS.expand(2)), twin).masks
    assert [mask.shape[-1] for mask in shift.masks] == [4, 4, 8, 8, 16, 16, 8]
    assert all(map(torch.equal, shift.masks[:4], seen[:4])) and torch.equal(shift.masks[-1], seen[-1])
    assert all(torch.equal(mask, resize_mask(seen[-1], 16)) for mask in shift.masks[4:6])
    foreign = shift_of(PromptedNetwork(network, WORDS.expand(2)), other_of_four_layers(other)).masks
    assert not torch.equal(foreign[0], seen[0]), "the other generator's own features would say something else"


def other_of_four_layers(other: LargerToy) -> ToyGenerator:
    """The part of the larger toy for which the network has mask nets."""
    small = ToyGenerator()
    small.load_state_dict(other.state_dict(), strict=False)
    return small


def test_a_generator_with_fewer_layers_takes_the_twins_lower_masks(twin, network):
    class Cut(ToyGenerator):
        layers = ToyGenerator.layers[:2]

    shift = shift_of(PromptedNetwork(network, WORDS.expand(2), twin=twin), Cut())
    seen = shift_of(PromptedNetwork(network, WORDS.expand(2)), twin).masks
    assert len(shift.masks) == 3 and all(map(torch.equal, shift.masks[:2], seen))
    assert torch.equal(shift.masks[2], seen[1])


def test_the_twin_draws_a_face_once_however_many_words_are_tried(twin, network, monkeypatch):
    other, looks, calls = ToyGenerator(), {}, []
    real = ToyGenerator.layer
    monkeypatch.setattr(twin, "layer", lambda *given: calls.append(1) or real(twin, *given), raising=False)
    for words in ("green lipstick", "blue hair"):
        prompted = PromptedNetwork(network, ToySpace().text_code(words).expand(2), twin=twin)
        shift_of(prompted, other, looks=looks)
    assert len(calls) == len(twin.layers)
    shift_of(prompted, other, opened=True)
    assert len(calls) == len(twin.layers), "open masks look at nothing"


def test_closed_masks_leave_the_other_generators_picture_bit_for_bit(twin, network):
    other, closed = ToyGenerator(), MCANetwork(twin.layers, CONFIG).requires_grad_(False)
    closed.load_state_dict(network.state_dict())
    for net in (*closed.coral.nets, closed.coral.final):
        net.out.bias.fill_(-1e4)
        net.out.weight.zero_()
    made = edit_batch(other, PromptedNetwork(closed, WORDS.expand(2), twin=twin), CODES)
    assert torch.equal(made.image, synthesize(other, CODES).image)
    assert not torch.equal(
        edit_batch(other, PromptedNetwork(network, WORDS.expand(2), twin=twin), CODES).image, made.image
    )
