from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.editing.network.latent_mapper import LatentMapper, rename_published_mapper_keys
from mcaclip.nn.equal_linear import EqualLinear, PixelNorm


def test_rename_accepts_keys_with_and_without_the_container_prefix():
    value = torch.zeros(1)
    for prefix in ("mapper.", ""):
        renamed = rename_published_mapper_keys({f"{prefix}course_mapping.mapping.2.bias": value})
        assert renamed == {"groups.coarse.2.bias": value}
    assert rename_published_mapper_keys({"decoder.conv1.conv.weight": value, "mapper.fc.bias": value}) == {}


def test_pixel_norm_runs_over_the_rows():
    x = torch.tensor([[[3.0, 1.0], [4.0, 1.0]]])  # [1, 2 rows, 2 channels]
    scale = torch.tensor([np.sqrt(12.5), 1.0], dtype=torch.float32)
    torch.testing.assert_close(PixelNorm()(x), x / scale)


def test_equal_linear_scales_weight_and_bias():
    layer = EqualLinear(4, 1, lr_mul=0.5, activation=True)
    with torch.no_grad():
        layer.weight.fill_(2.0)
        layer.bias.fill_(-10.0)
    # weight 2 * 0.5 / sqrt(4) = 0.5; bias -10 * 0.5 = -5; sum 4 * 0.5 - 5 = -3; * 0.2 * sqrt(2)
    assert layer(torch.ones(1, 4)).item() == pytest.approx(-3 * 0.2 * np.sqrt(2))


@pytest.mark.parametrize("lr_mul", [1.0, 0.01])
def test_equal_linear_starts_with_unit_variance(lr_mul):
    torch.manual_seed(0)
    out = EqualLinear(512, 512, lr_mul=lr_mul)(torch.randn(64, 512))
    assert out.std().item() == pytest.approx(1.0, rel=0.05)


def test_groups_do_not_mix_and_have_their_own_weights():
    torch.manual_seed(0)
    mapper = LatentMapper(dim=16, lr_mul=1.0)
    rows = torch.randn(1, 18, 16)
    before = mapper(rows)
    rows[:, 5] += 1
    changed = (mapper(rows) - before).abs().amax(dim=(0, 2)) > 0
    assert changed[4:8].all() and not changed[:4].any() and not changed[8:].any()
    weights = [group[1].weight for group in mapper.groups.values()]
    assert len(weights) == 3 and not torch.equal(weights[0], weights[1])


def test_disabled_groups_have_no_parameters():
    mapper = LatentMapper(enabled=["coarse", "fine"], dim=8)
    assert set(mapper.groups) == {"coarse", "fine"}
    assert torch.count_nonzero(mapper(torch.randn(2, 18, 8))[:, 4:8]) == 0


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="without gaps"):
        LatentMapper({"a": (0, 4), "b": (5, 18)})
    for enabled in (["middle"], []):
        with pytest.raises(ValueError, match="enabled"):
            LatentMapper(enabled=enabled)
    with pytest.raises(ValueError, match="lr_mul"):
        EqualLinear(2, 2, lr_mul=0.0)
    with pytest.raises(ValueError, match="expected"):
        LatentMapper(dim=8)(torch.zeros(1, 17, 8))
