"""A generator of the user's own: converted into the cache by its digest, and never changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mcaclip.config import choose
from mcaclip.errors import StudioError
from mcaclip.generators import stylegan2_weights
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.obtain import obtain
from mcaclip.weights.own import own_generator, with_generator_file
from mcaclip.weights.store import Record, WeightFolders


def test_its_digest_is_recorded_and_a_changed_file_is_another_generator(tmp_path, monkeypatch):
    monkeypatch.setattr(
        stylegan2_weights, "read_own_stylegan2", lambda path: {"size": torch.tensor(len(path.read_bytes()))}
    )
    file, folders = tmp_path / "cats.pt", WeightFolders(None, tmp_path / "cache")
    file.write_bytes(b"first")
    stack = with_generator_file(choose(identity="none"), file)
    assert (stack.generator, stack.identity) == ("stylegan2", "none")
    made = obtain(own_generator(stack.generator_file), folders)
    record = Record.beside(made.path)
    assert (record.source_sha256, record.trusted) == (sha256_of(file), "cats.pt")
    assert obtain(own_generator(stack.generator_file), folders).path == made.path
    file.write_bytes(b"second")
    again = with_generator_file(choose(), file)
    assert again.generator_name != stack.generator_name
    assert obtain(own_generator(again.generator_file), folders).path != made.path
    assert file.read_bytes() == b"second"


def test_a_file_that_is_not_there_is_said():
    with pytest.raises(StudioError, match=r"no file .*cats\.pt"):
        with_generator_file(choose(), Path("cats.pt"))
