"""The doctor's report: right states, advice that can be followed, and nothing fetched."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mcaclip.__main__ import main as cli
from mcaclip.cli import doctor
from mcaclip.cli.doctor import Finding, State, entry_row, exit_status, format_report, system_rows
from mcaclip.weights.hub import HubFile, HubSource
from mcaclip.weights.obtain import obtain
from mcaclip.weights.sources import PackageSource, ShippedSource, SourceFile, WeightEntry
from mcaclip.weights.store import Located, Record, WeightFolders, write_asset_sums
from mcaclip.weights.table import STACKS, TABLE
from tests.helpers.fake_hub import FakeHub
from train.extras.stand_in import REMARK

X_DIGEST = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # sha256 of "x"

ASSET = WeightEntry(
    "asset", "An asset", "licence of the asset", "test", ShippedSource((SourceFile("a.safetensors", None),))
)
HUB_ENTRY = WeightEntry(
    "net", "A net", "free", "test", HubSource((HubFile("net.pt", None, "owner/net"),), 1),
    lambda path: {"a": torch.zeros(1)},
)  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> WeightFolders:
    for name in ("local", "assets"):
        (tmp_path / name).mkdir()
    return WeightFolders(tmp_path / "local", tmp_path / "cache", tmp_path / "assets")


def test_verified_file_is_ok(folders: WeightFolders) -> None:
    (folders.assets / "a.safetensors").write_bytes(b"x")
    write_asset_sums(folders.assets)
    row = entry_row(ASSET, folders)
    assert row.state is State.OK and row.advice == ""
    assert row.licence == "licence of the asset"
    assert "shipped" in row.detail and str(folders.assets / "a.safetensors") in row.detail


def test_missing_file_has_advice(folders: WeightFolders) -> None:
    row = entry_row(ASSET, folders)
    assert row.state is State.MISSING
    assert "git checkout" in row.advice


def test_damaged_file_has_the_reason(folders: WeightFolders) -> None:
    (folders.assets / "a.safetensors").write_bytes(b"x")
    write_asset_sums(folders.assets)
    (folders.assets / "a.safetensors").write_bytes(b"yy")
    row = entry_row(ASSET, folders)
    assert row.state is State.DAMAGED
    assert "expected" in row.advice


def test_nothing_is_downloaded_or_converted(folders: WeightFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process(*args: object, **kwargs: object) -> None:
        raise AssertionError("the doctor started a process")

    monkeypatch.setattr(subprocess, "Popen", no_process)
    row = entry_row(TABLE["mobilestylegan"], folders)
    assert row.state is State.MISSING
    assert "It has 38 MB" in row.advice and "python -m mcaclip fetch" in row.advice
    assert "pip download" in row.advice and "random-face==2021.7.21.1" in row.advice
    assert not folders.cache.exists()


def test_source_at_hand_is_ready_but_not_converted(folders: WeightFolders) -> None:
    def must_not_run(path: Path) -> dict:
        raise AssertionError("the doctor converted")

    source = PackageSource((SourceFile("net.dat", X_DIGEST),), requirement="m==1", package="absent_models_package")
    entry = WeightEntry("net", "A net", "free", "test", source, must_not_run)
    assert entry_row(entry, folders).state is State.MISSING
    assert folders.local is not None
    (folders.local / "net.dat").write_bytes(b"x")
    row = entry_row(entry, folders)
    assert row.state is State.READY and exit_status([row]) == 0
    (folders.local / "net.dat").write_bytes(b"y")
    assert entry_row(entry, folders).state is State.DAMAGED


def test_system_is_described(folders: WeightFolders) -> None:
    rows = {row.name: row for row in system_rows(folders)}
    assert {"python", "torch", "device", "cache", "MCACLIP_WEIGHTS"} <= set(rows)
    assert rows["MCACLIP_WEIGHTS"].detail == str(folders.local)
    unset = {row.name: row for row in system_rows(replace(folders, local=None))}
    assert unset["MCACLIP_WEIGHTS"].detail == "not set"


@pytest.mark.parametrize(
    ("state", "status"),
    [(State.OK, 0), (State.READY, 0), (State.INFO, 0), (State.MISSING, 1), (State.DAMAGED, 1)],
)
def test_exit_status(state: State, status: int) -> None:
    assert exit_status([Finding("a", State.OK, ""), Finding("b", state, "")]) == status


def test_text_names_faults_and_keeps_commands_whole() -> None:
    command = "Run `" + "long " * 60 + "command`."
    text = format_report(
        [Finding("a", State.OK, "fine", "free"), Finding("b", State.MISSING, "gone", "free", command)]
    )
    assert command in text
    assert text.endswith("Not ready: b.")
    assert text.count("licence: free") == 2
    assert format_report([Finding("a", State.OK, "fine")]).endswith("Everything needed is on this machine.")


def test_whole_table_is_reported_by_main(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MCACLIP_WEIGHTS", raising=False)
    assert doctor.run(doctor.Options()) == 1, "an empty cache has no generator"
    out = capsys.readouterr().out
    for name, entry in TABLE.items():
        assert name in out and entry.licence in out
    assert not (tmp_path / "empty").exists()


class TestHub:
    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
        return FakeHub(tmp_path / "hub", monkeypatch)

    def test_missing_file_has_size_terms_and_both_ways_to_get_it(self, folders: WeightFolders, hub: FakeHub) -> None:
        row = entry_row(TABLE["e4e"], folders)
        assert row.state is State.MISSING and "FFHQ" in row.licence
        for part in ("1202 MB", "python -m mcaclip fetch --stack paper", "e4e_ffhq_encode.pt", "MCACLIP_WEIGHTS"):
            assert part in row.advice
        assert "not known beforehand" in entry_row(TABLE["clip_vit_b32"], folders).advice
        assert hub.asked == []

    def test_original_at_hand_is_ready(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.put_into_cache("owner/net", "net.pt", b"x")
        row = entry_row(HUB_ENTRY, folders)
        assert row.state is State.READY and "the hub's cache" in row.detail
        assert folders.local is not None
        (folders.local / "net.pt").write_bytes(b"x")
        assert str(folders.local / "net.pt") in entry_row(HUB_ENTRY, folders).detail
        assert not folders.cache.exists()

    def test_trust_on_first_use_is_reported(self, folders: WeightFolders, hub: FakeHub) -> None:
        hub.files["owner/net", "net.pt"] = b"x"
        obtain(HUB_ENTRY, folders)
        row = entry_row(HUB_ENTRY, folders)
        assert row.state is State.OK
        assert "net.pt was not known beforehand" in row.detail and X_DIGEST in row.detail

    def test_stand_in_is_reported(self, folders: WeightFolders, hub: FakeHub) -> None:
        assert folders.local is not None
        (folders.local / "net.safetensors").write_bytes(b"x")
        Record(X_DIGEST, 1, "", remark=REMARK).save_beside(folders.local / "net.safetensors")
        assert "STAND-IN" in entry_row(HUB_ENTRY, folders).detail


def test_paper_stack_is_shown_but_needed_only_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def every_compact_file(entry: WeightEntry, folders: WeightFolders) -> Located | None:
        return Located(tmp_path, "cache", X_DIGEST) if entry.name in STACKS["compact"] else None

    FakeHub(tmp_path / "hub", monkeypatch)
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MCACLIP_WEIGHTS", raising=False)
    monkeypatch.setattr(WeightEntry, "find", every_compact_file)
    assert doctor.run(doctor.Options()) == 0
    text = capsys.readouterr().out
    assert "needed for the paper stack only: stylegan2, e4e" in text
    assert "Not ready, and the studio works without: universal." in text
    assert text.endswith("Everything needed is on this machine.\n")
    assert doctor.run(doctor.Options(stack="paper")) == 1
    text = capsys.readouterr().out
    assert "Not ready: stylegan2, e4e" in text and "preview_head" not in text
    assert cli(["doctor", "--stack", "compact"]) == 0
    text = capsys.readouterr().out
    assert "stylegan2 " not in text and "universal" in text


def test_bad_setting_is_answered_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "absent"))
    assert cli(["doctor"]) == 2
    assert "MCACLIP_WEIGHTS" in capsys.readouterr().err
