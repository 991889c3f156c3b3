"""Hostile requests to a running page."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.fakes import PROMPTS
from tests.stress.cases import Case, RefusedError, World
from tests.stress.junk import NOT_FINITE, NUMBERS, Random, damaged, mutated, nested, pick, text, value
from tests.stress.pictures import hostile
from tests.stress.server import Server, address, trap_ports

API = "/gradio_api"
EVENT_SECONDS = 20
MAX_ANSWER = 20_000_000
FACE_EVENTS = (
    "new_face",
    "edit_1",
    "rerender",
    "strengths",
    "sweep",
    "files",
    "go_to",
    "paint",
    "unpaint",
    "compare",
)
ROUTES = (
    "config",
    "info",
    "openapi.json",
    "user",
    "token",
    "app_id",
    "login_check",
    "startup-events",
    "theme.css",
    "queue/status",
    "dev/reload/../config",
    "monitoring",
    "runs",
    "run-history/buckets",
    "run-history/records",
    "deep_link?session_hash={}",
    "upload_progress?upload_id={}",
    "queue/data?session_hash={}",
    "call/edit/{}",
    "stream/{}/{}/{}/playlist.m3u8",
    "stream/{}/1/2/3.ts",
    "custom_component/{}/server/component/{}",
    "proxy={}",
    "file={}",
    "file/{}",
    "../static/{}",
    "../assets/{}",
    "../svelte/{}",
    "../monitoring/{}",
    "../?deep_link={}",
    "../pwa_icon/{}",
    "../manifest.json",
    "../favicon.ico",
    "../logout",
    "../robots.txt",
    "../{}",
)
BODIES = ("run/predict", "run/sample", "api/edit", "call/edit", "call/v2/edit", "call/v2/{}", "queue/join", "reset")
BODIES += ("cancel", "stream/{}", "stream/{}/close", "component_server", "process_recording", "vibe-edit")
BODIES += ("vibe-code", "vibe-starter-queries", "undo-vibe-edit", "run-history/connect", "../login", "upload", "{}")
TYPES = (
    "application/json",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "",
    "a\x7f",
    "a/b;" * 99,
)
_clients = iter(range(1, 10**9))


@dataclass
class Ask:
    """One case's way to the server, from an address of its own."""

    rng: Random
    world: World
    server: Server
    client: httpx.Client
    address: str
    refused: bool = False

    def send(self, method: str, path: str, **options: Any) -> bytes:
        """Asks, checks the answer, returns its body (no more than the beginning of a stream)."""
        try:
            with self.client.stream(method, path, **options) as answer:
                body = b""
                until = time.monotonic() + (1 if "event-stream" in answer.headers.get("content-type", "") else 60)
                try:
                    for part in answer.iter_raw():
                        body += part
                        if time.monotonic() > until or len(body) > MAX_ANSWER:
                            break
                except httpx.ReadTimeout:
                    pass
                self.checked(str(answer.headers).encode() + body)
                self.refused |= answer.status_code >= 400
                return body
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError, TypeError, ValueError):
            return b""  # the client itself refuses to send that
        except httpx.TransportError:
            self.refused = True  # the server hung up
            return b""

    def raw(self, data: bytes, seconds: float = 1.0) -> bytes:
        """Sends bytes as they are; returns what comes back until the end, or for so long."""
        with socket.create_connection(("127.0.0.1", self.server.port), 5, (self.address, 0)) as line:
            line.settimeout(seconds)
            answer = b""
            try:
                line.sendall(data)
                while len(answer) < MAX_ANSWER and (part := line.recv(65536)):
                    answer += part
            except OSError:
                pass
        self.checked(answer)
        self.refused |= not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))
        return answer

    def checked(self, answer: bytes) -> None:
        """Raises AssertionError for an answer that holds a traceback, or anything of a file that was not uploaded."""
        assert self.world.secret.encode() not in answer, "An answer holds a file of this machine"
        for word in (b"Traceback (most", b'File "/', b"root:x:0", b"site-packages"):
            assert word not in answer, f"An answer holds {word!r}: {answer[-500:]!r}"

    def body(self, **values: Any) -> bytes:
        """JSON with whatever values, those that no JSON has included."""
        return json.dumps(values, ensure_ascii=bool(self.rng.random() < 0.8)).encode(errors="surrogatepass")

    def event(self, number: int, data: list[Any], **more: Any) -> bytes:
        """Fires an event of the page as browsers do and reads to its end."""
        session = more.setdefault("session_hash", "s")
        joined = self.send(
            "POST", f"{API}/queue/join", content=self.body(data=data, fn_index=number, **more), headers=JSON
        )
        if b"event_id" not in joined or not isinstance(session, str):
            return joined
        answer, until = b"", time.monotonic() + EVENT_SECONDS
        try:
            with self.client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as stream:
                for line in stream.iter_lines():
                    answer += line.encode(errors="surrogatepass")
                    assert time.monotonic() < until, f"Event {number} did not end"
                    if "close_stream" in line or "unexpected_error" in line:
                        break
        except (httpx.TransportError, UnicodeEncodeError, httpx.InvalidURL):
            self.refused = True
        self.checked(answer)
        self.refused |= b'"success":false' in answer
        return answer

    def upload(self, name: str, data: bytes, kind: str = "image/png") -> list[str]:
        """Uploads a file; the paths that the server says it has."""
        try:
            return json.loads(self.send("POST", f"{API}/upload", files={"files": (name, data, kind)}))
        except ValueError:
            return []

    def path(self) -> str:
        """A path or address that no visitor may have read."""
        canary = str(pick(self.rng, [self.world.canaries, *sorted(self.world.canaries.rglob("*"))]))
        own = pick(self.rng, [self.server.parent, self.server.log, *sorted(self.server.files())[:6]])
        trap = (
            f"http://{pick(self.rng, ('127.0.0.1', 'localhost', '127.1', '[::1]', '0x7f.1'))}:{trap_ports[-1]}/x.png"
        )
        tries = (canary, canary, str(own), trap, f"{self.server.url}/config", f"file://{canary}", "/etc/passwd")
        tries += ("/proc/self/environ", "/dev/zero", "~/.bashrc", "\\\\127.0.0.1\\a\\b.png", text(self.rng)[:3000])
        one = pick(self.rng, tries)
        ways: tuple[Callable[[str], str], ...] = (
            lambda p: p,
            lambda p: p,
            lambda p: f"{self.server.parent}/../{p}",
            lambda p: "../" * 12 + p.lstrip("/"),
            lambda p: p.replace("/", "%2f"),
            lambda p: p + "\0.png",
            lambda p: "/." + p,
            lambda p: p + "/.",
        )
        return pick(self.rng, ways)(one)

    def file(self) -> Any:
        """What stands for a file in a request."""
        path = self.path()
        shapes = (
            {"path": path, "meta": {"_type": "gradio.FileData"}},
            {"path": path},
            path,
            [{"path": path}],
            {"path": path, "url": path, "orig_name": path, "size": -1},
            {"image": {"path": path}, "caption": path},
            {"meta": {"_type": "gradio.FileData"}, "path": value(self.rng), "is_stream": True, "url": path},
        )
        return pick(self.rng, shapes)


