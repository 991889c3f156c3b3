from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.generators.base import broadcast_w, seeded_z, truncate
from mcaclip.generators.synthesis import synthesize
from mcaclip.inversion.encoder import FLAT_SIZE, FaceEncoder, flatten, view_of
from mcaclip.loading import load_face_identity


@pytest.fixture(scope="module")
def identity():
    return load_face_identity()


@pytest.fixture(scope="module")
def encoder():
    return FaceEncoder.load(weights.get("encoder"))


@pytest.fixture(scope="module")
def faces(preview):
    """Four generated faces with their codes."""
    codes = broadcast_w(truncate(preview.mapping(seeded_z(4, 902)), preview.w_avg, 0.7))
    with torch.no_grad():
        return codes, synthesize(preview, codes).image.clamp(-1, 1)


def test_the_view_has_the_documented_shapes(identity, faces):
    view = view_of(identity, faces[1][:2])
    shapes = [tuple(part.shape) for part in view]
    assert shapes == [(2, 3, 128, 128), (2, 64, 17, 17), (2, 128, 8, 8), (2, 256, 4, 4), (2, 128)]
    assert flatten(view).shape == (2, FLAT_SIZE)


def test_codes_are_nearer_to_the_true_ones_than_the_average_face(encoder, identity, preview, faces):
    codes, pictures = faces
    with torch.no_grad():
        guess = encoder.code(view_of(identity, pictures))
    error = (guess - codes).square().sum((1, 2))
    assert (error < (preview.w_avg - codes).square().sum((1, 2))).all()


def test_the_reconstruction_is_recognisable(encoder, identity, preview, faces):
    with torch.no_grad():
        made = synthesize(preview, encoder.code(view_of(identity, faces[1]))).image
    likeness = identity.embed(made) @ identity.embed(faces[1]).T
    strangers = likeness[~torch.eye(4, dtype=torch.bool)]
    assert likeness.diag().mean() > strangers.mean() + 0.3


def test_upper_rows_and_row_zero_are_the_base(encoder, identity, faces):
    with torch.no_grad():
        code = encoder.code(view_of(identity, faces[1][:1]))[0]
    assert code.shape == (18, 512)
    for row in range(12, 18):
        assert torch.equal(code[row], code[0])
    assert not torch.equal(code[5], code[0])


def test_the_offsets_are_smaller_than_the_base(encoder, identity, faces):
    with torch.no_grad():
        base, offsets = encoder(view_of(identity, faces[1]))
    assert offsets.square().mean() < 0.5 * base.square().mean()


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="train encoder"):
        FaceEncoder.load(path)
