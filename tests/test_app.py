"""The server as it is started, and what is left of visitors when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

import app
from mcaclip.errors import StudioError
from mcaclip.ui.server.starting import STARTING

PROJECT = Path(__file__).resolve().parents[1]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _start(tmp_path: Path, *options: str) -> tuple[subprocess.Popen, str]:
    """The real server; it answers before its models are loaded."""
    port = _free_port()
    env = {**os.environ, "TMPDIR": str(tmp_path), "MCACLIP_TRAINING": "off"}
    for name in ("GRADIO_TEMP_DIR", "SPACE_ID", "SPACE_HOST"):
        env.pop(name, None)
    command = [sys.executable, "app.py", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(1200):
        assert process.poll() is None
        try:
            if httpx.get(f"{address}/healthz").json()["status"] != STARTING:
                return process, address
        except httpx.TransportError:
            pass
        time.sleep(0.1)  # a process that starts can only be asked
    raise AssertionError("the server did not start")


@pytest.fixture
def users(tmp_path) -> Path:
    path = tmp_path / "users.txt"
    path.write_text("# who may enter\n\nanna:se:cret\nbert:x\n", encoding="utf-8")
    return path


def test_nobody_enters_without_a_password_and_uploaded_faces_go_with_the_server(tmp_path, users):
    process, address = _start(tmp_path, "--auth", str(users))
    try:
        upload = {"files": ("me.jpg", b"a face", "image/jpeg")}
        assert httpx.post(f"{address}/gradio_api/upload", files=upload).status_code == 401
        assert httpx.get(f"{address}/config").status_code == 401
        assert httpx.get(address, headers={"Host": "evil.com"}).status_code == 400
        with httpx.Client(base_url=address) as client:
            wrong = client.post("/login", data={"username": "anna", "password": "secret"})
            right = client.post("/login", data={"username": "anna", "password": "se:cret"})
            assert (wrong.status_code, right.status_code) == (400, 200)
            face = Path(client.post("/gradio_api/upload", files=upload).json()[0])
        assert face.read_bytes() == b"a face" and face.is_relative_to(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
        assert not face.exists() and not list(tmp_path.glob("mcaclip-studio-*"))
    finally:
        process.kill()
        process.wait()


def test_users_are_read_line_by_line(users):
    assert app.read_users(users) == [("anna", "se:cret"), ("bert", "x")]


@pytest.mark.parametrize("content", ["", "# nobody\n", "anna\n", ":x\n", "anna:\n", "\xff"])
def test_a_file_that_names_nobody_is_refused(tmp_path, content):
    path = tmp_path / "users.txt"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(StudioError, match="USER:PASSWORD"):
        app.read_users(path)


def test_a_missing_file_of_users_is_refused(tmp_path):
    with pytest.raises(StudioError, match="cannot be read"):
        app.read_users(tmp_path / "none")