JSON = {"content-type": "application/json"}


def requests(server: Server, _: Sequence[int]) -> Case:
    """A case of a few requests of one kind."""

    def case(rng: Random, world: World) -> None:
        number = next(_clients)
        with server.client(number) as client:
            ask = Ask(rng, world, server, client, address(number))
            pick(rng, KINDS)(ask)
        server.check()
        if ask.refused:
            raise RefusedError("The server refused it")

    return case


def _dependencies(ask: Ask) -> list[dict[str, Any]]:
    return ask.server.config["dependencies"]


def page_values(ask: Ask, event: str) -> list[Any]:
    """What a browser would send with an event that nothing was changed before."""
    return _inputs(ask, next(one for one in _dependencies(ask) if one["api_name"] == event))


def _inputs(ask: Ask, event: dict[str, Any]) -> list[Any]:
    values = {one["id"]: one["props"].get("value") for one in ask.server.config["components"]}
    return [values.get(number) for number in event["inputs"]]


def _fire_events(ask: Ask) -> None:
    """Some events in one tab, with values of any type in any place."""
    session = pick(ask.rng, ("s", text(ask.rng)[:200] or "s"))
    events = _dependencies(ask)
    if ask.rng.random() < 0.5:
        made = next(one for one in events if one["api_name"] == "random_face")
        ask.event(made["id"], [int(ask.rng.integers(1000)), 0.7, None], session_hash=session)
    for _ in range(int(ask.rng.integers(1, 4))):
        event = pick(ask.rng, [one for one in events if ask.rng.random() < 0.5 or one["api_name"] in FACE_EVENTS])
        data = _inputs(ask, event)
        if event["api_name"] == "edit_1":
            data[0] = pick(ask.rng, PROMPTS)
        for place in range(len(data)):
            if ask.rng.random() < 0.25:
                data[place] = pick(ask.rng, (value(ask.rng), value(ask.rng), ask.file()))
        if ask.rng.random() < 0.1:
            data = mutated(ask.rng, data) if data else [value(ask.rng)]
        index = pick(ask.rng, (0, 1, -1, 1.0, True, "0", [0, 1], None, *NUMBERS, *NOT_FINITE, value(ask.rng)))
        more: dict[str, Any] = {
            "event_data": pick(ask.rng, (None, {"index": index, "value": value(ask.rng)}, value(ask.rng))),
            "trigger_id": pick(ask.rng, (None, event["targets"][0][0], -1, 10**9)),
        }
        number = event["id"] if ask.rng.random() < 0.95 else pick(ask.rng, (-1, 10**6, 2**70))
        if event["queue"]:
            ask.event(number, data, session_hash=session, **more)
        else:
            body = ask.body(data=data, fn_index=number, session_hash=session, **more)
            ask.send("POST", f"{API}/run/predict", content=body, headers=JSON)


