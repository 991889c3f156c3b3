"""What every command does at the terminal: lines that fit any encoding, and the status of a process that is ended."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys

import pytest

from mcaclip.__main__ import main
from mcaclip.platform import console
from mcaclip.platform.console import exit_status


@pytest.fixture(autouse=True)
def _handlers():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _raising(error: BaseException):
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device", "/out/edited.png"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), 2),
    ],
)
def test_whatever_ends_a_command_takes_one_line(error, status, capsys):
    assert exit_status(_raising(error)) == status
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1 and shown.err.startswith("mcaclip: ") and shown.out == ""
    assert getattr(error, "strerror", None) is None or error.strerror in shown.err


def test_sigterm_unwinds_the_command(capsys):
    ended = []

    def run() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):  # the handler runs between two steps
                pass
            return 0
        finally:
            ended.append(True)

    assert exit_status(run) == 143 and ended
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_every_line_can_be_shown(encoding, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert main(["invert", "портрет\udce9\n.jpg", "--out", "x"]) == 2
    console.say("портрет\udce9 😀\x1b[2J")
    for stream in streams:
        stream.flush()
        (line,) = stream.buffer.getvalue().decode(encoding).splitlines()
        assert "\\u043f" in line and "\x1b" not in line
