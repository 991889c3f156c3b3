"""Truncated, foreign or hostile weight files give one line that names the file, and take no memory."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from mcaclip.editing.library import collect
from mcaclip.editing.network.mca import MCANetwork, load_network, save_network
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import METHOD, find_universal
from mcaclip.errors import WeightsError
from mcaclip.methods.delta_mapper import DeltaConfig, DeltaMapper, load_delta, save_delta
from mcaclip.methods.style_table import StyleTable, load_table, save_table
from tests.editing.network.test_coral import LAYERS
from tests.editing.network.test_mca import TINY, text
from tests.helpers.anything import ANYWHERE, damaged

Content = tuple[dict[str, torch.Tensor], dict[str, str]]
DEEP = "[" * 100_000 + "]" * 100_000
HUGE = 10**15


def _network(path: Path) -> None:
    save_network(MCANetwork(LAYERS, TINY), path, {"a": {}}, {"a": text(1)})


def _delta(path: Path) -> None:
    save_delta(DeltaMapper(DeltaConfig((0, 5, 9), (4, 4, 4), 8, 2, 0.01)), path, "mobilestylegan", "FaceCLIP", {})


def _table(path: Path) -> None:
    table = StyleTable(torch.rand(6, 8), torch.ones(6), "mobilestylegan", "FaceCLIP", 3)
    save_table(table, path)


LOADERS: dict[str, tuple[Callable[[Path], None], Callable[[Path], object]]] = {
    "network": (_network, load_network),
    "delta": (_delta, load_delta),
    "table": (_table, load_table),
}


def _changed(path: Path, change: Callable[[dict, dict], None]) -> None:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        metadata = dict(file.metadata())
    change(tensors, metadata)
    save_file(tensors, path, metadata)


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def _first(tensors: dict) -> str:
    return next(name for name in sorted(tensors) if tensors[name].is_floating_point() and tensors[name].ndim)


ANY_FILE: dict[str, Callable[[Path], None]] = {
    "empty": _bytes(b""),
    "no safetensors": _bytes(b"no network at all"),
    "a header of 2^60 bytes": _bytes(struct.pack("<Q", 2**60) + b"{}"),
    "a header that is deep": _bytes(struct.pack("<Q", len(DEEP)) + DEEP.encode()),
    "a tensor of 2^60 values": lambda path: (
        path.write_bytes(
            struct.pack("<Q", 61)
            + b'{"a":{"dtype":"F32","shape":[1152921504606846976],'
            + b'"data_offsets":[0,4]}}'
            + b"1234"
        )
        and None
    ),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-10]) and None,
    "a folder": lambda path: (path.unlink(), path.mkdir())[0],
    "not there": lambda path: path.unlink(),
    "another version": lambda path: _changed(path, lambda t, m: m.update(format="mcaclip-edit-9")),
    "NaN": lambda path: _changed(path, lambda t, m: t[_first(t)].view(-1).__setitem__(0, float("nan"))),
    "infinity": lambda path: _changed(path, lambda t, m: t[_first(t)].view(-1).__setitem__(0, float("inf"))),
    "whole numbers": lambda path: _changed(path, lambda t, m: t.update({_first(t): t[_first(t)].long()})),
    "another shape": lambda path: _changed(path, lambda t, m: t.update({_first(t): t[_first(t)][:0].contiguous()})),
    "a tensor missing": lambda path: _changed(path, lambda t, m: t.pop(_first(t))),
    "a tensor too many": lambda path: _changed(path, lambda t, m: t.update(more=torch.ones(2))),
}


@pytest.mark.parametrize("kind", LOADERS)
@pytest.mark.parametrize("case", ANY_FILE)
def test_a_file_that_cannot_be_used_is_named_in_a_short_line(tmp_path, kind, case):
    path = tmp_path / "weights.safetensors"
    write, load = LOADERS[kind]
    write(path)
    load(path)
    ANY_FILE[case](path)
    with pytest.raises(WeightsError, match=r"weights\.safetensors") as caught:
        load(path)
    assert len(str(caught.value)) < 500 + len(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", LOADERS)
@ANYWHERE
@given(data=st.data())
def test_any_change_of_a_file_is_read_or_refused(tmp_path, kind, data):
    path = tmp_path / "weights.safetensors"
    write, load = LOADERS[kind]
    write(path)
    path.write_bytes(damaged(data, path.read_bytes()))
    with contextlib.suppress(WeightsError):
        load(path)


def _settings(name: str, *keys: str, value: object) -> Callable[[dict, dict], None]:
    def change(tensors: dict, metadata: dict) -> None:
        raw = inner = json.loads(metadata[name])
        for key in keys[:-1]:
            inner = inner[int(key) if key.isdigit() else key]
        inner[keys[-1]] = value
        metadata[name] = json.dumps(raw)

    return change


BAD_NETWORKS: dict[str, Callable[[dict, dict], None]] = {
    "no settings": lambda t, m: m.pop("config"),
    "deep settings": lambda t, m: m.update(config=DEEP),
    "settings of another kind": lambda t, m: m.update(config="[1, 2]"),
    "deep layers": lambda t, m: m.update(layers=DEEP),
    "layers that are a number": lambda t, m: m.update(layers="7"),
    "a million layers": lambda t, m: m.update(layers=json.dumps(json.loads(m["layers"]) * 100_000)),
    "prompts that are a list": lambda t, m: m.update(prompts='["a"]'),
    "records that are numbers": lambda t, m: m.update(prompts='{"a": 3}'),
    "more prompts than codes": lambda t, m: m.update(prompts='{"a": {}, "b": {}}'),
    "codes of another shape": lambda t, m: t.update({"text.0.tokens": torch.ones(3, 512)}),
    "absurd channels": _settings("layers", "0", "channels", value=HUGE),
    "rows beyond the last": _settings("layers", "0", "rows", value=[99]),
    **{
        f"absurd {'.'.join(keys)}": _settings("config", *keys, value=value)
        for *keys, value in (
            ("mapper_layers", HUGE), ("mapper_layers", -1), ("mapper_layers", 1.5), ("mapper_layers", "4"),
            ("mapper_lr_mul", 0), ("delta_scale", float("nan")), ("delta_scale", None), ("first_row", HUGE),
            ("masks", "hidden", HUGE), ("masks", "hidden", 8000), ("masks", "text_dim", HUGE),
            ("masks", "cascade_from", "x"), ("fusion", "num_ws", HUGE), ("fusion", "dim", HUGE),
            ("fusion", "attention_dim", HUGE), ("fusion", "feedforward_dim", 8000), ("fusion", "heads", 0),
            ("fusion", "kind", "magic"), ("more", 1),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_NETWORKS)
def test_settings_that_no_network_has_are_refused_before_it_is_built(tmp_path, case):
    path = tmp_path / "edit.safetensors"
    _network(path)
    _changed(path, BAD_NETWORKS[case])
    with pytest.raises(WeightsError, match=r"edit\.safetensors"):
        load_network(path)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("layers",), HUGE), (("dim",), HUGE), (("dim",), "8"), (("relevant",), 5), (("pixels",), "b"),
        (("lr_mul",), 0), (("widths",), [HUGE, HUGE, HUGE]), (("widths",), [4, 4]), (("rows",), [0, 5, 99]),
        (("rows",), 3),
    ],
)  # fmt: skip
def test_a_deltaedit_model_is_checked_too(tmp_path, keys, value):
    path = tmp_path / "delta.safetensors"
    _delta(path)
    _changed(path, _settings("config", *keys, value=value))
    with pytest.raises(WeightsError, match=r"delta\.safetensors"):
        load_delta(path)


def test_a_named_file_is_read_before_any_work_is_done(tmp_path):
    path = tmp_path / "edit.safetensors"
    _network(path)
    ANY_FILE["NaN"](path)
    with pytest.raises(WeightsError, match="no numbers"):
        collect([], [path], StackFit("mobilestylegan", LAYERS, "FaceCLIP"), "cpu")
    save_network(MCANetwork(LAYERS, TINY), path, {}, {}, method=METHOD, words="a" * 64)
    ANY_FILE["NaN"](path)
    with pytest.raises(WeightsError, match="no numbers"):
        find_universal(None, [path], StackFit("mobilestylegan", LAYERS, "FaceCLIP", "a" * 64))
