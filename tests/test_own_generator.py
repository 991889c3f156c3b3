"""A generator of one's own and another domain: a square picture, no face, no identity, and an imported mapper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mcaclip import loading
from mcaclip.__main__ import main
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Config
from mcaclip.platform.digests import sha256_of
from tests.cli.test_import import styleclip


@pytest.fixture
def cats(tmp_path, monkeypatch) -> Path:
    """The file of a generator of 64 px, which stands in for one of 256 px and more."""
    torch.manual_seed(0)
    small = StyleGAN2(StyleGAN2Config(64, 8, 512)).requires_grad_(False).eval()
    monkeypatch.setattr(StyleGAN2, "load", classmethod(lambda cls, *_: small))
    monkeypatch.setattr(loading, "_stylegan2_file", lambda stack: stack.generator_file.path)
    monkeypatch.setenv("MCACLIP_EDITS", str(tmp_path / "edits"))
    (tmp_path / "edits").mkdir()
    (tmp_path / "cats.pt").write_bytes(b"cats")
    return tmp_path / "cats.pt"


def test_a_picture_that_is_no_face_is_edited_without_an_identity(cats, tmp_path, capsys):
    styleclip(tmp_path / "a.pt", "mohawk")
    assert main(["import", str(tmp_path / "a.pt")]) == 0
    picture = np.uint8(np.random.default_rng(0).integers(0, 255, (90, 90, 3)))
    Image.fromarray(picture).save(tmp_path / "cat.png")
    line = ["edit", str(tmp_path / "cat.png"), "--prompt", "mohawk (StyleCLIP)", "--out", str(tmp_path / "out")]
    other = ["--generator-file", str(cats), "--already-aligned", "--encoder", "mean", "--identity", "none"]
    line += ["--inversion", "instant"]
    assert main([*line, *other]) == 0, capsys.readouterr().err
    folder = tmp_path / "out" / "cat"
    record = json.loads((folder / "result.json").read_text())
    assert record["identity"] == {"reconstruction_to_photo": None, "edit_to_original": None}
    assert sha256_of(cats) in record["weights"].values() and "face_parser" not in record["weights"]
    assert Image.open(folder / "edited.png").size == Image.open(folder / "overlay.png").size == (64, 64)
    pasted = np.asarray(Image.open(folder / "pasted.png"))
    assert pasted.shape == picture.shape and (pasted != picture).any()
    capsys.readouterr()
    assert main([*line, *other]) == 0 and "already there" in capsys.readouterr().out


def test_what_does_not_go_together_is_refused(cats, tmp_path, capsys):
    line = ["edit", str(cats), "--prompt", "a", "--out", str(tmp_path / "out"), "--generator-file"]
    for more, message in (
        ([str(cats), "--generator", "mobilestylegan"], "leave --generator out"),
        ([str(tmp_path / "none.pt")], "there is no file"),
        ([str(cats), "--already-aligned", "--face", "1"], "leave --face out"),
    ):
        assert main([*line, *more]) == 2
        assert message in capsys.readouterr().err
