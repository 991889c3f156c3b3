"""What is refused before it reaches a route."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from mcaclip.ui.server import gate as gate_module
from mcaclip.ui.server.gate import Gate, client_of, own_names
from mcaclip.ui.state.limits import Limits
from mcaclip.ui.state.tabs import Tabs
from mcaclip.ui.state.visitor_files import UploadFolder, VisitorFiles

NAMES = own_names("127.0.0.1")


class Site:
    """A gate before a small app that answers with the size of what it received."""

    def __init__(self, root):
        self.files = VisitorFiles(root)
        self.folder = UploadFolder(root)
        routes = [
            Route("/gradio_api/upload", self.upload, methods=["POST"]),
            Route("/login", self.echo, methods=["POST"]),
            Route("/gradio_api/file=x.png", self.echo),
            Route("/{path:path}", self.echo, methods=["GET", "POST", "OPTIONS"]),
        ]
        self.tabs, self.limits, self.fns, self.root_path, self.waits = Tabs(self.files), Limits(), {3: None}, "", 0
        self.gate = Gate(Starlette(routes=routes), NAMES, self, self.folder)

    def waiting(self, client: str) -> int:
        return self.waits

    def expects(self, query: bytes) -> bool:
        return b"session_hash=known" in query

    def parameters(self, endpoint: str) -> dict[str, bool] | None:
        return {"seed": False, "photo": True} if endpoint == "invert" else None

    async def echo(self, request: Request):
        return PlainTextResponse(str(len(await request.body())))

    async def upload(self, request: Request):
        import os
        from pathlib import Path

        folder = Path(os.fspath(self.folder))
        folder.mkdir(parents=True)
        (folder / "me.jpg").write_bytes(await request.body())
        return JSONResponse([str(folder / "me.jpg")])

    def ask(self, method: str, path: str, address: str = "192.0.2.1", **options) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.gate, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as client:
                return await client.request(method, path, **options)

        with ThreadPoolExecutor(1) as beside:  # the browser tests leave a loop in this thread
            return beside.submit(lambda: asyncio.run(run())).result()


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.com"},
        {"Origin": "http://evil.com:7860"},
        {"Origin": "http://[broken"},
        {"X-Forwarded-Host": "evil.com"},
        {"X-Forwarded-Host": "127.0.0.1, evil.com"},
        {"X-Forwarded-Host": "evil.com, 127.0.0.1"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_pages_of_other_sites_get_nothing(site, headers, method):
    answer = site.ask(method, "/config", headers=headers)
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["http://127.0.0.1:7860", "http://localhost:7860", "http://[::1]:7860"])
def test_the_page_itself_is_served(site, origin):
    assert site.ask("POST", "/config", headers={"Origin": origin}, content=b"abc").text == "3"


def test_names_are_those_that_the_server_was_started_for(monkeypatch):
    monkeypatch.delenv("SPACE_HOST", raising=False)
    assert set(own_names("127.0.0.1")) == {"127.0.0.1", "localhost", "::1"}
    assert "studio.example.org" in own_names("127.0.0.1", ["Studio.Example.org"])
    everywhere = own_names("0.0.0.0")
    assert "127.0.0.1" in everywhere and "evil.com" not in everywhere
    monkeypatch.setenv("SPACE_HOST", "somebody-studio.hf.space")
    assert "somebody-studio.hf.space" in own_names("0.0.0.0")


def test_answers_carry_what_browsers_need_to_be_careful(site):
    answer = site.ask("GET", "/gradio_api/file=x.png")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "cache-control" not in site.ask("GET", "/assets/index.js").headers


def _pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 100_000):
        yield bytes(100_000)


def test_a_body_is_bounded_whatever_its_headers_say(site):
    large = gate_module.MAX_BODY_BYTES + 1
    assert site.ask("POST", "/gradio_api/queue/join", content=bytes(large)).status_code == 413

    async def chunks():
        for piece in _pieces(large + 200_000):
            yield piece

    assert site.ask("POST", "/gradio_api/queue/join", content=chunks()).status_code == 413
    assert site.ask("POST", "/gradio_api/queue/join", content=b"{}" + b" " * 998).text == "1000"


def test_uploads_are_known_and_lie_apart(site):
    one, two = (site.ask("POST", "/gradio_api/upload", content=b"face").json()[0] for _ in range(2))
    assert one != two and site.files.given(one, "a") and site.files.given(two, "b")


def test_uploads_of_a_client_are_bounded(site, monkeypatch):
    monkeypatch.setattr(gate_module, "UPLOADED_BYTES", gate_module.UPLOADED_BYTES.__class__(10_000, 600))
    sent = [site.ask("POST", "/gradio_api/upload", content=bytes(4000)).status_code for _ in range(4)]
    assert sent == [200, 200, 429, 429]
    assert site.ask("POST", "/gradio_api/upload", "192.0.2.9", content=bytes(4000)).status_code == 200


def test_an_upload_says_how_long_it_is_and_the_server_has_a_limit(site, monkeypatch):
    async def chunks():
        yield b"face"

    assert site.ask("POST", "/gradio_api/upload", content=chunks()).status_code == 411
    both = {"Content-Length": "4", "Transfer-Encoding": "chunked"}
    assert site.ask("POST", "/gradio_api/upload", content=chunks(), headers=both).status_code == 411
    assert site.ask("POST", "/gradio_api/upload", content=bytes(gate_module.MAX_UPLOAD_BYTES + 1)).status_code == 413
    monkeypatch.setattr(gate_module, "MAX_STORED_BYTES", 5)
    assert site.ask("POST", "/gradio_api/upload", content=b"face").status_code == 200
    assert site.ask("POST", "/gradio_api/upload", content=b"face").status_code == 503


def test_guessing_passwords_takes_long(site):
    tries = [site.ask("POST", "/login", content=json.dumps({"password": n}).encode()).status_code for n in range(12)]
    assert tries == [200] * 10 + [429] * 2
    assert site.ask("POST", "/login/", content=b"{}").status_code == 429


def test_a_connection_that_ends_closes_its_tab(site):
    told = []
    site.tabs.connected = lambda name: told.append(("on", name))
    site.tabs.disconnected = lambda name: told.append(("off", name))
    site.ask("GET", "/gradio_api/heartbeat/abc")
    assert told == [("on", "abc"), ("off", "abc")]


def test_the_client_is_who_the_connection_comes_from():
    assert client_of({"client": ("192.0.2.1", 5)}) == "192.0.2.1" and client_of({"client": None}) == ""


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"fn_index": 3, "data": [1], "session_hash": "ab-c_1", "event_data": null}', 200),
        (b'{"event_data": {"index": 1}}', 200),
        (b"", 200),
        (b'{"data": [NaN]}', 400),
        (b'{"data": [1e999]}', 400),
        (b"\xff", 400),
        (b"[]", 400),
        (b"[" * 100_000, 400),
        (b'{"fn_index": 4}', 400),
        (b'{"fn_index": "3"}', 400),
        (b'{"fn_index": true}', 400),
        (b'{"session_hash": 5}', 400),
        (b'{"session_hash": "' + b"a" * 65 + b'"}', 400),
        (b'{"event_data": "green lipstick"}', 200),
    ],
)
def test_bodies_that_the_page_would_not_send_are_refused(site, body, status):
    assert site.ask("POST", "/gradio_api/queue/join", content=body).status_code == status


def test_a_call_by_names_reports_missing_and_unknown_arguments(site):
    ask = lambda name, body: site.ask("POST", f"/gradio_api/call/v2/{name}", content=json.dumps(body).encode())  # noqa: E731
    assert ask("invert", {"photo": {}, "seed": 3}).status_code == ask("invert", {"photo": {}}).status_code == 200
    assert "photo" in ask("invert", {"seed": 3}).text and ask("invert", {"seed": 3}).status_code == 400
    assert ask("invert", {"photo": {}, "other": 3}).status_code == 400
    assert ask("other", {}).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/deep_link"),
        ("GET", "/gradio_api/proxy=http://evil.com/x"),
        ("GET", "/gradio_api/file=http://evil.com/x.png"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/stream/abc"),
        ("GET", "/monitoring/summary"),
        ("GET", "/openapi.json"),
        ("GET", "/gradio_api/queue/data?session_hash=unknown"),
        ("DELETE", "/gradio_api/upload"),
        ("GET", "/gradio_api/"),
    ],
)
def test_unused_routes_are_closed(site, method, path):
    assert site.ask(method, path).status_code == 404


def test_one_client_cannot_take_all_places_in_the_queue(site):
    site.waits = gate_module.MAX_WAITING
    assert site.ask("POST", "/gradio_api/queue/join", content=b"{}").status_code == 429
    assert site.ask("POST", "/gradio_api/call/sample", content=b"{}").status_code == 429
    assert site.ask("POST", "/gradio_api/cancel", content=b"{}").status_code == 200


def test_below_a_path_of_a_proxy_the_same_holds(site):
    site.root_path = "/studio"
    assert site.ask("GET", "/studio/gradio_api/deep_link").status_code == 404
    assert site.ask("POST", "/studio/gradio_api/queue/join", content=b"[]").status_code == 400
    assert site.ask("POST", "/studio/gradio_api/upload", content=bytes(60_000_000)).status_code == 413


def test_requests_of_a_client_are_bounded_whatever_tabs_it_names(site, monkeypatch):
    monkeypatch.setattr(gate_module, "EVENTS", gate_module.EVENTS.__class__(2, 600))
    bodies = [json.dumps({"session_hash": f"tab{number}"}).encode() for number in range(3)]
    assert [site.ask("POST", "/gradio_api/reset", content=body).status_code for body in bodies] == [200, 200, 429]
    assert site.ask("POST", "/gradio_api/reset", "192.0.2.9", content=bodies[0]).status_code == 200


def test_a_long_address_is_refused(site):
    assert site.ask("GET", "/gradio_api/upload_progress?upload_id=" + "x" * 3000).status_code == 414
