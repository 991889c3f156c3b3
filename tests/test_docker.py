"""The Dockerfile's steps, as far as they can be checked where docker does not run."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time

import httpx
import pytest

import app
from mcaclip.config import PROJECT
from mcaclip.ui.server.health import PATH
from mcaclip.ui.server.starting import STARTING

Steps = list[tuple[str, str]]


@pytest.fixture(scope="module")
def steps() -> Steps:
    """Every instruction with its arguments, in order; continued lines joined, comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def of(steps: Steps, name: str) -> list[str]:
    return [rest for step, rest in steps if step == name]


def environment(steps: Steps) -> dict[str, str]:
    pairs = (pair.partition("=") for rest in of(steps, "ENV") for pair in shlex.split(rest))
    return {name: value for name, _, value in pairs}


def test_what_is_copied_is_there_and_nothing_else_is_sent(steps):
    copied = {source for rest in of(steps, "COPY") for source in rest.split()[:-1]}
    assert all((PROJECT / source).exists() for source in copied)
    ignored = [
        line for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"
    ]
    assert ignored[0] == "*" and {line[1:] for line in ignored if line.startswith("!")} == copied
    copied_later = {source for rest in of(steps, "COPY")[2:] for source in rest.split()[:-1]}
    assert {"app.py", "assets", "mcaclip"} <= copied_later  # dependencies stay cached when only these change


def test_it_runs_as_nobody_special(steps):
    names = [step for step, _ in steps]
    assert of(steps, "USER") == ["studio"] and names.index("USER") > max(n for n, s in enumerate(names) if s == "RUN")
    assert any(re.search(r"useradd .*--uid 1000 studio", rest) for rest in of(steps, "RUN"))


def test_no_host_is_named(steps):
    for _, rest in steps:
        assert set(re.findall(r"https?://([^/:'\" ]+)", rest)) <= {"127.0.0.1"}


def test_system_packages_and_requirements_are_those_of_the_project(steps):
    runs = " && ".join(of(steps, "RUN"))
    assert re.search(r"xargs apt-get install -y .*< /tmp/packages\.txt", runs)
    assert re.search(r"pip install .*-r requirements\.txt", runs)
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    version = re.search(r'^python_version: "([0-9.]+)"', readme, re.MULTILINE)
    assert version is not None and of(steps, "FROM") == [f"python:{version[1]}-slim"]


def test_health_is_asked_where_the_page_answers(steps, monkeypatch):
    for name, value in environment(steps).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    given = app.parse_args([])
    assert given.host == "0.0.0.0" and of(steps, "EXPOSE") == [str(given.port)]
    (check,) = of(steps, "HEALTHCHECK")
    assert f"http://127.0.0.1:{given.port}{PATH}'" in check
    assert app.open_training() is None


def test_its_command_starts(steps, tmp_path):
    (line,) = of(steps, "CMD")
    command = json.loads(line)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert command[0] == "python"
    places = {"MCACLIP_CACHE": str(tmp_path), "TMPDIR": str(tmp_path), "GRADIO_SERVER_PORT": str(port)}
    env = {**os.environ, **environment(steps), **places, "HOME": str(tmp_path)}
    process = subprocess.Popen([sys.executable, *command[1:]], cwd=PROJECT, env=env, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            assert process.poll() is None
            try:
                status = httpx.get(f"http://127.0.0.1:{port}{PATH}").json()["status"]
            except httpx.TransportError:
                time.sleep(0.05)  # a process that starts can only be asked
            else:
                break
        assert status in (STARTING, "loading", "ready")
    finally:
        process.kill()
        process.wait()
