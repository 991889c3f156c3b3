"""Properties of StyleGAN2 at toy sizes; its numbers are compared with the published class in tests/golden."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from mcaclip.editing.network.coral import CoralMasks, MaskConfig
from mcaclip.errors import WeightsError
from mcaclip.generators.compose import masked_synthesize
from mcaclip.generators.stylegan2 import (
    ModulatedConv,
    StyleGAN2,
    StyleGAN2Config,
    StyleGAN2Preview,
    fir_kernel,
    upsample_rgb,
)
from mcaclip.generators.synthesis import synthesize

TOY = StyleGAN2Config(size=32, max_channels=8, fine_channels=128)


def make(config: StyleGAN2Config = TOY) -> StyleGAN2:
    torch.manual_seed(0)
    generator = StyleGAN2(config).requires_grad_(False).eval()
    for conv in generator.convs:
        conv.noise_strength.fill_(0.3)
    return generator


@pytest.fixture
def generator() -> StyleGAN2:
    return make()


@pytest.fixture
def code() -> torch.Tensor:
    return torch.randn(2, 18, 512)


def all_masks(generator, batch: int = 2) -> list[torch.Tensor]:
    sizes = [spec.size for spec in generator.layers] + [generator.image_size]
    return [torch.rand(batch, 1, size, size) for size in sizes]


def test_config_f_has_17_layers_18_rows_and_the_published_channels():
    with torch.device("meta"):
        layers = StyleGAN2().layers
    sizes = [4] + [side for side in (8, 16, 32, 64, 128, 256, 512, 1024) for _ in range(2)]
    assert [spec.size for spec in layers] == sizes
    by_size = {spec.size: spec.channels for spec in layers}
    assert by_size == {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
    assert [spec.rows for spec in layers] == [(row,) for row in range(17)]
    assert [spec.rgb_row for spec in layers if spec.rgb_row is not None] == [1, 3, 5, 7, 9, 11, 13, 15, 17]
    ends = [index for index, spec in enumerate(layers) if spec.rgb_row is not None]
    assert all(layers[index].size != layers[index + 1].size for index in ends[:-1])


def test_zero_shift_gives_the_source_bit_for_bit(generator, code):
    source = synthesize(generator, code).image
    shift = torch.zeros_like(code, requires_grad=True)
    edited = masked_synthesize(generator, code, shift, all_masks(generator), source)
    assert torch.equal(edited, source)


def test_closed_masks_give_the_source_bit_for_bit(generator, code):
    source = synthesize(generator, code).image
    closed = [torch.zeros_like(mask) for mask in all_masks(generator)]
    assert torch.equal(masked_synthesize(generator, code, torch.randn_like(code), closed, source), source)


def test_open_masks_give_the_plain_edit(generator, code):
    source, shift = synthesize(generator, code).image, torch.randn_like(code)
    opened = [torch.ones_like(mask) for mask in all_masks(generator)]
    edited = masked_synthesize(generator, code, shift, opened, source)
    torch.testing.assert_close(edited, synthesize(generator, code + shift).image, atol=1e-3, rtol=1e-4)


def test_every_used_row_and_mask_learns(generator, code):
    shift = (0.1 * torch.randn_like(code)).requires_grad_()
    masks = [mask.requires_grad_() for mask in all_masks(generator)]
    masked_synthesize(generator, code, shift, masks, synthesize(generator, code).image).square().mean().backward()
    learns = shift.grad.abs().amax((0, 2)) > 0
    # 32 px: layers 0 .. 6 and the last RGB's row 7
    assert learns.tolist() == [row <= 7 for row in range(18)]
    assert all(mask.grad.abs().sum() > 0 for mask in masks)


@pytest.mark.parametrize("checkpoint_from", [4, 16])
def test_checkpointing_changes_neither_picture_nor_gradient(code, checkpoint_from):
    results = []
    for limit in (None, checkpoint_from):
        generator = make(StyleGAN2Config(32, 8, 128, checkpoint_from=limit))
        moved = code.clone().requires_grad_()
        image = synthesize(generator, moved).image
        image.square().mean().backward()
        results.append((image.detach(), moved.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_checkpointing_keeps_less_for_the_way_back(code):
    kept = []
    for limit in (None, 16):
        generator, sizes = make(StyleGAN2Config(32, 8, 128, checkpoint_from=limit)), []

        def pack(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            synthesize(generator, code.clone().requires_grad_())
        kept.append(sum(sizes))
    assert kept[1] < 0.5 * kept[0]


def test_samples_of_a_batch_do_not_mix(generator, code):
    together = synthesize(generator, code).image
    alone = torch.cat([synthesize(generator, one).image for one in code.split(1)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_modulated_convolution_by_the_book():
    """StyleGAN2 Eq. 1-3 with a weight a sample, which the implementation avoids."""
    torch.manual_seed(0)
    conv = ModulatedConv(3, 4, 3)
    x, w = torch.randn(2, 3, 8, 8), torch.randn(2, 512)
    style = conv.style(w)
    modulated = conv.weight[None] * conv.scale * style[:, None, :, None, None]
    modulated = modulated * torch.rsqrt(modulated.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    wanted = torch.cat([F.conv2d(x[i : i + 1], modulated[i], padding=1) for i in range(2)])
    torch.testing.assert_close(conv(x, w), wanted, atol=1e-5, rtol=1e-5)


def test_rgb_upsampling_is_bilinear_inside_and_black_beyond():
    x = torch.randn(1, 3, 6, 6)
    up = upsample_rgb(x)
    bilinear = F.interpolate(F.pad(x, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up, bilinear[..., 2:-2, 2:-2], atol=1e-5, rtol=1e-5)
    assert fir_kernel().sum() == 4


def test_mapping_ignores_the_length_of_z(generator):
    z = torch.randn(3, 512)
    torch.testing.assert_close(generator.mapping(z), generator.mapping(5 * z), atol=1e-4, rtol=1e-4)


def test_preview_shares_layers_masks_and_rgb_with_the_full_generator(generator, code):
    preview = StyleGAN2Preview(generator, 16)
    assert preview.layers == generator.layers[:5] and preview.image_size == 16
    coral = CoralMasks(generator.layers, MaskConfig(cascade=True))
    texts = torch.randn(2, 18, 512)
    full_source = synthesize(generator, code, keep=range(7))
    source = synthesize(preview, code, keep=range(5))
    full_masks, masks = coral(full_source.features, texts), coral(source.features, texts)
    assert len(full_masks) == 8 and len(masks) == 6
    assert all(torch.equal(a, b) for a, b in zip(full_masks[:5], masks[:5], strict=True))
    assert torch.equal(masks[5], masks[4])
    edited = masked_synthesize(preview, code, torch.zeros_like(code), masks, source.image)
    assert torch.equal(edited, source.image) and edited.shape == (2, 3, 16, 16)


def test_preview_of_a_small_generator_is_the_generator(generator, code):
    preview = StyleGAN2Preview(generator)
    assert preview.image_size == 32
    assert torch.equal(synthesize(preview, code).image, synthesize(generator, code).image)


def test_impossible_sizes_are_refused(generator):
    with pytest.raises(ValueError, match="power of two"):
        StyleGAN2Config(size=100)
    with pytest.raises(ValueError, match="power of two"):
        StyleGAN2Preview(generator, 12)


def test_only_layers_with_an_rgb_output_have_one(generator, code):
    with pytest.raises(ValueError, match="layer 1 has no RGB"):
        generator.rgb(1, torch.zeros(2, 8, 8, 8), code)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="not a converted StyleGAN2 file"):
        StyleGAN2.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="not a converted StyleGAN2 file"):
        StyleGAN2.load(path)


def test_mixed_precision_stays_near_and_keeps_the_source_exact(generator, code):
    wanted = synthesize(generator, code).image
    with torch.autocast("cpu", dtype=torch.bfloat16):
        source = synthesize(generator, code).image
        shift = torch.zeros_like(code, requires_grad=True)
        edited = masked_synthesize(generator, code, shift, all_masks(generator), source)
    assert torch.equal(edited, source)
    assert (source - wanted).abs().mean() < 0.03 * wanted.std()
