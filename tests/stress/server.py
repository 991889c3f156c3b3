"""The page in a process of its own, with its log, its memory and its files."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from mcaclip.ui.server.folder import PREFIX
from tests.stress.cases import MAX_GROWTH, PROJECT, World, listing

FAKE = ("-m", "tests.browser.serve", "--port", "{port}", "--parent", "{parent}")
REAL = ("app.py", "--port", "{port}")
START_SECONDS = 300
END_SECONDS = 60


@dataclass
class Server:
    """A running page.

    Attributes:
        port: where it listens on this machine.
        process: its main process.
        parent: the folder in which it makes its own; also its system folder for temporary files.
        log: its output.
        trap: another server of this machine, to which it must not connect.
        config: the components and events of the page, as browsers get them.
    """

    port: int
    process: psutil.Process
    parent: Path
    log: Path
    trap: socket.socket
    config: dict[str, Any] = field(default_factory=dict)
    _read: int = 0
    _base: int = 0

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of the page."""
        return self.config["dependencies"]

    def event(self, name: str) -> dict[str, Any]:
        """The event of a name."""
        return next(one for one in self.events if one["api_name"] == name)

    def at(self, component: str, event: str) -> dict[str, Any]:
        """What a component's event fires."""
        numbers = {one["props"].get("elem_id"): one["id"] for one in self.config["components"]}
        return next(one for one in self.events if [numbers[component], event] in one["targets"])

    def inputs(self, event: dict[str, Any]) -> list[Any]:
        """What a browser sends with an event while the page is unchanged."""
        values = {one["id"]: one["props"].get("value") for one in self.config["components"]}
        return [values.get(number) for number in event["inputs"]]

    def client(self, number: int) -> httpx.Client:
        """A client whose requests come from address number `number` of this machine."""
        transport = httpx.HTTPTransport(local_address=address(number), verify=False)  # without TLS it starts sooner
        return httpx.Client(transport=transport, base_url=self.url, timeout=60)

    def memory(self) -> int:
        """Bytes of its process and that process's children."""
        total = 0
        for one in (self.process, *self.process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
        return total

    def files(self) -> dict[Path, int]:
        """The files in its folder and their sizes."""
        return {path: size for path, (size, _) in listing(self.parent).items() if path.is_file()}

    def new_log(self) -> str:
        """Its output since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        self._read += len(data)
        return data.decode(errors="replace")

    def check(self) -> None:
        """Raises AssertionError if it ended, wrote a traceback, grew, asked another server or left its folder."""
        assert self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE, "The server ended"
        log = self.new_log()
        assert "Traceback" not in log, f"In the server's log:\n{log[-3000:]}"
        self._base = self._base or self.memory()
        grown = self.memory() - self._base
        assert grown <= MAX_GROWTH, f"The server grew by {grown >> 20} MB"
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"The server connected to another one: {self.trap.accept()}")
        strays = [path.name for path in self.parent.iterdir() if PREFIX not in path.name]
        assert not strays, f"The server left files outside its folder: {strays}"


@contextmanager
def served(world: World, real: bool = False) -> Iterator[Server]:
    """Starts the page; ends it, and checks that no file of it stays."""
    parent, log = world.folder.parent / "server", world.folder.parent / "server.log"
    parent.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = [sys.executable, *(part.format(port=port, parent=parent) for part in (REAL if real else FAKE))]
    environment = os.environ | {"TMPDIR": str(parent), "GRADIO_TEMP_DIR": str(parent)}
    with log.open("wb") as file, socket.create_server(("127.0.0.1", 0)) as trap:
        trap.setblocking(False)
        child = subprocess.Popen(line, cwd=PROJECT, env=environment, stdout=file, stderr=file)
        try:
            server = Server(port, psutil.Process(child.pid), parent, log, trap)
            _await(server, child)
            yield server
        finally:
            child.terminate()
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise AssertionError("The server did not end when it was asked to") from None
    strays = [str(path.relative_to(parent)) for path in parent.glob("*/**")]
    assert not strays, f"The server left its folder: {strays[:9]}"


def address(number: int) -> str:
    """One of the addresses under which this machine reaches itself; 0 is the usual one."""
    return "127.0.0.1" if number == 0 else f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{1 + number % 250}"


def _await(server: Server, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{server.url}/healthz").status_code == 200:
                server.config = httpx.get(f"{server.url}/config").json()
                return
        assert child.poll() is None, f"The server ended:\n{server.new_log()[-3000:]}"
        time.sleep(0.2)
    raise AssertionError("The server did not start")
