"""Hostile requests to a running page."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import gradio as gr
import httpx
from gradio.routes import App

from tests.fakes import PROMPTS
from tests.stress.cases import Case, RefusedError, World
from tests.stress.junk import NOT_FINITE, NUMBERS, damaged, mutated, nested, text, value
from tests.stress.pictures import hostile
from tests.stress.server import Server, address

API = "/gradio_api"
JSON = {"content-type": "application/json"}
EVENT_SECONDS = 20
MAX_ANSWER = 20_000_000
ENDPOINTS: dict[str, list[Any]] = {
    "align": [None, 0, True],
    "invert": [None, 0, "instant", True],
    "sample": [1, 0.7],
    "edit": [None, "green lipstick", 1.0, 0.0, None, "automatic"],
}
"""The public endpoints with arguments that they take."""
OFTEN = [
    *(("new-seed", "click"), ("edit-now", "click"), ("strength", "release"), ("film", "select"), ("film", "compare")),
    *(("cards", "select"), ("cards", "added"), ("cards", "wanted"), ("choices", "select"), ("make-strip", "click")),
    *(("prepare", "click"), ("make-animation", "click"), ("use-paint", "click"), ("drop-paint", "click")),
    *(("undo", "click"), ("drop", "click"), ("stage-view", "select"), ("other-faces", "click")),
]
"""Events of components that are chosen often."""
FORM = "multipart/form-data; boundary=x"
TYPES = ("application/json", "text/plain", "multipart/form-data", FORM, "", "a\x7f", "a/b;" * 99)
ROUTES: dict[str, dict[str, Any]] = App.create_app(gr.Blocks()).openapi()["paths"]
"""Every route of Gradio's server, by its path and then by its method."""
BODIES = [path for path, methods in ROUTES.items() if "post" in methods]
_clients = iter(range(1, 10**9))


