"""One training at a time on this machine: a process of its own, its state on disk, found again after a reload.

The process is `python -m train prompt ...`; it writes metrics.jsonl, sample sheets and at the end edit.safetensors.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from mcaclip import validate
from mcaclip.config import PROJECT
from mcaclip.editing.network.mca import read_header
from mcaclip.errors import TrainingError, WeightsError
from mcaclip.platform.naming import slug
from mcaclip.platform.processes import ProcessId
from mcaclip.ui.state.training_record import (
    MAX_MINUTES,
    MIN_MINUTES,
    PRESETS,
    Job,
    last_error,
    read_job,
    read_metrics,
)

__all__ = ["PRESETS", "TrainingProcess", "TrainingStatus", "machine", "read_metrics"]

COMMAND = (sys.executable, "-m", "train", "prompt")
METRICS, EDIT = "metrics.jsonl", "edit.safetensors"
FINISH_MINUTES = 5.0
SHEET_EVERY = 25
STOP_SECONDS = 30.0
"""A step and its checkpoint take seconds; a process that takes longer hangs, and is killed."""
PROMPT_SECONDS = 2.0
"""How long the page waits for a process that is being stopped; after that it is stopped in the background."""


@dataclass(frozen=True)
class TrainingStatus:
    """The state of a training.

    Attributes:
        job: what was asked for, or None when there is none.
        running: its process is alive.
        finished: the fitted edit exists.
        rows: lines of metrics, oldest first: step, seconds, weighted terms, loss.
        sheet: newest sample sheet.
        seconds_left: of its time limit, while it runs.
        error: last line of its log when it ended without a result.
        stopping: it runs, but was asked to stop.
    """

    job: Job | None = None
    running: bool = False
    finished: bool = False
    rows: tuple[dict[str, float], ...] = ()
    sheet: Path | None = None
    seconds_left: float = 0.0
    error: str | None = None
    stopping: bool = False


class TrainingProcess:
    """Starts, watches and stops the one training.

    Args:
        root: folder for its state; made when needed. Several servers of one user may share it.
        command: what is run, without the prompt and options.
    """

    def __init__(self, root: Path, command: Sequence[str] = COMMAND):
        self.root = root
        self.command = tuple(command)
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping: tuple[ProcessId, threading.Thread] | None = None

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
            TrainingError: another one is under way, a value is outside its range, or the disk cannot be written.
        """
        prompt = validate.clean_prompt(prompt)
        if preset not in PRESETS:
            raise TrainingError(f"There is no preset {preset}; choose {' or '.join(PRESETS)}.")
        _check_minutes(minutes)
        with self._alone():
            shutil.rmtree(self.run_folder, ignore_errors=True)
            self._launch(prompt, preset, minutes)

    def resume(self, minutes: float) -> None:
        """Goes on with the training that was stopped. Raises TrainingError."""
        _check_minutes(minutes)
        self._go_on(minutes)

    def finish(self) -> None:
        """Makes the fitted edit of what a stopped training has learned so far. Raises TrainingError."""
        self._go_on(FINISH_MINUTES, "--finish")

    def stop(self) -> None:
        """Ends the process at its next step, with all that it started; it can be resumed from there.

        A process that ignores this is killed after `STOP_SECONDS`. Returns after at most `PROMPT_SECONDS`.
        """
        job = self._job()
        if job is None or job.process is None or not job.alive:
            return
        if not self._is_stopping(job):
            ending = threading.Thread(target=job.process.terminate, args=(STOP_SECONDS,), daemon=True)
            self._stopping = (job.process, ending)
            ending.start()
        if self._stopping is not None:
            self._stopping[1].join(PROMPT_SECONDS)

    def status(self) -> TrainingStatus:
        """The state, read from disk."""
        job = self._job()
        if job is None:
            return TrainingStatus()
        running = job.alive
        finished = not running and (self.run_folder / EDIT).is_file()
        sheets = sorted((self.run_folder / "sheets").glob("*.png"))
        ended_badly = not running and not finished
        return TrainingStatus(
            job=job,
            running=running,
            finished=finished,
            rows=read_metrics(self.run_folder / METRICS),
            sheet=sheets[-1] if sheets else None,
            seconds_left=job.seconds_left(time.time()) if running else 0.0,
            error=last_error(self.run_folder / "log.txt") if ended_badly else None,
            stopping=running and self._is_stopping(job),
        )

    def keep(self) -> Path:
        """Puts a copy of the fitted edit into the library, whole or not at all; returns its file.

        Raises:
            TrainingError: there is no fitted edit, a training is under way, or the library cannot be written.
        """
        status = self.status()
        job = status.job
        if job is None or not status.finished:
            raise TrainingError("There is no fitted edit yet. Wait for the training to finish.")
        with self._alone():
            self.library.mkdir(parents=True, exist_ok=True)
            path = self.library / f"{file_stem(job.prompt, self.library)}.safetensors"
            copies = {path.with_suffix(".jsonl"): METRICS, path: EDIT}
            copies = {to: name for to, name in copies.items() if (self.run_folder / name).is_file()}
            temporary = {to: to.with_name(f".{to.name}.tmp") for to in copies}
            try:
                for to, name in copies.items():
                    shutil.copyfile(self.run_folder / name, temporary[to])
                for to, made in temporary.items():
                    os.replace(made, to)
            finally:
                for made in temporary.values():
                    made.unlink(missing_ok=True)
        return path

    def kept(self) -> list[Path]:
        """All files in the library."""
        return sorted(self.library.glob("*.safetensors"))

    def _go_on(self, minutes: float, *more: str) -> None:
        with self._alone():
            job = self._job()
            if job is None:
                raise TrainingError("There is no training to go on with. Start a new one.")
            self._launch(job.prompt, job.preset, minutes, *more)

    def _launch(self, prompt: str, preset: str, minutes: float, *more: str) -> None:
        self.run_folder.mkdir(parents=True, exist_ok=True)
        (self.run_folder / EDIT).unlink(missing_ok=True)
        options = ["--preset", preset, "--max-minutes", f"{minutes:g}", "--sheet-every", str(SHEET_EVERY)]
        # after "--" a prompt is never taken for an option
        line = [*self.command, *options, *more, "--out", str(self.run_folder), "--", prompt]
        # the log starts empty, so that an error of an earlier attempt is not shown as this one's
        with (self.run_folder / "log.txt").open("wb") as log:
            child = subprocess.Popen(
                line, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            Job(prompt, preset, minutes, time.time(), ProcessId.of(child.pid)).save(self.root / "job.json")
        except OSError:  # without a record it could not be found and stopped
            child.kill()
            child.wait()
            raise
        self._child = child

    def _job(self) -> Job | None:
        if self._child is not None:
            self._child.poll()  # collects it when it has ended
        return read_job(self.root / "job.json")

    def _is_stopping(self, job: Job) -> bool:
        return self._stopping is not None and self._stopping[0] == job.process and self._stopping[1].is_alive()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps any training from starting meanwhile. The system drops the lock with its owner.

        Raises:
            TrainingError: a training is under way or being started, or the disk cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / "starting.lock", timeout=0):
                job = self._job()
                if job is not None and job.alive:
                    raise TrainingError(
                        f"“{job.prompt}” is being learned on this machine. Wait for it, or stop it first."
                    )
                yield
        except Timeout:
            raise TrainingError("Another training is being started at this moment. Try again.") from None
        except OSError as error:
            raise TrainingError(
                f"The training's folder {self.root} cannot be written: {error.strerror or error}. "
                "Free some space there, or set MCACLIP_CACHE to a folder that can be written."
            ) from error


def file_stem(prompt: str, library: Path) -> str:
    """The name of a prompt's file in the library, which is no other prompt's.

    Prompts that differ only in what file names leave out get a name of their own words and a digest.
    """
    plain = slug(prompt)
    if plain.replace("_", " ") == prompt and not _is_of_another(library / f"{plain}.safetensors", prompt):
        return plain
    return f"{plain}_{hashlib.sha256(prompt.encode()).hexdigest()[:12]}"


def _is_of_another(path: Path, prompt: str) -> bool:
    """Whether a file holds an edit network, and none for the prompt."""
    try:
        return path.is_file() and prompt not in read_header(path).prompts
    except WeightsError:
        return False


def _check_minutes(minutes: object) -> None:
    if not isinstance(minutes, int | float) or not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise TrainingError(f"The time is {MIN_MINUTES:g} to {MAX_MINUTES:g} minutes.")


def machine() -> str:
    """Device, cores and memory in words."""
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    memory = psutil.virtual_memory()
    free, total = memory.free / 2**30, memory.total / 2**30
    return f"{device} · {os.cpu_count() or 1} cores · {free:.1f} of {total:.1f} GB memory free"
