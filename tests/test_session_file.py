"""Session files: everything comes back, nothing bad gets in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mcaclip import session_file
from mcaclip.session_file import SavedSession, SessionFileError, photo_bytes, read_session, write_session
from mcaclip.types import EditSettings, Paint, PromptStrength


@pytest.fixture
def saved() -> SavedSession:
    photo = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    quad = np.array([[10.0, 10], [10, 70], [70, 70], [70, 10]])
    paint = Paint(allow=(torch.rand(1, 64, 64) > 0.5).float())
    edits = (
        EditSettings("green lipstick", 0.7, 0.3, (PromptStrength("purple hair", 1.5),), True, 4.0),
        EditSettings("blue goatee", paint=paint, variation=999, mode="universal", without_masks=True),
    )
    return SavedSession("me", torch.randn(18, 512), 0.78, photo_bytes(photo), quad, edits, 1, {"a": "0" * 64})


def test_everything_comes_back(tmp_path, saved):
    write_session(tmp_path / "s.safetensors", saved)
    found = read_session(tmp_path / "s.safetensors")
    assert torch.equal(found.w_plus, saved.w_plus)
    assert found.photo == saved.photo and np.array_equal(found.quad, saved.quad)
    assert found.edits[0] == saved.edits[0]
    assert torch.equal(found.edits[1].paint.allow, saved.edits[1].paint.allow)
    assert found.edits[1].paint.include is None
    assert (found.edits[0].variation, found.edits[1].variation) == (0, 999)
    assert [(edit.mode, edit.without_masks) for edit in found.edits] == [(None, False), ("universal", True)]
    assert (found.name, found.identity, found.current, found.weights) == ("me", 0.78, 1, saved.weights)


def test_generated_face_needs_no_photo(tmp_path):
    write_session(tmp_path / "s.st", SavedSession("seed_7", torch.zeros(18, 512), None, None, None, (), -1, {}))
    found = read_session(tmp_path / "s.st")
    assert found.photo is None and found.edits == () and found.current == -1


def _spoiled(path, change_header=None, change_tensors=None):
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    header = json.loads(metadata["session"])
    if change_header:
        change_header(header)
    if change_tensors:
        change_tensors(tensors)
    save_file(tensors, path, {**metadata, "session": json.dumps(header)})


def test_files_of_before_there_were_variations_still_load(tmp_path, saved):
    write_session(tmp_path / "s", saved)
    _spoiled(tmp_path / "s", change_header=lambda h: [edit.pop("variation") for edit in h["edits"]])
    assert [edit.variation for edit in read_session(tmp_path / "s").edits] == [0, 0]


BAD_HEADERS = {
    "variation below": lambda h: h["edits"][0].__setitem__("variation", -1),
    "variation above": lambda h: h["edits"][0].__setitem__("variation", 1000),
    "variation with a point": lambda h: h["edits"][0].__setitem__("variation", 1.0),
    "variation in words": lambda h: h["edits"][0].__setitem__("variation", "1"),
    "variation true": lambda h: h["edits"][0].__setitem__("variation", True),
    "variation none": lambda h: h["edits"][0].__setitem__("variation", None),
    "mode": lambda h: h["edits"][0].__setitem__("mode", "magic"),
    "no edits": lambda h: h.pop("edits"),
    "strength": lambda h: h["edits"][0]["parts"][0].__setitem__(1, 9),
    "not a number": lambda h: h["edits"][0].__setitem__("mask_feather", "much"),
    "empty prompt": lambda h: h["edits"][0]["parts"][0].__setitem__(0, " "),
    "no parts": lambda h: h["edits"][0].__setitem__("parts", []),
    "points outside": lambda h: h.__setitem__("current", 7),
    "too many": lambda h: h.__setitem__("edits", h["edits"] * 40),
}
BAD_TENSORS = {
    "shape": lambda t: t.__setitem__("w_plus", torch.zeros(17, 512)),
    "type": lambda t: t.__setitem__("w_plus", torch.zeros(18, 512, dtype=torch.float64)),
    "not finite": lambda t: t.__setitem__("w_plus", torch.full((18, 512), torch.nan)),
    "no latent": lambda t: t.pop("w_plus"),
    "no picture": lambda t: t.__setitem__("photo", torch.zeros(50, dtype=torch.uint8)),
    "floats as picture": lambda t: t.__setitem__("photo", torch.zeros(50)),
    "crop alone": lambda t: t.pop("photo"),
    "crop without size": lambda t: t.__setitem__("quad", torch.zeros(4, 2, dtype=torch.float64)),
    "unknown": lambda t: t.__setitem__("extra", torch.zeros(1)),
}


@pytest.mark.parametrize("case", sorted(BAD_HEADERS))
def test_bad_headers_are_refused(tmp_path, saved, case):
    write_session(tmp_path / "s", saved)
    _spoiled(tmp_path / "s", change_header=BAD_HEADERS[case])
    with pytest.raises(SessionFileError, match="damaged"):
        read_session(tmp_path / "s")


@pytest.mark.parametrize("case", sorted(BAD_TENSORS))
def test_bad_tensors_are_refused(tmp_path, saved, case):
    write_session(tmp_path / "s", saved)
    _spoiled(tmp_path / "s", change_tensors=BAD_TENSORS[case])
    with pytest.raises(SessionFileError, match="damaged"):
        read_session(tmp_path / "s")


def test_other_files_are_refused(tmp_path, monkeypatch, saved):
    (tmp_path / "a").write_bytes(b"no session at all")
    save_file({"w": torch.zeros(1)}, tmp_path / "b", {"format": "other"})
    for name in ("a", "b"):
        with pytest.raises(SessionFileError, match="not a session"):
            read_session(tmp_path / name)
    write_session(tmp_path / "c", saved)
    monkeypatch.setattr(session_file, "MAX_BYTES", 1000)
    with pytest.raises(SessionFileError, match="larger"):
        read_session(tmp_path / "c")