@dataclass
class Ask:
    """The requests of one case, from an address of its own."""

    rng: Random
    world: World
    server: Server
    client: httpx.Client
    address: str
    refused: bool = False

    def send(self, method: str, path: str, **options: Any) -> bytes:
        """Sends a request, checks the answer and returns its body, or the first second of an event stream."""
        body = b""
        with self._unsent(), self.client.stream(method, path, **options) as answer:
            until = time.monotonic() + (1 if "event-stream" in answer.headers.get("content-type", "") else 60)
            with contextlib.suppress(httpx.ReadTimeout):
                for part in answer.iter_raw():
                    body += part
                    if time.monotonic() > until or len(body) > MAX_ANSWER:
                        break
            self.check(str(answer.headers).encode() + body)
            self.refused |= answer.status_code >= 400
        return body

    def raw(self, data: bytes, seconds: float = 1.0) -> bytes:
        """Sends bytes as they are; returns what comes back until the end, or for so long."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.server.port), 5, (self.address, 0)) as line:
            line.settimeout(seconds)
            with contextlib.suppress(OSError):
                line.sendall(data)
                while len(answer) < MAX_ANSWER and (part := line.recv(65536)):
                    answer += part
        self.check(answer)
        self.refused |= not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))
        return answer

    def check(self, answer: bytes) -> None:
        """Raises AssertionError for an answer that holds a traceback, or anything of a file that was not uploaded."""
        assert self.world.secret.encode() not in answer, "An answer holds a file of this machine"
        for word in (b"Traceback (most", b'File "/', b"root:x:0", b"site-packages"):
            assert word not in answer, f"An answer holds {word!r}: {answer[-500:]!r}"

    def post(self, route: str, **values: Any) -> bytes:
        """Sends JSON with any values, including those that JSON does not have."""
        body = json.dumps(values, ensure_ascii=self.rng.random() < 0.8).encode(errors="surrogatepass")
        return self.send("POST", f"{API}/{route}", content=body, headers=JSON)

    def event(self, event: str | dict[str, Any], data: list[Any], **more: Any) -> bytes:
        """Fires an event of the page, or one of a name, as browsers do and reads the answers to their end."""
        session = more.setdefault("session_hash", "s")
        event = self.server.event(event) if isinstance(event, str) else event
        joined = self.post("queue/join", **{"data": data, "fn_index": event["id"], **more})
        if b"event_id" not in joined or not isinstance(session, str):
            return joined
        answer, until = b"", time.monotonic() + EVENT_SECONDS
        listening = {"session_hash": session}
        with self._unsent(), self.client.stream("GET", f"{API}/queue/data", params=listening) as stream:
            for line in stream.iter_lines():
                answer += line.encode(errors="surrogatepass")
                assert time.monotonic() < until, f"Event {event['api_name']} did not end"
                if "close_stream" in line or "unexpected_error" in line:
                    break
        self.check(answer)
        self.refused |= b'"success":false' in answer
        return answer

    def upload(self, name: str, data: bytes, kind: str = "image/png") -> list[str]:
        """Uploads a file; the paths that the server gives it."""
        try:
            return list(json.loads(self.send("POST", f"{API}/upload", files={"files": (name, data, kind)})))
        except ValueError:
            return []

    def path(self) -> str:
        """A path or address that no visitor may read."""
        choice, server = self.rng.choice, self.server
        canary = str(choice([self.world.canaries, *sorted(self.world.canaries.rglob("*"))]))
        own = str(choice([server.parent, server.log, *sorted(server.files())[:6]]))
        host, port = choice(("127.0.0.1", "localhost", "127.1", "[::1]", "0x7f.1")), server.trap.getsockname()[1]
        tries = [
            canary,
            canary,
            own,
            f"http://{host}:{port}/x.png",
            f"{server.url}/config",
            f"file://{canary}",
            "/etc/passwd",
        ]
        tries += ["/proc/self/environ", "/dev/zero", "~/.bashrc", "\\\\127.0.0.1\\a\\b.png", text(self.rng)[:3000]]
        path = choice(tries)
        ways = (path, path, f"{server.parent}/../{path}", "../" * 12 + path.lstrip("/"), path.replace("/", "%2f"))
        return choice((*ways, path + "\0.png", "/." + path, path + "/."))

    def file(self) -> Any:
        """What stands for a file in a request."""
        meta = {"_type": "gradio.FileData"}
        if self.rng.random() < 0.2 and (uploaded := self.upload("session.safetensors", hostile(self.rng))):
            return {"path": uploaded[0], "meta": meta}
        path = self.path()
        shapes = (
            *({"path": path, "meta": meta}, {"path": path}, path, [{"path": path}]),
            {"path": path, "url": path, "orig_name": path, "size": -1},
            {"image": {"path": path}, "caption": path},
            {"meta": meta, "path": value(self.rng), "is_stream": True, "url": path},
        )
        return self.rng.choice(shapes)

    @contextlib.contextmanager
    def _unsent(self) -> Iterator[None]:
        """Ends quietly when the client itself refuses to send a request, or the server hangs up."""
        try:
            yield
        except (httpx.LocalProtocolError, httpx.InvalidURL, TypeError, ValueError):
            return
        except httpx.TransportError:
            self.refused = True


def requests(server: Server) -> Case:
    """A case of a few requests of one kind."""

    def case(rng: Random, world: World) -> None:
        number = next(_clients)
        with server.client(number) as client:
            ask = Ask(rng, world, server, client, address(number))
            rng.choices(list(KINDS), list(KINDS.values()))[0](ask)
        server.check()
        if ask.refused:
            raise RefusedError("The server refused it")

    return case


def _fire_events(ask: Ask) -> None:
    """Some events and public endpoints in one tab, by all their routes, with values of any type in any place."""
    rng, session = ask.rng, ask.rng.choice(("s", text(ask.rng)[:200] or "s"))
    if rng.random() < 0.5:
        ask.event("random_face", [rng.randrange(1000), 0.7, None], session_hash=session)
    for _ in range(rng.randint(1, 3)):
        often = [ask.server.event(rng.choice(list(ENDPOINTS))), ask.server.at(*rng.choice(OFTEN))]
        event = rng.choice([*often, *often, rng.choice(ask.server.events)])
        name, data = event["api_name"], list(ENDPOINTS.get(event["api_name"], ask.server.inputs(event)))
        if event is ask.server.at("edit-now", "click"):
            data[0] = rng.choice(PROMPTS)
        for place in range(len(data)):
            if rng.random() < 0.25:
                data[place] = rng.choice((value(rng), value(rng), ask.file()))
        if rng.random() < 0.1:
            data = mutated(rng, data) if data else [value(rng)]
        index = rng.choice((0, 1, -1, 1.0, True, "0", [0, 1], None, *NUMBERS, *NOT_FINITE, value(rng)))
        more: dict[str, Any] = {
            "event_data": rng.choice((None, {"index": index, "value": value(rng)}, value(rng), _said(rng))),
            "trigger_id": rng.choice((None, event["targets"][0][0], -1, 10**9)),
            "fn_index": event["id"] if rng.random() < 0.95 else rng.choice((-1, 10**6, 2**70)),
            "session_hash": session,
        }
        if name in ENDPOINTS and rng.random() < 0.75:
            _call(ask, name, data)
        elif event["queue"]:
            ask.event(event, data, **more)
        else:
            ask.post("run/predict", data=data, **more)


def _said(rng: Random) -> dict[str, Any]:
    """What our scripts send with an event, or nearly."""
    part = {"prompt": rng.choice((*PROMPTS, value(rng))), "strength": rng.choice((1.0, *NUMBERS, *NOT_FINITE))}
    said = {"face": rng.choice((0, 1, value(rng))), "at": rng.choice((-1, 0, value(rng))), "kind": value(rng)}
    more = {"prompt": part["prompt"], "prompts": [part["prompt"], value(rng)], "parts": [part, value(rng)]}
    more["parts"] = rng.choice((more["parts"], [part], [part] * 40, value(rng)))
    return {name: one for name, one in {**said, **more, "index": 0}.items() if rng.random() < 0.7}


def _call(ask: Ask, name: str, data: Any) -> None:
    """Calls a public endpoint by a route that has its name, and reads the result."""
    rng = ask.rng
    if rng.random() < 0.3:
        batched, event_id = rng.random() < 0.5, text(rng)[:50]
        ask.post(f"run/{name}", data=data, batched=batched, simple_format=True, event_id=event_id)
        return
    named = {
        rng.choice(("seed", "truncation", "photo", "x")): one for one in (data if isinstance(data, list) else ())
    }
    route, body = rng.choice(((f"call/{name}", {"data": data}), (f"call/v2/{name}", named)))
    joined = ask.post(route, **body)
    with contextlib.suppress(ValueError, KeyError, TypeError):
        ask.refused |= b"event: error" in ask.send("GET", f"{API}/{route}/{json.loads(joined)['event_id']}")


def _odd_routes(ask: Ask) -> None:
    """Every route with names and paths that do not exist."""
    for _ in range(ask.rng.randint(1, 4)):
        path = ask.rng.choice(list(ROUTES))
        query = {
            one["name"] for way in ROUTES[path].values() for one in way.get("parameters", ()) if one["in"] == "query"
        }
        method = ask.rng.choice(("GET", "GET", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"))
        ask.send(method, _filled(ask, path), params={name: _name(ask) for name in sorted(query)})


def _filled(ask: Ask, path: str) -> str:
    """A route with something in place of its parameters."""
    return re.sub(r"{\w+}", lambda _: _name(ask), path)


def _name(ask: Ask) -> str:
    return ask.rng.choice((ask.path(), text(ask.rng)[:300] or "x", "s", "1", "edit"))


def _odd_bodies(ask: Ask) -> None:
    """Every route that takes a body with one that does not fit."""
    rng = ask.rng
    good = {
        **{"data": ask.server.inputs(rng.choice(ask.server.events)), "fn_index": 2, "session_hash": "s"},
        **{"event_id": "x", "component_id": rng.randrange(200), "prompt": "x", "code": "x"},
        "fn_name": rng.choice(("ls", "accept_blobs", "__init__", "preprocess", "style", "get_config")),
    }
    body = json.dumps(mutated(rng, good, rng.randrange(4))).encode()
    bodies = (
        *(body, body, body, json.dumps({**good, "data": nested(200)}).encode(), damaged(rng, body)),
        *(b"[" * 100_000, b'{"data":' * 5000, b"NaN", b"", b"\xff\xfe{"),
        b'{"data":["\\ud800"],"fn_index":2,"session_hash":"\\udfff"}',
        b'{"data":[NaN,1e999,-Infinity],"fn_index":NaN}',
        b'{"fn_index":' + b"9" * 5000 + b',"data":[]}',
        b'{"data":[' + b"0," * 500_000 + b'0],"fn_index":2}',
    )
    headers = {"content-type": rng.choice(("application/json", *TYPES))}
    ask.send("POST", _filled(ask, rng.choice(BODIES)), content=rng.choice(bodies), headers=headers)


def _odd_uploads(ask: Ask) -> None:
    """Uploads with names that lead elsewhere, and bodies that are not forms."""
    rng = ask.rng
    names = ("../../x.png", "..\\..\\x.png", "/etc/x", "a/b", ".", "..", "con", "x" * 300, text(rng)[:4000])
    name = rng.choice(names)
    if rng.random() < 0.5:
        for path in ask.upload(name, hostile(rng), rng.choice(("image/png", "text/html", ""))):
            inside = Path(path).resolve().is_relative_to(ask.server.parent) and ".." not in Path(path).parts
            assert inside, f"An upload went to {path}"
            ask.send("GET", f"{API}/file={path}")
            ask.event("given", [{"path": path, "meta": {"_type": "gradio.FileData"}}, False, None])
            ask.event("agreed", [None])
        return
    quoted = name.encode(errors="surrogatepass").replace(b'"', b"")
    field = rng.choice((b"files", b"", b"upload_id", b"files[]", b"x" * 9000))
    part = form_part(field, quoted, b"<script>1</script>\r\n", b"\r\nContent-Type: text/html")
    end = b"--x--\r\n"
    ask.send(
        "POST",
        f"{API}/{rng.choice(('upload', 'upload/', 'process_recording'))}",
        content=rng.choice((part + end, part * 1500 + end, part, b"", damaged(rng, part + end))),
        headers={"content-type": rng.choice((FORM, *TYPES))},
        params={"upload_id": rng.choice(("x", text(rng)[:100]))} if rng.random() < 0.3 else {},
    )


def form_part(field: bytes, name: bytes, data: bytes, headers: bytes = b"") -> bytes:
    """One file of an uploaded form."""
    head = b'--x\r\nContent-Disposition: form-data; name="' + field + b'"; filename="' + name + b'"'
    return head + headers + b"\r\n\r\n" + data


def _odd_bytes(ask: Ask) -> None:
    """What is hardly HTTP: lying lengths, headers of all kinds, requests that end early."""
    rng, host = ask.rng, f"Host: 127.0.0.1:{ask.server.port}\r\n".encode()
    post = b"POST /gradio_api/upload HTTP/1.1\r\n" + host + f"Content-Type: {FORM}\r\n".encode()
    get = b"GET /config HTTP/1.1\r\n"
    word = text(rng)[:500].encode(errors="surrogatepass").replace(b"\n", b" ")
    names = b"Origin X-Forwarded-Host X-Forwarded-For X-Forwarded-Proto Forwarded Cookie Range Accept-Encoding"
    names += b" Content-Length Transfer-Encoding Authorization Referer X-Gradio-User"
    values = [word, b"", b"9" * 5000, b"null", b"http://[::1", b"http://evil.example", b"bytes=0-", b"-1"]
    values += [b"chunked, chunked"]
    lines = [rng.choice((*names.split(), word)) + b": " + rng.choice(values) for _ in range(rng.randint(1, 7))]
    junk = b"\r\n".join(lines) + b"\r\n\r\n"
    form = form_part(b"files", b"a.png", b"")
    requests = (
        *(get + host + junk, post + junk + form, damaged(rng, get + host), (get + host + b"\r\n") * 50),
        *(get + b"Host: evil.example\r\n\r\n", get + b"\r\n", get + host + host + b"\r\n"),
        *(get + b"Host: " + word + b"\r\n\r\n", get + host + b"A: " + b"b" * 200_000 + b"\r\n\r\n"),
        post + b"Content-Length: 100000\r\n\r\n" + form + b"half",
        post + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n" + form,
        post + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + form[:64] + b"\r\n0\r\n\r\n",
        *(bytes(300), b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        *(b"GET http://x/ HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + word + b"\r\n\r\n"),
        b"GET /\0%00%2e%2e/%ff HTTP/1.1\r\n" + host + b"\r\n",
        get + host + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        b"POST /gradio_api/queue/join HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n",
    )
    ask.raw(rng.choice(requests))


def _odd_hosts(ask: Ask) -> None:
    """The page of another site asks, or a name that is not ours is used: refused before anything is read."""
    names = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2", "0", "127.0.0.1@evil"]
    name, header = ask.rng.choice(names), ask.rng.choice(("Host", "Origin", "X-Forwarded-Host"))
    lines = {"Host": "localhost", header: f"http://{name}" if header == "Origin" else name}
    head = "".join(f"{key}: {one}\r\n" for key, one in lines.items())
    answer = ask.raw(f"GET /config HTTP/1.1\r\n{head}\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403")), f"{header} {name} got {answer[:60]!r}"


def _foreign_files(ask: Ask) -> None:
    """Files of this machine, by the route for files and by events."""
    ask.send("GET", f"{API}/file={ask.path()}", headers={"range": "bytes=0-10"} if ask.rng.random() < 0.3 else {})
    name = ask.rng.choice(("given", "given_1", "opened", "align", "edit"))
    data = [ask.file(), *ask.server.inputs(ask.server.event(name))[1:]]
    ask.event(name, [True if one is False else one for one in data])


KINDS = {
    _fire_events: 9,
    _odd_bodies: 4,
    _odd_routes: 4,
    _odd_uploads: 3,
    _odd_bytes: 3,
    _foreign_files: 3,
    _odd_hosts: 1,
}
"""How often each kind of request is chosen."""