def _call_endpoints(ask: Ask) -> None:
    """The public endpoints, by all their routes."""
    paths = ask.upload("session.safetensors", hostile(ask.rng)) if ask.rng.random() < 0.3 else []
    files = (ask.file(), {"path": paths[0], "meta": {"_type": "gradio.FileData"}} if paths else ask.file(), None)
    name = pick(ask.rng, ("align", "invert", "sample", "edit"))
    event = next(one for one in _dependencies(ask) if one["api_name"] == name)
    good = {
        "align": [pick(ask.rng, files), 0, True],
        "invert": [pick(ask.rng, files), 0, "instant", True],
        "sample": [1, 0.7],
        "edit": [pick(ask.rng, files), "green lipstick", 1.0, 0.0, pick(ask.rng, files), "automatic"],
    }[name]
    data = [value(ask.rng) if ask.rng.random() < 0.3 else one for one in good]
    way = int(ask.rng.integers(4))
    if way == 0:
        ask.event(event["id"], data)
        return
    if way == 1:
        more = {"batched": pick(ask.rng, (True, False)), "simple_format": True, "event_id": text(ask.rng)[:50]}
        ask.send("POST", f"{API}/run/{name}", content=ask.body(data=data, **more), headers=JSON)
        return
    named = {pick(ask.rng, ("seed", "truncation", "photo", "x")): one for one in data}
    path, body = (
        (f"{API}/call/{name}", ask.body(data=data)) if way == 2 else (f"{API}/call/v2/{name}", ask.body(**named))
    )
    try:
        event_id = json.loads(ask.send("POST", path, content=body, headers=JSON))["event_id"]
    except (ValueError, KeyError, TypeError):
        return
    ask.refused |= b"event: error" in ask.send("GET", f"{path}/{event_id}")


def _odd_routes(ask: Ask) -> None:
    """Every route with names and paths that are none."""
    for _ in range(int(ask.rng.integers(1, 5))):
        route = pick(ask.rng, ROUTES)
        while "{}" in route:
            route = route.replace("{}", pick(ask.rng, (ask.path(), text(ask.rng)[:300] or "x", "s", "1")), 1)
        path = f"{API}/{route}" if not route.startswith("../") else route[2:]
        ask.send(pick(ask.rng, ("GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH")), path)


