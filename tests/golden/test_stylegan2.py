"""StyleGAN2 at 256 px against the published class, and its layouts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from mcaclip.generators.base import broadcast_w
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Preview, fir_kernel
from mcaclip.generators.stylegan2_weights import read_stylegan2, rosinality_layout
from mcaclip.generators.synthesis import synthesize
from tests.golden.reference import Golden, float32, inputs
from tests.helpers.fill import filled_state_dict

FILE = "stylegan2_256"


@pytest.fixture(scope="module")
def generator(golden: Golden, tmp_path_factory) -> StyleGAN2:
    """Through a file of the published form and its conversion."""
    layout = golden.layout("stylegan2_layout_256")
    kernels = {key: fir_kernel() for key, rule in layout.items() if rule["fill"] == "builtin"}
    folder = tmp_path_factory.mktemp("stylegan2")
    state = filled_state_dict(layout) | kernels
    torch.save({"g_ema": state, "latent_avg": torch.arange(512.0)}, folder / "published.pt")
    save_file(read_stylegan2(folder / "published.pt"), folder / "converted.safetensors")
    return StyleGAN2.load(folder / "converted.safetensors")


@pytest.fixture(scope="module")
def w_plus(golden: Golden) -> Tensor:
    code = float32(inputs(1).standard_normal((1, 14, 512)))
    golden.check(FILE, "w_plus", code, 0)
    return code


@pytest.mark.parametrize("size", [256, 1024])
def test_keys_and_shapes_are_the_published_ones(golden: Golden, size):
    published = golden.layout(f"stylegan2_layout_{size}")
    assert rosinality_layout(size) == {key: tuple(entry["shape"]) for key, entry in published.items()}


def check_image(golden: Golden, prefix: str, image: Tensor) -> None:
    golden.check(FILE, f"{prefix}_64", F.avg_pool2d(image, 4), 5e-3)
    golden.check(FILE, f"{prefix}_mean", image.mean((2, 3)), 1e-4)
    golden.check(FILE, f"{prefix}_std", image.std((2, 3), unbiased=False), 1e-4)
    golden.check(FILE, f"{prefix}_corner", image[:, :, :8, :8], 2e-4)


def test_mapping_and_image_of_w(golden: Golden, generator):
    assert torch.equal(generator.w_avg, torch.arange(512.0))
    z = float32(inputs(0).standard_normal((2, 512)))
    golden.check(FILE, "z", z, 0)
    w = generator.mapping(z)
    golden.check(FILE, "w", w, 1e-4)
    image = synthesize(generator, broadcast_w(w)).image
    check_image(golden, "image_w", image)


def test_image_of_w_plus_and_every_layer_on_the_way(golden: Golden, generator, w_plus):
    x, rgb, features, sums = generator.start(1), None, [], []
    for index, spec in enumerate(generator.layers):
        x = generator.layer(index, x, w_plus)
        features.append([x.mean(), x.std(unbiased=False)])
        if spec.rgb_row is not None:
            rgb = generator.add_rgb(rgb, generator.rgb(index, x, w_plus))
            sums.append(torch.stack([rgb[0].mean((1, 2)), rgb[0].std((1, 2), unbiased=False)], 1))
    golden.check(FILE, "feature_stats_wplus", torch.tensor(features), 1e-4)
    golden.check(FILE, "rgb_stats_wplus", torch.stack(sums), 1e-4)
    image = generator.finish(rgb)
    check_image(golden, "image_wplus", image)
    golden.check(FILE, "image_wplus_center", image[:, :, 120:136, 120:136], 2e-4)


def test_the_preview_is_the_rgb_sum_below(golden: Golden, generator, w_plus):
    preview = StyleGAN2Preview(generator, 64)
    image = synthesize(preview, w_plus).image
    assert image.shape == (1, 3, 64, 64)
    # rows of rgb_stats are 4, 8, 16, 32, 64, 128 and 256 px
    stats = golden.arrays(FILE)["rgb_stats_wplus"][4].numpy()
    np.testing.assert_allclose(image[0].mean((1, 2)).numpy(), stats[:, 0], atol=1e-4)
    np.testing.assert_allclose(image[0].std((1, 2), unbiased=False).numpy(), stats[:, 1], atol=1e-4)
