"""Pools on disk: what is cut, missing or of another shape is named, and stays as it is."""

from __future__ import annotations

import shutil
from collections import namedtuple

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError, WeightsError
from mcaclip.nn.safetensors_io import save_whole
from train.clip.feature_cache import CachedBatch
from train.common.arrays import open_array, read_array, read_count, write_array, write_count
from train.common.setup import load_direction
from train.parser.attributes import ATTRIBUTES
from train.parser.pseudo_labels import load_faces

SHAPE = (4, 3)


def test_array_is_gone_on_with(tmp_path):
    array = open_array(tmp_path / "a.npy", SHAPE, np.uint8)
    array[1] = 7
    array.flush()
    again = open_array(tmp_path / "a.npy", SHAPE, np.uint8)
    assert again[1].tolist() == [7, 7, 7]
    again[2] = 8
    again.flush()
    assert read_array(tmp_path / "a.npy", (None, 3), np.uint8)[2].tolist() == [8, 8, 8]


@pytest.mark.parametrize("size", [0, 5, 64, 130, 139])
def test_cut_array_is_named_and_not_filled_up(tmp_path, size):
    file = tmp_path / "a.npy"
    write_array(file, np.ones(SHAPE, np.uint8))
    cut = file.read_bytes()[:size]
    file.write_bytes(cut)
    for use in (open_array, read_array):
        with pytest.raises(TrainingError, match=r"a.npy cannot be used: it is damaged.*move it away"):
            use(file, SHAPE, np.uint8)
    assert file.read_bytes() == cut


@pytest.mark.parametrize(
    "array", [np.ones((4, 4), np.uint8), np.ones(4, np.uint8), np.ones(SHAPE, np.float32), np.array("text")]
)
def test_array_of_another_kind_is_named(tmp_path, array):
    write_array(tmp_path / "a.npy", array)
    for use in (open_array, read_array):
        with pytest.raises(TrainingError, match="something else than it should"):
            use(tmp_path / "a.npy", SHAPE, np.uint8)


def test_objects_are_not_unpickled_and_folders_are_no_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object))
    (tmp_path / "b.npy").mkdir()
    for name in ("a.npy", "b.npy", "c.npy"):
        with pytest.raises(TrainingError, match=f"{name} cannot be used"):
            read_array(tmp_path / name, (1,), np.uint8)


def test_array_that_does_not_fit_on_the_disk_is_not_begun(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 0, 10))
    with pytest.raises(TrainingError, match="free some space"):
        open_array(tmp_path / "a.npy", SHAPE, np.uint8)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"-1", b"11", b"1.5", b"ten", b"\xff", b"9" * 5000, "²".encode()])
def test_count_that_is_none_is_named(tmp_path, content):
    (tmp_path / "done").write_bytes(content)
    with pytest.raises(TrainingError, match="no number from 0 to 10"):
        read_count(tmp_path / "done", 10)


def test_count_is_read_again(tmp_path):
    assert read_count(tmp_path / "done", 10) == 0
    write_count(tmp_path / "done", 10)
    assert read_count(tmp_path / "done", 10) == 10
    (tmp_path / "folder").mkdir()
    with pytest.raises(TrainingError, match="no number"):
        read_count(tmp_path / "folder", 10)


@pytest.mark.parametrize("name", ["images", "labels", "states"])
def test_damaged_pool_of_faces_is_named(tmp_path, name):
    write_array(tmp_path / "images_5_2.npy", np.zeros((2, 3, 256, 256), np.uint8))
    write_array(tmp_path / "labels_5_2.npy", np.zeros((2, 256, 256), np.uint8))
    write_array(tmp_path / "states_5_2.npy", np.zeros((2, len(ATTRIBUTES)), np.int8))
    assert len(load_faces(2, 5, tmp_path)) == 2
    file = tmp_path / f"{name}_5_2.npy"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(TrainingError, match=f"{name}_5_2.npy cannot be used"):
        load_faces(2, 5, tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04garbage"])
def test_damaged_block_and_directions_are_named(tmp_path, content):
    file = tmp_path / "some.npz"
    file.write_bytes(content)
    with pytest.raises(TrainingError, match=r"some.npz cannot be used: it is no block"):
        CachedBatch.load(file)
    with pytest.raises(TrainingError, match=r"some.npz cannot be used: it is no file of W directions"):
        load_direction(file, "a")


def test_directions_of_another_shape_or_without_numbers_are_named(tmp_path):
    values = {"good": np.zeros(512), "short": np.zeros(7), "text": np.array("a"), "nan": np.full(512, np.nan)}
    np.savez(tmp_path / "some.npz", **values)
    assert load_direction(tmp_path / "some.npz", "good").shape == (18, 512)
    for name in ("short", "text", "nan"):
        with pytest.raises(TrainingError, match="cannot be used"):
            load_direction(tmp_path / "some.npz", name)
    with pytest.raises(TrainingError, match="no direction other"):
        load_direction(tmp_path / "some.npz", "other")
    with pytest.raises(TrainingError, match="not at"):
        load_direction(tmp_path, "good")


def test_weights_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "edit.safetensors"
    save_whole({"a": torch.ones(3)}, file)
    before = file.read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mcaclip.nn.safetensors_io.save_file", full)
    with pytest.raises(WeightsError, match=r"edit.safetensors could not be written .*Free some space"):
        save_whole({"a": torch.zeros(3)}, file)
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]