def _odd_bodies(ask: Ask) -> None:
    """Every route that takes a body with one that does not fit."""
    route = pick(ask.rng, BODIES).replace("{}", pick(ask.rng, ("x", "edit", text(ask.rng)[:100])))
    path = f"{API}/{route}" if not route.startswith("../") else route[2:]
    good = {
        **{"data": _inputs(ask, pick(ask.rng, _dependencies(ask))), "fn_index": 2, "session_hash": "s"},
        **{"event_id": "x", "component_id": int(ask.rng.integers(0, 200)), "prompt": "x", "code": "x"},
        "fn_name": pick(ask.rng, ("ls", "accept_blobs", "__init__", "preprocess", "style", "get_config")),
    }
    body = json.dumps(mutated(ask.rng, good, int(ask.rng.integers(4)))).encode()
    deep = json.dumps({**good, "data": nested(200)}).encode()
    bodies = (
        body,
        body,
        body,
        deep,
        damaged(ask.rng, body),
        b"[" * 100_000,
        b'{"data":' * 5000,
        b"NaN",
        b"",
        b"\xff\xfe{",
        b'{"data":["\\ud800"],"fn_index":2,"session_hash":"\\udfff"}',
        b'{"data":[NaN,1e999,-Infinity],"fn_index":NaN}',
        b'{"fn_index":' + b"9" * 5000 + b',"data":[]}',
        b'{"data":[' + b"0," * 500_000 + b'0],"fn_index":2}',
    )
    headers = {"content-type": pick(ask.rng, ("application/json", *TYPES))}
    ask.send("POST", path, content=pick(ask.rng, bodies), headers=headers)


def _odd_uploads(ask: Ask) -> None:
    """Uploads with names that lead elsewhere, and bodies that are no form."""
    name = pick(
        ask.rng, (text(ask.rng)[:4000], "../../x.png", "..\\..\\x.png", "/etc/x", "a/b", ".", "..", "con", "x" * 300)
    )
    if ask.rng.random() < 0.5:
        paths = ask.upload(name, hostile(ask.rng), pick(ask.rng, ("image/png", "text/html", "")))
        for path in paths if isinstance(paths, list) else ():
            assert Path(path).resolve().is_relative_to(ask.server.parent), f"An upload went to {path}"
            assert ".." not in Path(path).parts, f"An upload went to {path}"
            ask.send("GET", f"{API}/file={path}")
            changed = next(one for one in _dependencies(ask) if one["api_name"] == "changed")
            ask.event(changed["id"], [{"path": path, "meta": {"_type": "gradio.FileData"}}, False, True, None])
        return
    quoted = name.encode(errors="surrogatepass").replace(b'"', b"")
    field_name = pick(ask.rng, (b"files", b"", b"upload_id", b"files[]", b"x" * 9000))
    part = b'--x\r\nContent-Disposition: form-data; name="' + field_name + b'"; filename="' + quoted
    part += b'"\r\nContent-Type: text/html\r\n\r\n<script>1</script>\r\n'
    body = pick(
        ask.rng, (part + b"--x--\r\n", part * 1500 + b"--x--\r\n", part, b"", damaged(ask.rng, part + b"--x--\r\n"))
    )
    headers = {"content-type": pick(ask.rng, ("multipart/form-data; boundary=x", *TYPES))}
    query = {"upload_id": pick(ask.rng, ("x", text(ask.rng)[:100]))} if ask.rng.random() < 0.3 else {}
    ask.send(
        "POST",
        f"{API}/{pick(ask.rng, ('upload', 'upload/', 'process_recording'))}",
        content=body,
        headers=headers,
        params=query,
    )


