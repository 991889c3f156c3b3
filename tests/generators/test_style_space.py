"""StyleSpace in every generator: what is read is what synthesis uses, and a shift does nothing else than shift."""

from __future__ import annotations

import pytest
import torch

from mcaclip.generators.mobilestylegan import BLOCK_CHANNELS, MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator, PreviewHead
from mcaclip.generators.style_space import read_styles, style_ranges, style_size, with_style_shift
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config, StyleGAN2Preview
from mcaclip.generators.synthesis import checkpoints, finish_from, synthesize
from tests.generators.toy import ToyGenerator


def _stylegan2() -> StyleGAN2:
    return StyleGAN2(StyleGAN2Config(32, max_channels=8, fine_channels=256)).requires_grad_(False)


def _mobile_preview() -> PreviewGenerator:
    full = MobileStyleGAN()
    for parameter in full.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return PreviewGenerator(full, PreviewHead()).requires_grad_(False)


GENERATORS = {
    "toy": ToyGenerator,
    "stylegan2": _stylegan2,
    "stylegan2 preview": lambda: StyleGAN2Preview(_stylegan2(), 16),
}


@pytest.fixture(scope="module", params=GENERATORS)
def generator(request):
    torch.manual_seed(0)
    return GENERATORS[request.param]()


@pytest.fixture
def w_plus() -> torch.Tensor:
    return torch.randn(2, 18, 512)


def _used_styles(generator, w_plus) -> dict[str, torch.Tensor]:
    """What each affine layer gave in a synthesis."""
    used: dict[str, torch.Tensor] = {}
    hooks = [
        generator.get_submodule(slot.path).register_forward_hook(
            lambda _module, _inputs, style, path=slot.path: used.__setitem__(path, style)
        )
        for slot in generator.style_slots
    ]
    synthesize(generator, w_plus)
    for hook in hooks:
        hook.remove()
    return used


def test_what_is_read_is_what_synthesis_uses(generator, w_plus):
    used, styles = _used_styles(generator, w_plus), read_styles(generator, w_plus)
    assert styles.shape == (2, style_size(generator))
    for slot, place in style_ranges(generator):
        assert torch.equal(styles[:, place], used[slot.path]), slot


def test_no_shift_gives_the_picture_bit_for_bit(generator, w_plus):
    shift = torch.zeros(1, style_size(generator))
    assert torch.equal(
        synthesize(with_style_shift(generator, shift), w_plus).image, synthesize(generator, w_plus).image
    )


def test_the_shift_to_another_code_gives_its_picture(generator, w_plus):
    other = w_plus.clone()
    other[:, : max(slot.row for slot in generator.style_slots) + 1] = torch.randn(512)
    shifted = with_style_shift(generator, read_styles(generator, other) - read_styles(generator, w_plus))
    wanted = synthesize(generator, other).image
    torch.testing.assert_close(synthesize(shifted, w_plus).image, wanted, atol=1e-3, rtol=1e-3)


def test_the_generator_itself_is_left_alone(generator, w_plus):
    before = synthesize(generator, w_plus).image
    shifted = with_style_shift(generator, torch.ones(2, style_size(generator)))
    assert not torch.allclose(synthesize(shifted, w_plus).image, before)
    assert torch.equal(synthesize(generator, w_plus).image, before)
    assert {p.data_ptr() for p in shifted.parameters()} == {p.data_ptr() for p in generator.parameters()}


def test_each_slot_changes_the_picture_and_nothing_below_its_layer(generator, w_plus):
    layers = range(len(generator.layers))
    plain = synthesize(generator, w_plus, keep=layers)
    for slot, place in style_ranges(generator):
        shift = torch.zeros(1, style_size(generator))
        shift[:, place] = 1
        made = synthesize(with_style_shift(generator, shift), w_plus, keep=layers)
        assert not torch.equal(made.image, plain.image), slot
        assert all(torch.equal(made.features[i], plain.features[i]) for i in range(slot.layer)), slot


def test_a_short_shift_moves_the_first_channels_only(generator, w_plus):
    short = torch.randn(1, generator.style_slots[0].channels + 1)
    whole = torch.nn.functional.pad(short, (0, style_size(generator) - short.shape[1]))
    pictures = [synthesize(with_style_shift(generator, shift), w_plus).image for shift in (short, whole)]
    assert torch.equal(*pictures)


def test_a_shift_has_a_gradient(generator, w_plus):
    shift = torch.zeros(2, style_size(generator), requires_grad=True)
    synthesize(with_style_shift(generator, shift), w_plus).image.square().sum().backward()
    assert (shift.grad != 0).float().mean() > 0.5


def test_resuming_at_any_layer_gives_the_same_picture(generator, w_plus):
    picture = synthesize(generator, w_plus[:1]).image
    for state in checkpoints(generator, w_plus[:1]):
        assert torch.equal(finish_from(generator, w_plus[:1], state), picture)
        two = finish_from(generator, w_plus[:1].expand(2, -1, -1), state.expand(2))
        torch.testing.assert_close(two, picture.expand(2, -1, -1, -1), atol=1e-4, rtol=1e-4)


def test_too_many_channels_are_refused(generator):
    with pytest.raises(ValueError, match="shift must be"):
        with_style_shift(generator, torch.zeros(1, style_size(generator) + 1))


@torch.no_grad()
def test_mobilestylegan_behind_its_preview_keeps_the_same_rules(w_plus):
    preview, code = _mobile_preview(), w_plus[:1]
    used, styles = _used_styles(preview, code), read_styles(preview, code)
    assert all(torch.equal(styles[:, place], used[slot.path]) for slot, place in style_ranges(preview))
    plain = synthesize(preview, code).image
    assert torch.equal(synthesize(with_style_shift(preview, torch.zeros_like(styles)), code).image, plain)
    other = code.clone()
    other[:, :12] = w_plus[1:, :12]
    shifted = with_style_shift(preview, read_styles(preview, other) - styles)
    torch.testing.assert_close(
        synthesize(shifted, code).image, synthesize(preview, other).image, atol=1e-3, rtol=1e-3
    )
    assert torch.equal(read_styles(preview.full, code)[:, : styles.shape[1]], styles)
    assert (
        style_size(preview.full)
        == 512
        + sum(
            above + above // 4 + below for above, below in zip((512, *BLOCK_CHANNELS), BLOCK_CHANNELS, strict=False)
        )
        + BLOCK_CHANNELS[-1]
    )
