"""Training, started as a process: product code never imports the training package."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mcaclip.config import PROJECT, STACKS, Stack
from mcaclip.errors import TrainingError
from mcaclip.methods.base import Fitter
from mcaclip.types import ProgressCallback


def run_training(words: Sequence[str]) -> str:
    """Runs `python -m train WORDS` to its end; its output on stdout. Paths in `words` are absolute.

    Raises:
        TrainingError: it failed; the message is the last line that it wrote on stderr.
    """
    line = [sys.executable, "-m", "train", *words]
    with subprocess.Popen(
        line, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        try:
            output, errors = process.communicate()
        except BaseException:
            process.terminate()  # it writes a checkpoint before it ends
            process.wait()
            raise
    if process.returncode:
        last = (errors.strip().splitlines() or [f"it ended with status {process.returncode}"])[-1]
        raise TrainingError(f"The training failed: {last.removeprefix('error: ')}")
    return output


def make_fitter(stack: Stack, steps: int, out: Path, device: str) -> Fitter:
    """A function that fits a method to a prompt with few steps, each into a folder of its own in `out`.

    A method that was fitted there with as many steps is not fitted again.
    """

    # a fit needs no encoder
    stack = replace(stack, encoder=STACKS[stack.name].encoder)

    def fit(method: str, prompt: str, callback: ProgressCallback | None) -> Path:
        folder = out.absolute() / f"{method}_{re.sub('[^a-z0-9]+', '_', prompt.lower())}_{steps}"
        how = ["--method", method, "--steps", str(steps), "--from-scratch", "--sheet-every", "0"]
        where = ["--device", device, "--out", str(folder), *shlex.split(stack.options)]
        run_training(["prompt", *how, *where, "--", prompt])
        return folder / "edit.safetensors"

    return fit
