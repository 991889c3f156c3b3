"""The limits by client, each tried from an address of its own: they hold, and other visitors do not feel them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from random import Random

from mcaclip.ui.page.blocks import QUEUE_SIZE
from mcaclip.ui.server.gate import MAX_BODY_BYTES
from mcaclip.ui.state.limits import COMPUTATIONS, EVENTS, UPLOADED_BYTES
from mcaclip.ui.state.tabs import MAX_TABS
from tests.stress.cases import Case, World
from tests.stress.requests import API, FORM, JSON, Ask, form_part
from tests.stress.server import Server, address

FIRST_ADDRESS = 5_000_000
"""The first address of clients that no other case uses."""
UPLOAD = f"POST {API}/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n".encode()


def check_rule(server: Server, numbers: Sequence[int]) -> Case:
    """Case number N checks rule N of `RULES`; the cases come in the order of `numbers`."""
    rules = iter(numbers)

    def case(rng: Random, world: World) -> None:
        rule = next(rules)
        with server.client(FIRST_ADDRESS + rule) as client:
            RULES[rule](Ask(rng, world, server, client, address(FIRST_ADDRESS + rule)))
        with server.client(0) as client:
            status = client.post(f"{API}/reset", json={"event_id": "x"}).status_code
        assert status == 200, "Others are refused as well"
        server.check()

    return case


def _events(ask: Ask) -> None:
    """New session hashes do not help."""
    statuses = []
    for number in range(EVENTS.amount + 5):
        body = {"event_id": "x", "session_hash": f"s{number}"}
        statuses.append(ask.client.post(f"{API}/reset", json=body).status_code)
    assert statuses[: EVENTS.amount] == [200] * EVENTS.amount and set(statuses[EVENTS.amount :]) == {429}


def _computations(ask: Ask) -> None:
    """New session hashes do not help, nor does another endpoint, nor bad arguments."""
    answers = []
    for number in range(COMPUTATIONS.amount + 4):
        name, data = ("sample", [-1, 0.7]) if number % 2 else ("align", [None, 0, False])
        answers.append(ask.event(name, data, session_hash=f"c{number}"))
    refused = [b"minute" in answer and b"seed" not in answer for answer in answers]
    assert not any(refused[: COMPUTATIONS.amount]) and all(refused[COMPUTATIONS.amount :]), refused


def _uploads(ask: Ask) -> None:
    """The bytes of uploads are counted by their announced length, whether or not they come."""
    size = 45_000_000
    amount = UPLOADED_BYTES.amount // size + 1
    refused = [b" 429 " in ask.raw(UPLOAD + b"Content-Length: %d\r\n\r\n" % size)[:20] for _ in range(amount)]
    assert refused == [False] * (amount - 1) + [True]


def _unannounced_upload(ask: Ask) -> None:
    """An upload whose length is unknown, or is a lie, goes no further."""
    assert b" 411 " in ask.raw(UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")[:20]
    form = form_part(b"files", b"a.png", bytes(100_000) + b"\r\n--x--\r\n")
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form)
    answer = ask.raw(UPLOAD + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked)
    assert b" 200 " not in answer[:20], "100 kB came in as an upload of 9 bytes"


def _large_bodies(ask: Ask) -> None:
    """A body that is too large is refused by its announced length, and by its real one."""
    body = b'{"data":["' + b"a" * MAX_BODY_BYTES + b'"],"fn_index":2,"session_hash":"s"}'
    for route in ("queue/join", "run/predict", "call/sample"):
        path = f"{API}/{route}"
        assert ask.client.post(path, content=body, headers=JSON).status_code == 413, route
        status = ask.client.post(path, content=iter([body[:2_000_000], body[2_000_000:]]), headers=JSON).status_code
        assert status in (400, 413), f"{route} in pieces: {status}"


def _cut_uploads(ask: Ask) -> None:
    """An upload that is cut off leaves nothing."""
    before = len(ask.server.files())
    form = form_part(b"files", b"a.png", bytes(300_000))
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", ask.server.port), 5, (ask.address, 0)) as line:
            line.sendall(UPLOAD + b"Content-Length: 900000\r\n\r\n" + form)
            line.settimeout(0.5)
            with contextlib.suppress(OSError):
                line.recv(100)
    ask.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert len(ask.server.files()) <= before, f"{len(ask.server.files()) - before} files stay"


def _tabs_of_others(ask: Ask) -> None:
    """Opening very many tabs does not take away those of others."""
    with ask.server.client(FIRST_ADDRESS + len(RULES)) as client:
        other = Ask(ask.rng, ask.world, ask.server, client, "")
        assert b"process_completed" in other.event("random_face", [5, 0.7, None], session_hash="other")
        for number in range(MAX_TABS + 10):
            _open_tab(ask, f"t{number}")
        edit = ask.server.at("edit-now", "click")
        data = ["green lipstick", *ask.server.inputs(edit)[1:]]
        answer = other.event(edit, data, session_hash="other")
        assert b'"success":false' not in answer, f"The face is gone: {answer[-300:]!r}"


def _long_names(ask: Ask) -> None:
    """The names that a visitor gives to its tab and its uploads are not kept for ever, however long they are."""
    before = ask.server.memory()
    for number in range(150):
        name = f"{number}" + "x" * 2_000_000
        _open_tab(ask, name)
        ask.send("POST", f"{API}/upload", params={"upload_id": name[:30_000]}, files={"files": ("a.png", b"a")})
    grown = (ask.server.memory() - before) >> 20
    assert grown < 100, f"150 requests made the server grow by {grown} MB"


def _links(ask: Ask) -> None:
    """A request for a deep link writes no file that stays."""
    before = set(ask.server.files())
    ask.event("random_face", ask.server.inputs(ask.server.event("random_face")), session_hash="links")
    ask.send("GET", f"{API}/deep_link", params={"session_hash": "links"})
    strays = [path.name for path in set(ask.server.files()) - before if "deep_links" in path.parts]
    assert not strays, f"It wrote {strays}"


def _places_in_the_queue(ask: Ask) -> None:
    """A visitor with very many requests at once leaves others a place in the queue."""
    event = ask.server.event("random_face")["id"]
    for number in range(QUEUE_SIZE + 6):
        ask.post("queue/join", data=[number, 0.7, None], fn_index=event, session_hash=f"q{number}")
    with ask.server.client(FIRST_ADDRESS + len(RULES) + 1) as client:
        body = {"data": [1, 0.7, None], "fn_index": event, "session_hash": "waits"}
        status = client.post(f"{API}/queue/join", json=body).status_code
    assert status == 200, f"Somebody else gets {status}"


def _open_tab(ask: Ask, session: str) -> None:
    """Calls a function that does not exist: the cheapest request that makes the server keep a session."""
    ask.post("component_server", data=[], component_id=1, fn_name="none", session_hash=session)


RULES: tuple[Callable[[Ask], None], ...] = (
    *(_events, _computations, _uploads, _unannounced_upload, _large_bodies, _cut_uploads),
    *(_tabs_of_others, _long_names, _links, _places_in_the_queue),
)
QUICK = tuple(map(RULES.index, (_unannounced_upload, _cut_uploads, _links, _places_in_the_queue)))
"""Numbers of the rules that take a moment."""
