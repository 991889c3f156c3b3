"""How long `app.py` takes to answer, to show its page and to load its models, and the memory of a first edit."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
from gradio_client import Client, handle_file

from mcaclip.ui.state.tabs import QUIET_SECONDS, SWEEP_SECONDS
from tests.stress.cases import PROJECT
from tests.stress.server import START_SECONDS

PROMPT = "blue goatee"


def measure(times: int) -> int:
    """Starts the server several times and prints the medians; the exit status."""
    made = np.median([_start(last=number == times - 1) for number in range(times)], axis=0)
    print("seconds to the first answer {:.2f}, the page {:.2f}, the models {:.2f}".format(*made))
    return 0


def _start(last: bool) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        began, log = time.monotonic(), Path(folder, "log")
        with log.open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port)], cwd=PROJECT, stdout=out, stderr=out,
                env={**os.environ, "TMPDIR": folder, "GRADIO_TEMP_DIR": folder},
            )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            answers = [_await(f"{url}{path}", wanted) - began for path, wanted in PATHS]
            if last:
                _print_memory(url, psutil.Process(child.pid))
        finally:
            child.terminate()
            child.wait()
    return answers[0], answers[1], answers[2]


PATHS = (("/", (503, 200)), ("/", (200,)), ("/healthz", (200,)))


def _await(url: str, wanted: tuple[int, ...]) -> float:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code in wanted:
                return time.monotonic()
        time.sleep(0.02)
    raise AssertionError("The server did not start")


def _print_memory(url: str, process: psutil.Process) -> None:
    print(f"{process.memory_info().rss >> 20} MB with the models")
    client = Client(url, verbose=False)
    _, session, _ = client.predict(seed=3, api_name="/sample")
    client.predict(handle_file(session), PROMPT, api_name="/edit")
    print(f"{process.memory_info().rss >> 20} MB after a face and an edit")
    time.sleep(QUIET_SECONDS + SWEEP_SECONDS + 1)
    print(f"{process.memory_info().rss >> 20} MB at rest")
