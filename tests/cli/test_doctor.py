"""The doctor's report: right states, advice that can be followed, and nothing fetched."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mcaclip.__main__ import main as cli
from mcaclip.cli import doctor
from mcaclip.cli.doctor import Row, State, exit_status, format_report, report
from mcaclip.weights.obtain import obtain
from mcaclip.weights.store import STAND_IN_MARK, SUMS_NAME, Located, Places, write_asset_sums
from mcaclip.weights.table import (
    STACKS,
    TABLE,
    Conversion,
    Entry,
    HubSource,
    PackageSource,
    PinnedFile,
    ShippedSource,
)
from tests.helpers.fake_hub import FakeHub

X_DIGEST = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # sha256 of "x"

ASSET = Entry("asset", "An asset", "licence of the asset", "test", ShippedSource("a.safetensors"))
HUB_ENTRY = Entry(
    "net", "A net", "free", "test", HubSource("owner/net", "net.pt", None, 1, None),
    Conversion("net.safetensors", 1, lambda path: {"a": torch.zeros(1)}),
)  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("local", "assets"):
        (tmp_path / name).mkdir()
    return Places(tmp_path / "local", tmp_path / "cache", tmp_path / "assets")


def row_of(entry: Entry, places: Places) -> Row:
    return report([entry], places)[-1]


def test_verified_file_is_ok(places: Places) -> None:
    (places.assets / "a.safetensors").write_bytes(b"x")
    write_asset_sums(places.assets)
    row = row_of(ASSET, places)
    assert row.state is State.OK and row.advice == ""
    assert row.licence == "licence of the asset"
    assert "shipped" in row.detail and str(places.assets / "a.safetensors") in row.detail


def test_missing_file_has_advice(places: Places) -> None:
    row = row_of(ASSET, places)
    assert row.state is State.MISSING
    assert "git checkout" in row.advice


def test_damaged_file_has_the_reason(places: Places) -> None:
    (places.assets / "a.safetensors").write_bytes(b"x")
    write_asset_sums(places.assets)
    (places.assets / "a.safetensors").write_bytes(b"yy")
    row = row_of(ASSET, places)
    assert row.state is State.DAMAGED
    assert "expected" in row.advice


def test_nothing_is_downloaded_or_converted(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process(*args: object, **kwargs: object) -> None:
        raise AssertionError("the doctor started a process")

    monkeypatch.setattr(subprocess, "Popen", no_process)
    row = row_of(TABLE["mobilestylegan"], places)
    assert row.state is State.MISSING
    assert "weights.get('mobilestylegan')" in row.advice
    assert "pip download" in row.advice and "random-face==2021.7.21.1" in row.advice
    assert not places.cache.exists()


def test_source_at_hand_is_ready_but_not_converted(places: Places) -> None:
    def must_not_run(path: Path) -> dict:
        raise AssertionError("the doctor converted")

    source = PackageSource("m==1", "absent_models_package", PinnedFile("net.dat", 1, X_DIGEST))
    entry = Entry("net", "A net", "free", "test", source, Conversion("net.safetensors", 1, must_not_run))
    assert row_of(entry, places).state is State.MISSING
    assert places.local is not None
    (places.local / "net.dat").write_bytes(b"x")
    row = row_of(entry, places)
    assert row.state is State.READY and exit_status([row]) == 0
    (places.local / "net.dat").write_bytes(b"y")
    assert row_of(entry, places).state is State.DAMAGED


def test_system_is_described(places: Places) -> None:
    rows = {row.name: row for row in report([], places)}
    assert {"python", "torch", "device", "cache", "MCACLIP_WEIGHTS"} <= set(rows)
    assert rows["MCACLIP_WEIGHTS"].detail == str(places.local)
    unset = {row.name: row for row in report([], replace(places, local=None))}
    assert unset["MCACLIP_WEIGHTS"].detail == "not set"


@pytest.mark.parametrize(
    ("state", "status"),
    [(State.OK, 0), (State.READY, 0), (State.INFO, 0), (State.MISSING, 1), (State.DAMAGED, 1)],
)
def test_exit_status(state: State, status: int) -> None:
    assert exit_status([Row("a", State.OK, ""), Row("b", state, "")]) == status


def test_text_names_faults_and_keeps_commands_whole() -> None:
    command = "Run `" + "long " * 60 + "command`."
    text = format_report([Row("a", State.OK, "fine", "free"), Row("b", State.MISSING, "gone", "free", command)])
    assert command in text
    assert text.endswith("Not ready: b.")
    assert text.count("licence: free") == 2
    assert format_report([Row("a", State.OK, "fine")]).endswith("Everything needed is on this machine.")


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

    def test_missing_file_has_size_terms_and_both_ways_to_get_it(self, places: Places, hub: FakeHub) -> None:
        row = row_of(TABLE["e4e"], places)
        assert row.state is State.MISSING and "FFHQ" in row.licence
        for part in ("1202 MB", "python -m mcaclip fetch --stack paper", "e4e_ffhq_encode.pt", "MCACLIP_WEIGHTS"):
            assert part in row.advice
        assert "not known beforehand" in row_of(TABLE["clip_vit_b32"], places).advice
        assert hub.asked == []

    def test_original_at_hand_is_ready(self, places: Places, hub: FakeHub) -> None:
        hub.put_into_cache("owner/net", "net.pt", b"x")
        row = row_of(HUB_ENTRY, places)
        assert row.state is State.READY and "the hub's cache" in row.detail
        assert places.local is not None
        (places.local / "net.pt").write_bytes(b"x")
        assert str(places.local / "net.pt") in row_of(HUB_ENTRY, places).detail
        assert not places.cache.exists()

    def test_trust_on_first_use_is_said(self, places: Places, hub: FakeHub) -> None:
        hub.files["owner/net", "net.pt"] = b"x"
        obtain(HUB_ENTRY, places, lambda stage, fraction: None)
        row = row_of(HUB_ENTRY, places)
        assert row.state is State.OK
        assert "net.pt was not known beforehand" in row.detail and X_DIGEST in row.detail

    def test_stand_in_is_said(self, places: Places, hub: FakeHub) -> None:
        assert places.local is not None
        (places.local / "net.pt").write_bytes(b"x")
        (places.local / SUMS_NAME).write_text(f"{STAND_IN_MARK}\n{X_DIGEST}  net.pt\n")
        obtain(HUB_ENTRY, places, lambda stage, fraction: None)
        assert "STAND-IN" in row_of(HUB_ENTRY, places).detail


def test_paper_stack_is_shown_but_needed_only_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def every_compact_file(entry: Entry, places: Places) -> Located | None:
        return Located(tmp_path, "cache", X_DIGEST) if entry.name in STACKS["compact"] else None

    FakeHub(tmp_path / "hub", monkeypatch)
    monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("MCACLIP_WEIGHTS", raising=False)
    monkeypatch.setattr(doctor, "find", every_compact_file)
    assert doctor.run(doctor.Options()) == 0
    text = capsys.readouterr().out
    assert "needed for the paper stack only: stylegan2, e4e" in text
    assert "Not ready, and the studio works without: universal." in text
    assert text.endswith("Everything needed is on this machine.\n")
    assert doctor.run(doctor.Options(stack="paper")) == 1
    text = capsys.readouterr().out
    assert "Not ready: stylegan2, e4e" in text and "mobilestylegan" not in text
    assert cli(["doctor", "--stack", "compact"]) == 0
    text = capsys.readouterr().out
    assert "stylegan2 " not in text and "universal" in text


def test_bad_setting_is_answered_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "absent"))
    assert cli(["doctor"]) == 2
    assert "MCACLIP_WEIGHTS" in capsys.readouterr().err
