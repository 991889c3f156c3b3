"""What a damaged encoder file says; e4e's numbers are compared with the published class in tests/golden."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from mcaclip.errors import WeightsError
from mcaclip.inversion.e4e import E4EConfig, E4EEncoder, StyleHead


def test_load_gives_the_stored_network_frozen(tmp_path):
    config = E4EConfig(num_ws=1)
    torch.manual_seed(0)
    net = E4EEncoder(config)
    net.latent_avg = torch.ones(1, 512)
    save_file(net.state_dict(), tmp_path / "e.safetensors")
    again = E4EEncoder.load(tmp_path / "e.safetensors", config=config)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in net.state_dict().items())
    assert not again.training and not any(p.requires_grad for p in again.parameters())


def test_a_face_of_any_size_is_encoded_at_256_px(monkeypatch):
    with torch.device("meta"):
        net = E4EEncoder(E4EConfig(num_ws=2))
    seen = []
    monkeypatch.setattr(net, "forward", lambda images: seen.append(images) or torch.zeros(1, 2, 512))
    face = torch.linspace(-1, 1, 1024).expand(3, 1024, 1024)
    assert net.code(face).shape == (2, 512)
    assert seen[0].shape == (1, 3, 256, 256)
    torch.testing.assert_close(seen[0][0, 0, 0], torch.linspace(-1, 1, 256), atol=0.01, rtol=0)


def test_the_mean_code_is_added(monkeypatch):
    with torch.device("meta"):
        net = E4EEncoder(E4EConfig(num_ws=2))
    net.latent_avg = torch.ones(2, 512)
    monkeypatch.setattr(net, "offsets", lambda images: torch.full((3, 2, 512), 2.0))
    assert torch.equal(net(torch.zeros(0)), torch.full((3, 2, 512), 3.0))


def test_a_head_ends_at_one_pixel():
    with torch.device("meta"):
        for side in (16, 32, 64):
            assert StyleHead(side)(torch.empty(2, 512, side, side)).shape == (2, 512)


def test_a_foreign_file_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match="no converted e4e file"):
        E4EEncoder.load(tmp_path / "x.safetensors")
