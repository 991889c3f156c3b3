"""The page in a process of its own, and what its log, its memory and the disk say about it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
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
        parent: the folder in which it makes its own; also its system folder for temporary files.
        log: what it writes.
        config: what the page consists of, as browsers are told.
        asked: paths for which it asked a server of ours that it has no business with.
    """

    port: int
    process: psutil.Process
    parent: Path
    log: Path
    asked: list[str]
    config: dict[str, Any] = field(default_factory=dict)
    _read: int = 0
    _base: int = 0

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, number: int, **options: Any) -> httpx.Client:
        """A client whose requests come from address number `number` of this machine."""
        transport = httpx.HTTPTransport(local_address=address(number), verify=False)  # a quick start: there is no TLS
        return httpx.Client(transport=transport, base_url=self.url, timeout=60, **options)

    def memory(self) -> int:
        """Bytes of its process and the ones that it started."""
        total = 0
        for one in (self.process, *self.process.children(recursive=True)):
            try:
                total += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total

    def files(self) -> dict[Path, int]:
        """The files in its folder and their sizes."""
        return {path: size for path, (size, _) in listing(self.parent).items() if path.is_file()}

    def new_log(self) -> str:
        """What it has written since this was last asked."""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._read)
            text = file.read()
            self._read = file.tell()
        return text

    def check(self) -> None:
        """Raises AssertionError if it ended, wrote a traceback, grew, asked another server or left its folder."""
        assert self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE, "The server ended"
        said = self.new_log()
        assert "Traceback" not in said, f"In the server's log:\n{said[-3000:]}"
        self._base = self._base or self.memory()
        grown = self.memory() - self._base
        assert grown <= MAX_GROWTH, f"The server grew by {grown >> 20} MB"
        assert not self.asked, f"The server asked another one: {self.asked}"
        strays = [path.name for path in self.parent.iterdir() if PREFIX not in path.name]
        assert not strays, f"The server left files outside its folder: {strays}"


@contextmanager
def served(world: World, real: bool = False) -> Iterator[Server]:
    """Starts the page; ends it, and checks that nothing of it stays."""
    port, parent, log = _free_port(), world.folder.parent / "server", world.folder.parent / "server.log"
    parent.mkdir()
    temporary = {name: str(parent) for name in ("TMPDIR", "GRADIO_TEMP_DIR")}
    line = [part.format(port=port, parent=parent) for part in (REAL if real else FAKE)]
    with log.open("wb") as file, _trap() as asked:
        child = subprocess.Popen(
            [sys.executable, *line], cwd=PROJECT, env={**os.environ, **temporary}, stdout=file, stderr=file
        )
        try:
            server = Server(port, psutil.Process(child.pid), parent, log, asked)
            _await(server, child)
            yield server
        finally:
            child.send_signal(signal.SIGTERM)
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
        try:
            if httpx.get(f"{server.url}/healthz").status_code == 200:
                server.config = httpx.get(f"{server.url}/config").json()
                return
        except httpx.TransportError:
            pass
        assert child.poll() is None, f"The server ended:\n{server.new_log()[-3000:]}"
        time.sleep(0.2)
    raise AssertionError("The server did not start")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _trap() -> Iterator[list[str]]:
    """A web server that nobody has business with; yields the paths that it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    trap = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=trap.serve_forever, daemon=True).start()
    trap_ports.append(trap.server_port)
    try:
        yield asked
    finally:
        trap.shutdown()
        trap.server_close()


trap_ports: list[int] = []
