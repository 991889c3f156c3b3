"""The answers before the page is there."""

from __future__ import annotations

import socket

import httpx
import pytest

from mcaclip.errors import StudioError
from mcaclip.ui.server.starting import STARTING, StartingPage


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_browsers_and_balancers_are_told_to_come_again(port):
    with StartingPage("127.0.0.1", port):
        page, health = (httpx.get(f"http://127.0.0.1:{port}{path}") for path in ("/studio/?x=1", "/healthz"))
    assert page.status_code == health.status_code == 503
    assert "starting" in page.text and page.headers["retry-after"] == "1"
    assert health.json()["status"] == STARTING


def test_the_address_is_free_afterwards(port):
    with StartingPage("127.0.0.1", port):
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 503
    with StartingPage("127.0.0.1", port):
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 503
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


def test_an_address_in_use_is_named_at_once(port):
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StudioError, match=f"Port {port}.*--port"):
        StartingPage("127.0.0.1", port)


def test_a_client_that_sends_nothing_keeps_nobody_waiting(port):
    with StartingPage("127.0.0.1", port), socket.create_connection(("127.0.0.1", port)):
        assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 503
