"""One training at a time on this machine: a process of its own, its state on disk, found again after a reload.

The process is `python -m train prompt ...`; it writes metrics.jsonl, sample sheets and at the end edit.safetensors.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcaclip import validate
from mcaclip.errors import TrainingError
from mcaclip.ui.library import slug

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "train", "prompt")
PRESETS = ("compact", "paper")
METRICS = "metrics.jsonl"
MIN_MINUTES, MAX_MINUTES = 1.0, 600.0
FINISH_MINUTES = 0.02
SHEET_EVERY = 25
MAX_ROWS = 400
"""Rows of metrics that are drawn; more are thinned out."""
STALE_SECONDS = 30.0
STOP_SECONDS = 30.0
"""A step and its checkpoint take seconds; a process that takes longer hangs and is ended at once."""


@dataclass(frozen=True)
class Job:
    """What was asked for.

    Attributes:
        prompt: what is learned.
        preset: see `python -m train prompt --help`.
        minutes: time limit of the process.
        pid: its process.
        started: seconds since the epoch.
    """

    prompt: str
    preset: str
    minutes: float
    pid: int
    started: float


@dataclass(frozen=True)
class TrainingStatus:
    """How a training stands.

    Attributes:
        job: what was asked for, or None when there is none.
        running: its process is alive.
        finished: the fitted edit exists.
        rows: lines of metrics, oldest first: step, seconds, weighted terms, loss.
        sheet: newest sample sheet.
        seconds_left: of its time limit, while it runs.
        error: last line of its log when it ended without a result.
    """

    job: Job | None = None
    running: bool = False
    finished: bool = False
    rows: tuple[dict[str, float], ...] = ()
    sheet: Path | None = None
    seconds_left: float = 0.0
    error: str | None = None


class TrainingDesk:
    """Starts, watches and stops the one training.

    Args:
        root: folder for its state; made when needed. Several servers of one user may share it.
        command: what is run, without the prompt and options.
    """

    def __init__(self, root: Path, command: Sequence[str] = COMMAND):
        self.root = root
        self.command = tuple(command)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def run_folder(self) -> Path:
        """Where the process writes."""
        return self.root / "run"

    @property
    def library(self) -> Path:
        """Fitted edits that were added to the page's library."""
        return self.root / "edits"

    def start(self, prompt: str, preset: str, minutes: float) -> None:
        """Begins a new training; what an earlier one left is replaced.

        Raises:
            PromptError: a bad prompt.
            TrainingError: another one is under way, or a value is outside its range.
        """
        prompt = validate.clean_prompt(prompt)
        if preset not in PRESETS:
            raise TrainingError(f"There is no preset {preset}; choose {' or '.join(PRESETS)}.")
        if not MIN_MINUTES <= minutes <= MAX_MINUTES:
            raise TrainingError(f"The time is {MIN_MINUTES:g} to {MAX_MINUTES:g} minutes.")
        with _Lock(self.root):
            self._refuse_second()
            shutil.rmtree(self.run_folder, ignore_errors=True)
            self._launch(prompt, preset, minutes)

    def resume(self, minutes: float) -> None:
        """Goes on with the training that was stopped. Raises TrainingError."""
        job = self._job()
        if job is None:
            raise TrainingError("There is no training to go on with. Start a new one.")
        with _Lock(self.root):
            self._refuse_second()
            self._launch(job.prompt, job.preset, minutes)

    def finish(self) -> None:
        """Makes the fitted edit of what a stopped training has learned so far. Raises TrainingError."""
        self.resume(FINISH_MINUTES)

    def stop(self) -> None:
        """Ends the process at its next step; it can be resumed from there."""
        job = self._job()
        if job is None or not self._alive(job):
            return
        os.kill(job.pid, signal.SIGTERM)
        if self._child is not None and self._child.pid == job.pid:
            try:
                self._child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def status(self) -> TrainingStatus:
        """How it stands, read from disk."""
        job = self._job()
        if job is None:
            return TrainingStatus()
        running = self._alive(job)
        finished = not running and (self.run_folder / "edit.safetensors").is_file()
        left = max(0.0, job.started + 60 * job.minutes - time.time()) if running else 0.0
        sheets = sorted((self.run_folder / "sheets").glob("*.png"))
        ended_badly = not running and not finished
        return TrainingStatus(
            job=job,
            running=running,
            finished=finished,
            rows=read_metrics(self.run_folder / METRICS),
            sheet=sheets[-1] if sheets else None,
            seconds_left=left,
            error=self._last_words() if ended_badly else None,
        )

    def keep(self) -> Path:
        """Puts a copy of the fitted edit into the library; returns its file. Raises TrainingError."""
        status = self.status()
        if status.job is None or not status.finished:
            raise TrainingError("There is no fitted edit yet. Wait for the training to finish.")
        self.library.mkdir(parents=True, exist_ok=True)
        path = self.library / f"{slug(status.job.prompt)}.safetensors"
        if status.rows:
            shutil.copyfile(self.run_folder / METRICS, path.with_suffix(".jsonl"))
        temporary = path.with_suffix(".tmp")
        shutil.copyfile(self.run_folder / "edit.safetensors", temporary)
        os.replace(temporary, path)
        return path

    def kept(self) -> list[Path]:
        """All files in the library."""
        return sorted(self.library.glob("*.safetensors"))

    def _launch(self, prompt: str, preset: str, minutes: float) -> None:
        self.run_folder.mkdir(parents=True, exist_ok=True)
        (self.run_folder / "edit.safetensors").unlink(missing_ok=True)
        options = ["--preset", preset, "--max-minutes", f"{minutes:g}", "--sheet-every", str(SHEET_EVERY)]
        # after "--" a prompt is never taken for an option
        line = [*self.command, *options, "--out", str(self.run_folder), "--", prompt]
        with (self.run_folder / "log.txt").open("ab") as log:
            self._child = subprocess.Popen(
                line, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        job = Job(prompt, preset, minutes, self._child.pid, time.time())
        temporary = self.root / "job.tmp"
        temporary.write_text(json.dumps(asdict(job)), encoding="utf-8")
        os.replace(temporary, self.root / "job.json")

    def _job(self) -> Job | None:
        try:
            return Job(**json.loads((self.root / "job.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _alive(self, job: Job) -> bool:
        if self._child is not None and self._child.pid == job.pid:
            return self._child.poll() is None
        try:
            os.kill(job.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # another user's process has got the number since
            return False
        return True

    def _refuse_second(self) -> None:
        job = self._job()
        if job is not None and self._alive(job):
            raise TrainingError(f"“{job.prompt}” is being learned on this machine. Wait for it, or stop it first.")

    def _last_words(self) -> str | None:
        try:
            lines = (self.run_folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return None
        said = [line for line in lines if line.startswith("error:")]
        return said[-1].removeprefix("error: ") if said else None


class _Lock:
    """Only one caller at a time decides whether a training may start. Raises TrainingError."""

    def __init__(self, root: Path):
        self.path = root / "starting"

    def __enter__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.path.mkdir()
        except FileExistsError:
            if time.time() - self.path.stat().st_mtime < STALE_SECONDS:
                raise TrainingError("Another training is being started at this moment. Look again.") from None

    def __exit__(self, *_: object) -> None:
        self.path.rmdir()


def read_metrics(path: Path) -> tuple[dict[str, float], ...]:
    """Rows of a metrics.jsonl, evenly thinned out to `MAX_ROWS`; a half-written last line is left out.

    Steps that were done once more after a resume count as they were done last.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    rows: list[dict[str, Any]] = []
    for line in lines:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict):
            while rows and rows[-1].get("step", 0) >= row.get("step", 0):
                rows.pop()
            rows.append({key: float(value) for key, value in row.items() if isinstance(value, (int, float))})
    step = max(1, -(-len(rows) // MAX_ROWS))
    return tuple(rows[::-step][::-1])


def machine() -> str:
    """Device, cores and memory in words."""
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    words = [device, f"{os.cpu_count() or 1} cores"]
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        free, total = (page * os.sysconf(name) / 2**30 for name in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"))
        words.append(f"{free:.1f} of {total:.1f} GB memory free")
    except (ValueError, OSError, AttributeError):
        pass
    return " · ".join(words)
