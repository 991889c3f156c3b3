from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import MODULATED_SCALE, TOP_LAYER, PreviewGenerator
from mcaclip.generators.synthesis import synthesize
from mcaclip.nn.ops import inverse_haar
from train.heads.preview_head import psnr


@pytest.fixture(scope="module")
def ir_folder(tmp_path_factory):
    """The published IR files, unpacked from the wheel as the package index serves it."""
    import subprocess
    import sys
    import zipfile

    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, "random-face==2021.7.21.1"], check=True, timeout=240)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder / "random_face" / "data"


def test_equals_the_published_graph(generator: MobileStyleGAN, ir_folder):
    openvino = pytest.importorskip("openvino")
    core, options = openvino.Core(), {"INFERENCE_PRECISION_HINT": "f32"}
    names = ("MappingNetwork", "SynthesisNetwork")
    mapping, synthesis = (core.compile_model(ir_folder / f"{name}.xml", "CPU", options) for name in names)
    for seed in (1, 2):
        z = seeded_z(1, seed)
        w = generator.mapping(z)
        np.testing.assert_allclose(w.numpy(), mapping({0: z.numpy()})[0], atol=2e-5)
        image = synthesize(generator, broadcast_w(w)).image
        np.testing.assert_allclose(image.numpy(), synthesis({0: w.numpy()})[0], atol=2e-4)


def test_w_avg_is_the_mean_of_w(generator: MobileStyleGAN):
    other = generator.mean_w(samples=4000, seed=9)
    spread = generator.mapping(seeded_z(500, 3)).std(0)
    assert (other - generator.w_avg).abs().max() < 0.15 * spread.max()


def test_the_shipped_mean_is_what_would_be_computed(generator: MobileStyleGAN):
    torch.testing.assert_close(generator.w_avg, generator.mean_w())


def test_truncation_runs_from_the_average_to_w(generator: MobileStyleGAN):
    w = generator.mapping(seeded_z(2, 4))
    torch.testing.assert_close(truncate(w, generator.w_avg, 1.0), w)
    torch.testing.assert_close(truncate(w, generator.w_avg, 0.0), generator.w_avg.expand_as(w))


def test_rows_16_and_17_are_unused_and_all_others_are_used(preview: PreviewGenerator):
    code = broadcast_w(preview.mapping(seeded_z(1, 5)))
    source = synthesize(preview, code).image
    for row in range(18):
        moved = code.clone()
        moved[:, row] += 1.0
        same = torch.equal(synthesize(preview, moved).image, source)
        assert same == (row >= 16), row


def test_feature_sizes_and_channels_are_as_declared(generator: MobileStyleGAN, preview: PreviewGenerator):
    code = broadcast_w(generator.mapping(seeded_z(1, 6)))
    made = synthesize(generator, code, keep=range(len(generator.layers)))
    for index, spec in enumerate(generator.layers):
        assert made.features[index].shape == (1, spec.channels, spec.size, spec.size)
    lower = synthesize(preview, code, keep=(TOP_LAYER,))
    torch.testing.assert_close(lower.features[TOP_LAYER], made.features[TOP_LAYER])


def test_preview_resembles_the_full_picture(generator: MobileStyleGAN, preview: PreviewGenerator):
    values = []
    for seed in range(4):
        code = broadcast_w(truncate(generator.mapping(seeded_z(1, 100 + seed)), generator.w_avg, 0.8))
        small = torch.nn.functional.adaptive_avg_pool2d(synthesize(generator, code).image, 256)
        values.append(float(psnr(synthesize(preview, code).image, small)))
    assert np.mean(values) > 27


def test_modulating_before_the_haar_step_equals_modulating_behind_it(preview: PreviewGenerator):
    torch.manual_seed(0)
    block = preview.full.blocks[TOP_LAYER // 2]
    x, code = torch.randn(1, 256, 8, 8), broadcast_w(preview.mapping(seeded_z(1, 7)))
    w = code[:, 11]
    wanted = block.up(x, w) * block.conv1.style(w)[:, :, None, None]
    torch.testing.assert_close(
        inverse_haar(preview.modulate(x, code)) / MODULATED_SCALE, wanted, atol=1e-4, rtol=1e-4
    )


def test_inverse_haar_preserves_energy_and_means():
    torch.manual_seed(0)
    x = torch.randn(1, 8, 4, 4)
    y = inverse_haar(x)
    assert y.shape == (1, 2, 8, 8)
    torch.testing.assert_close(y.square().sum(), x.square().sum())
    blocks = torch.nn.functional.avg_pool2d(y, 2)
    torch.testing.assert_close(blocks, x[:, :2] / 2)


def test_a_haar_step_in_rows_equals_the_one_that_learns():
    torch.manual_seed(0)
    x, style = torch.randn(2, 64, 257, 96), torch.randn(2, 64)
    with torch.no_grad():
        rows = inverse_haar(x, style)
    assert torch.equal(rows, inverse_haar(x, style))
    assert torch.equal(rows, inverse_haar(x * style[:, :, None, None]))


def test_a_foreign_file_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="is not a MobileStyleGAN file"):
        MobileStyleGAN.load(tmp_path / "x.safetensors")


def test_weights_entry_exists():
    assert weights.get("mobilestylegan").suffix == ".safetensors"
