"""Stands in for `python -m train prompt`: writes metrics, waits for a file named "go", writes a result.

With the prompt "deaf" it ignores SIGTERM; with "child" it starts a process and writes its number down.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the process itself starts faster without torch
    from mcaclip.ui.state.training_process import TrainingProcess

COMMAND = (sys.executable, "-m", "tests.helpers.fake_training")


def until(condition: Callable[[], object]) -> None:
    """Waits for what another process does."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def begin(training: TrainingProcess, prompt: str = "red nose") -> None:
    """Starts to learn a prompt and waits for its first metrics."""
    training.start(prompt, "compact", 5)
    until(lambda: len(training.status().rows) == 5)


def learn(training: TrainingProcess) -> None:
    """Learns "red nose" to the end."""
    training.start("red nose", "compact", 5)
    (training.run_folder / "go").touch()
    until(lambda: training.status().finished)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--max-minutes", type=float)
    parser.add_argument("--preset")
    parser.add_argument("--sheet-every")
    parser.add_argument("--finish", action="store_true")
    args = parser.parse_args()
    if "deaf" in args.prompts[0]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "child" in args.prompts[0]:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (args.out / "child").write_text(str(child.pid))
    metrics = args.out / "metrics.jsonl"
    done = len(metrics.read_text().splitlines()) if metrics.exists() else 0
    with metrics.open("a") as file:
        for step in range(done + 1, done + 6):
            file.write(json.dumps({"step": step, "seconds": step, "loss": 5.0 - step, "id": 0.1}) + "\n")
    if "fails" in args.prompts[0]:
        raise SystemExit("error: it did not work")
    while not (args.out / "go").exists() and not args.finish:
        time.sleep(0.05)
    (args.out / "edit.safetensors").write_bytes(args.prompts[0].encode())


if __name__ == "__main__":
    main()
