"""Stand-ins: same content on every machine, told apart from real weights, never written over them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mcaclip.errors import TrainingError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.obtain import obtain
from mcaclip.weights.store import SUMS_NAME, Record, WeightFolders
from mcaclip.weights.table import TABLE
from tests.helpers.options import choices
from train.cli.stand_in import Options
from train.extras.stand_in import MAKERS, REMARK, make_stand_ins


def small() -> dict[str, Any]:
    return {"g_ema": dict(torch.nn.Linear(2, 2).state_dict())}


def plain() -> dict[str, Any]:
    return dict(torch.nn.Linear(2, 2).state_dict())


def read(path: Path) -> dict[str, torch.Tensor]:
    content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    return content.get("g_ema", content)


@pytest.fixture(autouse=True)
def _small_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAKERS:
        monkeypatch.setitem(MAKERS, name, small if name == "stylegan2" else plain)
        monkeypatch.setitem(TABLE, name, replace(TABLE[name], read=read))


def test_folder_holds_every_file_with_its_record(tmp_path: Path) -> None:
    files = make_stand_ins(tmp_path / "out")
    names = {path.name for path in files}
    assert names >= {"stylegan2.safetensors", "e4e.safetensors", "clip_vit_b32.safetensors"}
    for path in files:
        record = Record.beside(path)
        assert record is not None and (record.sha256, record.remark) == (sha256_of(path), REMARK)
    assert "random" in (tmp_path / "out" / "README.txt").read_text()
    records = {f"{name}.json" for name in names}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | records | {"README.txt"}


def test_content_is_the_same_every_time_and_leaves_the_seed_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    first = make_stand_ins(tmp_path / "a")
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    second = make_stand_ins(tmp_path / "b")
    assert [Record.beside(path) for path in first] == [Record.beside(path) for path in second]
    parsenet = load_file(tmp_path / "a" / "parsenet.safetensors")
    arcface = load_file(tmp_path / "a" / "arcface_ir_se50.safetensors")
    assert not torch.equal(parsenet["weight"], arcface["weight"]), "every file has its own seed"


def test_only_one_file_is_made_and_the_others_stay(tmp_path: Path) -> None:
    first = make_stand_ins(tmp_path, ["parsenet"])
    assert [path.name for path in first] == ["parsenet.safetensors"]
    make_stand_ins(tmp_path, ["stylegan2"])
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"parsenet.safetensors", "stylegan2.safetensors"}
    assert make_stand_ins(tmp_path, ["parsenet"]) == first, "a stand-in may be replaced"


@pytest.mark.parametrize("name", ["parsing_parsenet.pth", "parsenet.safetensors"])
def test_real_weights_are_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"real")
    with pytest.raises(TrainingError, match=re.escape(name)):
        make_stand_ins(tmp_path)
    assert (tmp_path / name).read_bytes() == b"real"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_sums_of_somebody_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / SUMS_NAME).write_text("0  x\n")
    with pytest.raises(TrainingError, match="empty folder"):
        make_stand_ins(tmp_path)


def test_folder_serves_as_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_stand_ins(tmp_path / "out", ["stylegan2"])
    folders = WeightFolders(tmp_path / "out", tmp_path / "cache")
    located = obtain(TABLE["stylegan2"], folders, lambda *step: None)
    assert set(load_file(located.path)) == {"weight", "bias"}
    assert "stand-in weights are in use" in caplog.text and str(tmp_path / "out") in caplog.text


def test_every_file_can_be_asked_for() -> None:
    assert choices(Options, "only") == tuple(MAKERS)
