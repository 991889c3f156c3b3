"""Stand-ins: same content on every machine, told apart from real weights, never written over them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mcaclip.errors import TrainingError
from mcaclip.weights.obtain import obtain
from mcaclip.weights.store import STAND_IN_MARK, SUMS_NAME, WeightFolders, read_stand_in_sums, sha256_of
from mcaclip.weights.sources import Conversion
from mcaclip.weights.table import TABLE
from train.extras import stand_in
from train.__main__ import STAND_INS, main
from train.extras.stand_in import MAKERS, make_stand_ins


def small() -> dict[str, Any]:
    return {"g_ema": dict(torch.nn.Linear(2, 2).state_dict())}


def plain() -> dict[str, Any]:
    return dict(torch.nn.Linear(2, 2).state_dict())


@pytest.fixture(autouse=True)
def _small_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAKERS:
        monkeypatch.setitem(MAKERS, name, small if name == "stylegan2" else plain)


def test_folder_holds_every_file_under_its_original_name(tmp_path: Path) -> None:
    files = make_stand_ins(tmp_path / "out")
    names = {path.name for path in files}
    assert names >= {"stylegan2-ffhq-config-f.pt", "e4e_ffhq_encode.pt", "open_clip_model.safetensors"}
    sums = read_stand_in_sums(tmp_path / "out")
    assert sums == {path.name: sha256_of(path) for path in files}
    assert "random" in (tmp_path / "out" / "README.txt").read_text()
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | {SUMS_NAME, "README.txt"}


def test_content_is_the_same_every_time_and_leaves_the_seed_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    make_stand_ins(tmp_path / "a")
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
    make_stand_ins(tmp_path / "b")
    assert (tmp_path / "a" / SUMS_NAME).read_text() == (tmp_path / "b" / SUMS_NAME).read_text()
    parsenet = torch.load(tmp_path / "a" / "parsing_parsenet.pth", weights_only=True)
    arcface = torch.load(tmp_path / "a" / "InsightFace_Pytorch+model_ir_se50.pth", weights_only=True)
    assert not torch.equal(parsenet["weight"], arcface["weight"]), "every file has its own seed"


def test_only_one_file_is_made_and_the_others_stay(tmp_path: Path) -> None:
    first = make_stand_ins(tmp_path, ["parsenet"])
    assert [path.name for path in first] == ["parsing_parsenet.pth"]
    make_stand_ins(tmp_path, ["stylegan2"])
    assert set(read_stand_in_sums(tmp_path)) == {"parsing_parsenet.pth", "stylegan2-ffhq-config-f.pt"}


def test_real_weights_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "parsing_parsenet.pth").write_bytes(b"real")
    with pytest.raises(TrainingError, match=r"parsing_parsenet\.pth"):
        make_stand_ins(tmp_path)
    assert (tmp_path / "parsing_parsenet.pth").read_bytes() == b"real"
    assert [path.name for path in tmp_path.iterdir()] == ["parsing_parsenet.pth"]


def test_sums_of_somebody_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / SUMS_NAME).write_text("0  x\n")
    with pytest.raises(TrainingError, match="empty folder"):
        make_stand_ins(tmp_path)


def test_folder_serves_as_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    def read(path: Path) -> dict[str, torch.Tensor]:
        return torch.load(path, weights_only=True)["g_ema"]

    make_stand_ins(tmp_path / "out", ["stylegan2"])
    entry = replace(TABLE["stylegan2"], conversion=Conversion("stylegan2.safetensors", 1, read))
    folders = WeightFolders(tmp_path / "out", tmp_path / "cache")
    assert set(load_file(obtain(entry, folders, lambda *step: None).path)) == {"weight", "bias"}


def test_command_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert tuple(MAKERS) == STAND_INS
    with caplog.at_level(logging.INFO):
        assert main(["stand-in", "--out", str(tmp_path / "out"), "--only", "e4e"]) == 0
    assert (tmp_path / "out" / "e4e_ffhq_encode.pt").is_file()
    assert (tmp_path / "out" / SUMS_NAME).read_text().startswith(STAND_IN_MARK)
    assert "e4e_ffhq_encode.pt" in caplog.text
    assert stand_in.README
