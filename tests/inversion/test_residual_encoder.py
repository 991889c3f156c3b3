"""The network that sees what a code lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.residual import of_face, residual_layer
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.finish import FinishSettings
from mcaclip.inversion.optimise import EFFORTS, invert
from mcaclip.inversion.residual_encoder import ResidualEncoder
from mcaclip.inversion.residual_fit import ResidualSettings
from mcaclip.inversion.start import ResidualStart
from mcaclip.loading import load_face_identity


@pytest.fixture(scope="module")
def complete(preview) -> ResidualStart:
    return ResidualStart(preview, ResidualEncoder.load(weights.get("residual_encoder")))


@pytest.fixture(scope="module")
def codes(preview) -> torch.Tensor:
    return broadcast_w(truncate(preview.mapping(seeded_z(3, 911)), preview.w_avg, 0.7))


def picture_of(preview, code, residual=None) -> torch.Tensor:
    with torch.no_grad():
        return synthesize(of_face(preview, residual), code[None]).image[0].clamp(-1, 1)


def test_an_untrained_network_adds_nothing():
    pictures, features = torch.rand(2, 3, 256, 256), torch.randn(2, 512, 32, 32)
    added = ResidualEncoder()(pictures, pictures, features)
    assert added.shape == features.shape and not added.any()


def test_a_code_that_misses_is_corrected(preview, complete, codes):
    """Another face's code 40 % of the way: the residual brings most of the picture back."""
    for wanted, other in zip(codes, codes.roll(1, 0), strict=True):
        photo, code = picture_of(preview, wanted), wanted + 0.4 * (other - wanted)
        residual = complete(photo, code)
        assert residual.layer == residual_layer(preview)
        assert residual.features.is_contiguous(), "files of tensors take no others"
        before = (picture_of(preview, code) - photo).square().mean()
        after = (picture_of(preview, code, residual) - photo).square().mean()
        assert after < 0.5 * before


def test_instant_is_the_code_and_this_residual(preview, complete, codes):
    photo, start = picture_of(preview, codes[0]), codes[1]
    found = invert(preview, load_face_identity(), lambda _: start, photo, EFFORTS["instant"], complete=complete)
    assert torch.equal(found.code, start)
    assert torch.equal(found.residual.features, complete(photo, start).features)


def test_live_frames_always_show_the_person(preview, complete, codes):
    photo, frames, quick = picture_of(preview, codes[0]), [], replace(EFFORTS["good"], steps=3)
    settings = replace(quick, residual=ResidualSettings(steps=2), finish=FinishSettings(steps=0))
    start = codes[0] + 0.4 * (codes[1] - codes[0])
    invert(preview, load_face_identity(), lambda _: start, photo, settings, frames.append, complete=complete)
    alone = (picture_of(preview, start) - photo).square().mean()
    shown = [frame.image for frame in frames if frame.image is not None]
    assert len(shown) >= 2 and len(shown) < len(frames)
    assert all((image - photo).square().mean() < 0.6 * alone for image in shown)


def test_a_file_of_another_layout_is_refused(tmp_path):
    save_file({"look.weight": torch.zeros(1)}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match="no residual encoder"):
        ResidualEncoder.load(tmp_path / "odd.safetensors")