def _odd_bytes(ask: Ask) -> None:
    """What is hardly HTTP: lying lengths, headers of all kinds, requests that end early."""
    host = f"Host: 127.0.0.1:{ask.server.port}\r\n".encode()
    post = b"POST /gradio_api/upload HTTP/1.1\r\n" + host + b"Content-Type: multipart/form-data; boundary=x\r\n"
    get = b"GET /config HTTP/1.1\r\n"
    word = text(ask.rng)[:500].encode(errors="surrogatepass").replace(b"\n", b" ")
    names = (
        b"Origin",
        b"X-Forwarded-Host",
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
        b"Forwarded",
        b"Cookie",
        b"Range",
    )
    names += (
        b"Accept-Encoding",
        b"Content-Length",
        b"Transfer-Encoding",
        b"Authorization",
        b"Referer",
        b"X-Gradio-User",
        word,
    )
    values = (
        word,
        b"",
        b"9" * 5000,
        b"null",
        b"http://[::1",
        b"http://evil.example",
        b"bytes=0-",
        b"-1",
        b"chunked, chunked",
    )
    junk = b"".join(
        pick(ask.rng, names) + b": " + pick(ask.rng, values) + b"\r\n" for _ in range(int(ask.rng.integers(1, 8)))
    )
    form = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    requests = (
        get + host + junk + b"\r\n",
        get + b"Host: evil.example\r\n\r\n",
        get + b"\r\n",
        get + host + host + b"\r\n",
        get + b"Host: " + word + b"\r\n\r\n",
        get + host + b"A: " + b"b" * 200_000 + b"\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\n\r\n",
        post + b"Content-Length: 100000\r\n\r\n" + form + b"half",
        post + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n" + form,
        post + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + form[:64] + b"\r\n0\r\n\r\n",
        bytes(300),
        post + junk + b"\r\n" + form,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3",
        (get + host + b"\r\n") * 50,
        b"GET /\0%00%2e%2e/%ff HTTP/1.1\r\n" + host + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        damaged(ask.rng, get + host),
        get + host + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        b"POST /gradio_api/queue/join HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n",
        b"GET " + word + b"\r\n\r\n",
    )
    ask.raw(pick(ask.rng, requests))


def _odd_hosts(ask: Ask) -> None:
    """Another site's page that asks, or a name that is not ours: refused before anything is looked at."""
    name = pick(
        ask.rng,
        ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2", "0", "127.0.0.1@evil"),
    )
    header = pick(ask.rng, ("Host", "Origin", "X-Forwarded-Host"))
    lines = {"Host": "localhost", header: f"http://{name}" if header == "Origin" else name}
    head = "".join(f"{key}: {one}\r\n" for key, one in lines.items())
    answer = ask.raw(f"GET /config HTTP/1.1\r\n{head}\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), f"{header} {name} got {answer[:60]!r}"


def _foreign_files(ask: Ask) -> None:
    """Files of this machine, by the route for files and by events."""
    ask.send("GET", f"{API}/file={ask.path()}", headers={"range": "bytes=0-10"} if ask.rng.random() < 0.3 else {})
    with_files = [
        one for one in _dependencies(ask) if one["api_name"] in ("changed", "consented", "opened", "align", "edit")
    ]
    event = pick(ask.rng, with_files)
    data = [ask.file(), *_inputs(ask, event)[1:]]
    ask.event(event["id"], [True if one is False else one for one in data])


def _heartbeats(ask: Ask) -> None:
    """Connections that begin and end, several of one name, and of names that are none."""
    name = pick(ask.rng, ("s", text(ask.rng)[:200] or "s", "x" * 5000))
    for _ in range(int(ask.rng.integers(1, 4))):
        ask.send(pick(ask.rng, ("GET", "HEAD", "POST")), f"{API}/heartbeat/{name}")


def _weighted() -> Iterator[Callable[[Ask], None]]:
    for kind, weight in (
        (_fire_events, 6),
        (_call_endpoints, 3),
        (_odd_bodies, 4),
        (_odd_routes, 3),
        (_odd_uploads, 3),
        (_odd_bytes, 3),
        (_foreign_files, 3),
        (_odd_hosts, 1),
        (_heartbeats, 1),
    ):
        yield from [kind] * weight


KINDS = tuple(_weighted())
