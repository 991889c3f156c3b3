"""Measures by files that the user brings; their networks are stand-ins of the same layout."""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mcaclip.errors import WeightsError
from mcaclip.evaluation.brought_networks import ALEXNET, BLIP, INCEPTION, TITLES, BroughtNetworks
from mcaclip.platform.torchvision_guard import ensure_torchvision

PICTURE = torch.linspace(-1, 1, 3 * 64 * 64).view(1, 3, 64, 64)


def test_every_measure_without_a_file_says_what_it_needs(tmp_path):
    for found in (BroughtNetworks(None), BroughtNetworks(tmp_path)):
        assert set(found.missing) == set(TITLES) and ALEXNET in found.missing["lpips"]
        assert found.judge is found.lpips is found.itm is found.inception is None


def test_lpips_reads_torchvisions_alexnet(tmp_path):
    ensure_torchvision()
    from torchvision.models import alexnet

    torch.manual_seed(0)
    state = {f"features.{name}": value for name, value in alexnet(weights=None).features.state_dict().items()}
    torch.save(state, tmp_path / ALEXNET)
    distance = BroughtNetworks(tmp_path).lpips
    assert distance is not None and distance(PICTURE, PICTURE) == 0
    assert distance(PICTURE, PICTURE.flip(-1)) > 0
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / ALEXNET)
    with pytest.raises(WeightsError, match="not torchvision's AlexNet"):
        BroughtNetworks(tmp_path)


class StandIn:
    """In the place of BLIP and its processor: the match is the picture's brightness."""

    @classmethod
    def from_pretrained(cls, folder, local_files_only, use_safetensors=True):
        if not (folder / "config.json").exists():
            raise OSError("no config")
        return cls()

    def eval(self):
        return self

    def __call__(self, images=None, text="", return_tensors="pt", level=None):
        if level is None:
            assert text == "a face with green lipstick"
            return {"level": torch.from_numpy(np.log(np.array([[1.0, images.mean() / 255]])))}
        return SimpleNamespace(itm_score=level)


def test_blip_gives_the_probability_of_a_match(tmp_path, monkeypatch):
    (tmp_path / BLIP).mkdir()
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "the package transformers" in BroughtNetworks(tmp_path).missing["itm"]
    package = SimpleNamespace(BlipForImageTextRetrieval=StandIn, BlipProcessor=StandIn)
    monkeypatch.setitem(sys.modules, "transformers", package)
    with pytest.raises(WeightsError, match="fetch it again"):
        BroughtNetworks(tmp_path)
    (tmp_path / BLIP / "config.json").touch()
    match = BroughtNetworks(tmp_path).itm
    assert match is not None and match(torch.ones(3, 8, 8), "green lipstick") == pytest.approx(0.5)


def test_fid_needs_its_package_and_takes_eight_bit_pictures(tmp_path, monkeypatch):
    from torchmetrics.image import fid

    (tmp_path / INCEPTION).write_bytes(pickle.dumps({"weights": print}, protocol=2))
    with pytest.raises(WeightsError, match="more than weights"):
        BroughtNetworks(tmp_path)
    torch.save({}, tmp_path / INCEPTION)

    def absent(*_):
        raise ModuleNotFoundError("torch-fidelity is not installed")

    monkeypatch.setattr(fid, "NoTrainInceptionV3", absent)
    assert "the package torch-fidelity" in BroughtNetworks(tmp_path).missing["inception"]
    monkeypatch.setattr(fid, "NoTrainInceptionV3", lambda *_: lambda pixels: pixels.double().mean((2, 3)))
    features = BroughtNetworks(tmp_path).inception
    assert features is not None
    torch.testing.assert_close(features(torch.ones(3, 8, 8)), torch.full((3,), 255.0))
