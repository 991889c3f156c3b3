"""The limits by client, asked for from one address each: they hold, and nobody else feels them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from mcaclip.ui.gate import MAX_BODY_BYTES
from mcaclip.ui.limits import COMPUTATIONS, EVENTS, UPLOADED_BYTES
from mcaclip.ui.tabs import MAX_TABS
from tests.stress.cases import Case, World
from tests.stress.junk import Random
from tests.stress.requests import API, JSON, Ask, page_values
from tests.stress.server import Server, address

FIRST_ADDRESS = 5_000_000
"""Of clients that no other case uses."""


def check_rule(server: Server, first: int) -> Case:
    """Case number N checks rule N of `RULES`; `first` is the number of the first case."""
    rules = iter(RULES[first:])

    def case(rng: Random, world: World) -> None:
        rule = next(rules)
        number = FIRST_ADDRESS + RULES.index(rule)
        with server.client(number) as client:
            rule(Ask(rng, world, server, client, address(number)))
        with server.client(0) as client:
            assert client.post(f"{API}/reset", json={"event_id": "x"}).status_code == 200, (
                "Others are refused as well"
            )
        server.check()

    return case


def _events(ask: Ask) -> None:
    """New session hashes do not help."""
    statuses = []
    for number in range(EVENTS.amount + 5):
        body = ask.body(event_id="x", session_hash=f"s{number}")
        statuses.append(ask.client.post(f"{API}/reset", content=body, headers=JSON).status_code)
    assert statuses[: EVENTS.amount] == [200] * EVENTS.amount and set(statuses[EVENTS.amount :]) == {429}


def _computations(ask: Ask) -> None:
    """New session hashes do not help, nor does another endpoint, nor that the arguments are bad."""
    calls = {one["api_name"]: one["id"] for one in ask.server.config["dependencies"]}
    answers = [
        ask.event(
            (calls["sample"], [-1, 0.7]) if number % 2 else (calls["align"], [None, 0, False]),
            session_hash=f"c{number}",
        )
        for number in range(COMPUTATIONS.amount + 4)
    ]
    refused = [b"minute" in answer and b"seed" not in answer for answer in answers]
    assert not any(refused[: COMPUTATIONS.amount]) and all(refused[COMPUTATIONS.amount :]), refused


def _uploads(ask: Ask) -> None:
    """The bytes of uploads are counted by what is announced, whether or not they come."""
    size = 45_000_000
    head = f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    answers = [
        ask.raw(f"{head}Content-Length: {size}\r\n\r\n".encode()) for _ in range(UPLOADED_BYTES.amount // size + 1)
    ]
    assert not any(b" 429 " in answer[:20] for answer in answers[:-1]) and b" 429 " in answers[-1][:20]


def _unannounced_upload(ask: Ask) -> None:
    """An upload whose length is not known, or is a lie, goes no further."""
    head = f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    assert b" 411 " in ask.raw(f"{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())[:20]
    form = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        + bytes(100_000)
        + b"\r\n--x--\r\n"
    )
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form)
    answer = ask.raw(f"{head}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunked)
    assert b" 200 " not in answer[:20], "100 kB came in as an upload of 9 bytes"


def _large_bodies(ask: Ask) -> None:
    """A body that is too large is refused by its announced length, and by its real one."""
    body = b'{"data":["' + b"a" * MAX_BODY_BYTES + b'"],"fn_index":2,"session_hash":"s"}'
    for route in ("queue/join", "run/predict", "call/sample", "component_server", "process_recording"):
        path = f"{API}/{route}"
        assert ask.client.post(path, content=body, headers=JSON).status_code == 413, route
        status = ask.client.post(path, content=iter([body[:2_000_000], body[2_000_000:]]), headers=JSON).status_code
        assert status in (400, 413), f"{route} in pieces: {status}"


def _cut_uploads(ask: Ask) -> None:
    """An upload that is cut off leaves nothing."""
    before = len(ask.server.files())
    head = f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(300_000)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", ask.server.port), 5, (ask.address, 0)) as line:
            line.sendall(f"{head}Content-Length: 900000\r\n\r\n".encode() + form)
            line.settimeout(0.5)
            with contextlib.suppress(OSError):
                line.recv(100)
    ask.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert len(ask.server.files()) <= before, f"{len(ask.server.files()) - before} files stay"


def _tabs_of_others(ask: Ask) -> None:
    """Somebody who opens very many tabs does not take away those of others."""
    names = {one["api_name"]: one["id"] for one in ask.server.config["dependencies"]}
    with ask.server.client(FIRST_ADDRESS + len(RULES)) as client:
        other = Ask(ask.rng, ask.world, ask.server, client, "")
        assert b"process_completed" in other.event(names["random_face"], [5, 0.7, None], session_hash="other")
        for number in range(MAX_TABS + 10):
            body = ask.body(data=[], component_id=1, fn_name="none", session_hash=f"t{number}")
            ask.send("POST", f"{API}/component_server", content=body, headers=JSON)
        data = ["green lipstick", *page_values(other, "edit_1")[1:]]
        answer = other.event(names["edit_1"], data, session_hash="other")
        assert b'"success":false' not in answer, f"The face is gone: {answer[-300:]!r}"


RULES: tuple[Callable[[Ask], None], ...] = (
    _events,
    _computations,
    _uploads,
    _unannounced_upload,
    _large_bodies,
    _cut_uploads,
    _tabs_of_others,
)
