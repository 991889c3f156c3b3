"""Faces that no code makes, for the network that sees what a code lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mcaclip import weights
from mcaclip.inversion.encoder import FaceEncoder
from mcaclip.inversion.residual_encoder import ResidualEncoder
from mcaclip.loading import load_face_identity
from train.encoder.residual import ResidualEncoderSettings, Trainer, train_residual_encoder

SETTINGS = ResidualEncoderSettings(steps=2, batch=2, held_out=2)


@pytest.fixture(scope="module")
def parts(preview):
    return preview, load_face_identity(), FaceEncoder.load(weights.get("encoder"))


def test_known_features_make_the_photo(parts):
    trainer = Trainer(*parts, replace(SETTINGS, batch=4))
    faces = trainer.faces(np.random.default_rng(0))
    known = faces.known.flatten().bool()
    assert known.any() and not known.all()
    assert faces.photo.shape == faces.made.shape == (4, 3, 256, 256)
    assert faces.photo.abs().max() <= 1
    unlike = (faces.photo - faces.made).abs().mean((1, 2, 3))
    assert unlike.min() > 0.02  # a code never says all of it


def test_the_loss_sees_pictures_and_what_is_known_of_the_features(parts):
    trainer = Trainer(*parts, SETTINGS)
    faces, network = trainer.faces(np.random.default_rng(1)), ResidualEncoder()
    terms = trainer.terms(network, faces)
    unknown = trainer.terms(network, replace(faces, known=torch.zeros_like(faces.known)))
    assert unknown["map"] == 0 and torch.equal(unknown["picture"], terms["picture"])
    terms["loss"].backward()
    assert network.say.weight.grad is not None and network.say.weight.grad.abs().sum() > 0


def test_the_same_seed_gives_the_same_faces(parts):
    trainer = Trainer(*parts, replace(SETTINGS, batch=1))
    first, second = (trainer.faces(np.random.default_rng(3)).photo for _ in range(2))
    torch.testing.assert_close(first, second)


def test_a_run_writes_the_network_and_its_figures(parts, tmp_path: Path):
    report = train_residual_encoder(*parts, replace(SETTINGS, steps=1, batch=1, held_out=1), tmp_path)
    assert report["faces"] == 1
    network = ResidualEncoder.load(tmp_path / "residual_encoder.safetensors")
    assert float(network.spread.min()) > 0
