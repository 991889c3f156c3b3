"""The folders of the weight files on this machine, their digests and their records. Nothing here fetches anything."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from mcaclip.config import ASSETS
from mcaclip.errors import WeightsError
from mcaclip.platform.atomic import written_whole
from mcaclip.platform.digests import sha256_of

SUMS_NAME = "SHA256SUMS"
LOCAL = "local folder"
"""`Located.where` of a file in the user's own folder."""


@dataclass(frozen=True)
class WeightFolders:
    """The folders in which weights are looked for.

    Attributes:
        local: the user's own folder (`MCACLIP_WEIGHTS`), looked at first, or None.
        cache: where converted files are kept (`MCACLIP_CACHE`, else the platform's cache folder).
        assets: the shipped files.
        own_edits: a file or folder of the user's own fitted edits (`MCACLIP_EDITS`), or None for the folder `edits`
            of the cache.
    """

    local: Path | None
    cache: Path
    assets: Path = ASSETS
    own_edits: Path | None = None

    @property
    def edits(self) -> Path:
        """Where the user's own fitted edits are: a file, or a folder of files."""
        return self.own_edits or self.cache / "edits"

    @property
    def methods(self) -> Path:
        """Where the weights of the methods beside MCA-CLIP are, for `compare`: a folder of files."""
        return self.cache / "methods"

    @classmethod
    def from_environment(cls) -> WeightFolders:
        """Read `MCACLIP_WEIGHTS`, `MCACLIP_CACHE` and `MCACLIP_EDITS`.

        Raises:
            WeightsError: `MCACLIP_WEIGHTS` names no folder, or `MCACLIP_EDITS` nothing that is there.
        """
        local, cache, edits = (_path_in(f"MCACLIP_{name}") for name in ("WEIGHTS", "CACHE", "EDITS"))
        if local is not None and not local.is_dir():
            raise WeightsError(f"MCACLIP_WEIGHTS is {local}, which is no folder. Create it or unset the variable.")
        if edits is not None and not edits.exists():
            raise WeightsError(f"MCACLIP_EDITS is {edits}, which is not there. Create it or unset the variable.")
        return cls(local, cache or _platform_cache(), own_edits=edits)


def _path_in(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser().resolve() if value else None


def _platform_cache() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "mcaclip"


@dataclass(frozen=True)
class Record:
    """What is recorded beside a converted file, as `<file>.json`.

    Attributes:
        sha256: digest of the converted file.
        converter_version: `WeightEntry.version` when it was made.
        source_sha256: digest of the source that it was made from.
        trusted: name of the source file when its digest was not known beforehand but taken as it was on first
            use; empty for a source whose digest is pinned.
        remark: a note on a file that is not made from the published source. Such a file is accepted in the user's
            own folder only, and every use of it logs the note.
    """

    sha256: str
    converter_version: int
    source_sha256: str
    trusted: str = ""
    remark: str = ""

    @property
    def note(self) -> str:
        """What a person should know about the file besides that it is whole; empty for most files."""
        if self.trusted:
            return (
                f"the sha256 of {self.trusted} was not known beforehand, that of its first use is trusted: "
                f"{self.source_sha256}"
            )
        return self.remark

    def save_beside(self, path: Path) -> None:
        """Write it as JSON beside the file `path`."""
        record_path(path).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def beside(cls, path: Path) -> Record | None:
        """The record of a converted file; None when it is missing or unreadable."""
        try:
            return cls(**json.loads(record_path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def record_path(path: Path) -> Path:
    """Where the record of a converted file is."""
    return path.with_name(path.name + ".json")


@dataclass(frozen=True)
class Located:
    """A verified file.

    Attributes:
        path: where it is; for a wheel that is unpacked already, the folder of its files.
        where: the kind of place, in words ("cache", "installed package", ...).
        sha256: its digest; for a wheel that of the wheel.
        trusted: its name when the digest was not pinned but is trusted since first use, else empty.
        record: what is recorded beside it, for a converted file.
    """

    path: Path
    where: str
    sha256: str
    trusted: str = ""
    record: Record | None = None


def in_folder(folder: Path | None, name: str) -> Path | None:
    """The file of that name, or None where there is none."""
    return folder / name if folder is not None and (folder / name).is_file() else None


def write_asset_sums(assets: Path = ASSETS) -> None:
    """Record the digests of all safetensors files under `assets` in SHA256SUMS, as the tool sha256sum writes them."""
    files = sorted(path.relative_to(assets).as_posix() for path in assets.rglob("*.safetensors"))
    with written_whole(assets / SUMS_NAME) as temporary:
        temporary.write_text("".join(f"{sha256_of(assets / name)}  {name}\n" for name in files), encoding="utf-8")


def read_asset_sums(assets: Path = ASSETS) -> dict[str, str]:
    """Digest by path relative to `assets`; empty when nothing is recorded."""
    sums = assets / SUMS_NAME
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {name.strip(): digest for digest, name in pairs}
