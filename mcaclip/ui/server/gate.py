"""The checks before every request, whatever its route: who may ask, how often, and how much they may send."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from socket import AF_INET, AF_INET6
from typing import Any, Protocol
from urllib.parse import urlsplit

import psutil
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcaclip.platform import strict_json
from mcaclip.ui.server.health import add_health
from mcaclip.ui.state.limits import EVENTS, LOGINS, UPLOADED_BYTES, Limits, network_of
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.tabs import Tabs
from mcaclip.ui.state.visitor_files import MAX_STORED_BYTES, UploadFolder, VisitorFiles

log = logging.getLogger(__name__)

API = "/gradio_api"
MAX_BODY_BYTES = 5_000_000
"""Of any request that is no upload; the largest is a painting."""
MAX_UPLOAD_BYTES = 50_000_000
"""Of an upload with all that surrounds the file."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MAX_QUERY_BYTES = 2000
MAX_HEARTBEATS = 64
"""Open connections of one client; a browser's tab holds one."""
MAX_WAITING = 6
"""Of the places in the queue, for one client."""
HEARTBEAT = re.compile(rf"{API}/heartbeat/([^/]+)$")
SESSION_HASH = re.compile(r"[\w-]{1,64}")
ROUTES = {
    "GET": {"app_id", "call", "file", "heartbeat", "info", "login_check", "queue", "startup-events", "theme.css",
            "token", "upload_progress", "user"},
    "POST": {"api", "call", "cancel", "queue", "reset", "run", "upload"},
}  # fmt: skip
"""The part of Gradio's API that the page and the endpoints need; the rest is closed."""
CLOSED = ("/monitoring", "/openapi.json")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}"
)
"""Gradio's page needs inline scripts and styles; nothing may come from, or go to, another host."""


def own_names(host: str, more: Iterable[str] = ()) -> tuple[str, ...]:
    """The names under which a server may be asked.

    Args:
        host: the address that it listens on.
        more: further names, for instance that of a proxy before it.

    Returns:
        Host names and addresses without ports: those of `more`, the Space's own, and what `host` stands for (an
        address for all interfaces stands for every address of this machine and for its name).
    """
    names = {name.lower().strip("[]") for name in more}
    names |= {name.strip().lower() for name in os.environ.get("SPACE_HOST", "").split(",") if name.strip()}
    names |= {host.lower().strip("[]"), *LOOPBACK}
    if host.strip("[]") in ("0.0.0.0", "::", ""):
        found = [one for card in psutil.net_if_addrs().values() for one in card]
        names |= {one.address.partition("%")[0].lower() for one in found if one.family in (AF_INET, AF_INET6)}
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return tuple(sorted(names - {""}))


def lifespan(names: tuple[str, ...]) -> Callable[[FastAPI], Any]:
    """Puts the gate before everything of Gradio's app, its own middleware included, before the first request."""

    @asynccontextmanager
    async def guarded(app: FastAPI) -> AsyncIterator[None]:
        page: Guarded = app.get_blocks()  # type: ignore[attr-defined]
        folder = UploadFolder(page.tabs.files.root)
        app.uploaded_file_dir = folder  # type: ignore[attr-defined]
        add_health(app, page.source)
        assert app.middleware_stack is not None
        gate = Gate(app.middleware_stack, names, page, folder)
        app.middleware_stack = TrustedHostMiddleware(gate, [*names, *(f"[{n}]" for n in names if ":" in n)], False)
        page.tabs.start()
        yield

    return guarded


class Guarded(Protocol):
    """What the gate needs of a page."""

    tabs: Tabs
    limits: Limits
    source: EditorSource
    root_path: str

    @property
    def fns(self) -> dict[int, Any]:
        """The events by their numbers."""

    def waiting(self, client: str) -> int:
        """See `mcaclip.ui.page.guarded.Page.waiting`."""

    def expects(self, query: bytes) -> bool:
        """See `mcaclip.ui.page.guarded.Page.expects`."""

    def parameters(self, endpoint: str) -> dict[str, bool] | None:
        """See `mcaclip.ui.page.guarded.Page.parameters`."""


class Gate:
    """The middleware behind the check of the host's name.

    Args:
        app: Gradio's app with all its own middleware.
        names: see `own_names`.
        page: whose events and tabs are guarded.
        uploads: where uploads go.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...], page: Guarded, uploads: UploadFolder):
        self.app, self.names, self.page, self.uploads = app, names, page, uploads
        self._heartbeats: Counter[str] = Counter()
        frames = "'self' https://huggingface.co https://*.hf.space" if os.environ.get("SPACE_ID") else "'self'"
        self.headers = {**HEADERS, "Content-Security-Policy": POLICY.format(frames=frames)}

    @property
    def files(self) -> VisitorFiles:
        """Of the visitors."""
        return self.page.tabs.files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what is refused, passes everything else on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # the page uses no web sockets
        path = self._path(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
                if path.startswith(f"{API}/file"):
                    MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        refusal = self._refusal(scope, path)
        if refusal is not None:
            await refusal(scope, receive, guarded)
        elif heartbeat := HEARTBEAT.match(path):
            await self._heartbeat(heartbeat[1], scope, receive, guarded)
        elif path == f"{API}/upload":
            await self._upload(scope, receive, guarded)
        elif path.startswith(f"{API}/") and scope["method"] == "POST":
            await self._event(path, scope, receive, guarded)
        else:
            await self._bounded(scope, receive, guarded, MAX_BODY_BYTES)

    def _path(self, scope: Scope) -> str:
        """The path below the one at which a proxy serves the page."""
        path, root = scope["path"], str(scope.get("root_path") or self.page.root_path or "").rstrip("/")
        return (path.removeprefix(root) if path.startswith(f"{root}/") else path).rstrip("/") or "/"

    def _refusal(self, scope: Scope, path: str) -> PlainTextResponse | None:
        """The answer to a request that is refused by its headers and address; None for one that is not."""
        headers, method, client = Headers(scope=scope), scope["method"], client_of(scope)
        claimed = [*headers.getlist("origin"), *(",".join(headers.getlist("x-forwarded-host")).split(","))]
        if any(name is not None and name not in self.names for name in map(_name, claimed)):
            return _refused(403, "This address is not one that the studio was started for.")
        if len(scope.get("query_string", b"")) > MAX_QUERY_BYTES:
            return _refused(414, "The address is too long.")
        if path == "/login" and method == "POST" and not self.page.limits.take(client, LOGINS):
            return _refused(429, "Too many attempts. Wait a minute and try again.")
        uploading = path == f"{API}/upload"
        limit = MAX_UPLOAD_BYTES if uploading else MAX_BODY_BYTES
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return _too_large(limit)
        if path != API and not path.startswith(f"{API}/"):
            return _refused(404, "There is no such page.") if path.startswith(CLOSED) else None
        if not _is_open(method, path.removeprefix(f"{API}/")):
            return _refused(404, "There is no such endpoint.")
        if not self.page.limits.take(client, EVENTS):
            return _refused(429, "That was a lot in one minute. Wait a little, then go on.")
        if path == f"{API}/queue/data" and not self.page.expects(scope.get("query_string", b"")):
            return _refused(404, "Nothing was asked for in this session.")
        return self._upload_refusal(headers, client) if uploading else None

    def _upload_refusal(self, headers: Headers, client: str) -> PlainTextResponse | None:
        if "content-length" not in headers or "transfer-encoding" in headers:
            return _refused(411, "An upload has to say how long it is.")
        length = int(headers["content-length"])
        if not self.page.limits.take(client, UPLOADED_BYTES, length):
            return _refused(429, "These were many files within a few minutes. Wait a little, then go on.")
        if self.files.stored_bytes + length > MAX_STORED_BYTES:
            return _refused(503, "The server holds as many photos as it can. Try again in a few minutes.")
        return None

    async def _heartbeat(self, connection: str, scope: Scope, receive: Receive, send: Send) -> None:
        """A browser's connection; as long as it is open, its tab is."""
        client = network_of(client_of(scope))
        if not SESSION_HASH.fullmatch(connection) or self._heartbeats[client] >= MAX_HEARTBEATS:
            await _refused(429, "There are too many open connections.")(scope, receive, send)
            return
        self._heartbeats[client] += 1
        self.page.tabs.connected(connection)
        try:
            await self.app(scope, receive, send)
        finally:
            self.page.tabs.disconnected(connection)
            self._heartbeats[client] -= 1
            if not self._heartbeats[client]:
                del self._heartbeats[client]

    async def _event(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """An event of the page or a call of an endpoint, whose body is read and checked first."""
        body = await _body(receive, MAX_BODY_BYTES)
        if body is None:
            await _too_large(MAX_BODY_BYTES)(scope, receive, send)
            return
        refusal = self._event_refusal(path, body)
        joins = path.split("/")[2] in ("call", "queue")
        if refusal is None and joins and self.page.waiting(client_of(scope)) >= MAX_WAITING:
            refusal = _refused(429, "Too many of your requests are waiting already. Wait for them first.")
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replayed() -> Message:
            return messages.pop() if messages else await receive()

        await self.app(scope, replayed, send)

    def _event_refusal(self, path: str, body: bytes) -> PlainTextResponse | None:
        """The answer to a body that Gradio cannot handle; None for any other."""
        try:
            value = strict_json.loads(body.decode("utf-8"), MAX_BODY_BYTES) if body else {}
        except ValueError:
            return _refused(400, "The request is no proper JSON (NaN and Infinity are no numbers there).")
        if not isinstance(value, dict):
            return _refused(400, "The request has to be an object of JSON.")
        connection, index = value.get("session_hash"), value.get("fn_index")
        proper_hash = isinstance(connection, str) and SESSION_HASH.fullmatch(connection)
        if not (connection is None or proper_hash):
            return _refused(400, "The request has a session_hash that the page would not send.")
        if index is not None and not (type(index) is int and index in self.page.fns):
            return _refused(400, "The request names an event that the page does not have. Reload the page.")
        if path.startswith(f"{API}/call/v2/"):
            return self._arguments_refusal(path.split("/")[4], value)
        return None

    def _arguments_refusal(self, name: str, given: dict[str, Any]) -> PlainTextResponse | None:
        """The answer to a call by names whose arguments are not those of the endpoint."""
        known = self.page.parameters(name)
        if known is None:
            return _refused(404, "There is no such endpoint.")
        missing = [one for one, needed in known.items() if needed and one not in given]
        if missing or not set(given) <= set(known):
            wanted = ", ".join(known)
            return _refused(400, f"The endpoint takes {wanted}; without a default: {', '.join(missing) or 'none'}.")
        return None

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An upload into a folder of its own; afterwards its files are known."""
        body = bytearray()

        async def listened(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    self.files.received(_listed(body))
            await send(message)

        without_coding = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        with self.uploads.apart() as folder:
            try:
                await self._bounded({**scope, "headers": without_coding}, receive, listened, MAX_UPLOAD_BYTES)
            except ClientDisconnect:
                log.info("An upload was cut off")
            finally:
                self.files.remove_strays(folder)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Passes a request on, and ends it when its body is larger than `limit`, whatever its headers say."""
        size, started, cut = 0, False, False

        async def counted() -> Message:
            nonlocal size, cut
            message = await receive()
            size += len(message.get("body", b""))
            if size <= limit or cut:
                return message
            if not started:
                await _too_large(limit)(scope, receive, send)
            cut = True
            return {"type": "http.disconnect"}  # for the app, the sender is gone

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            if not cut:
                await send(message)

        try:
            await self.app(scope, counted, noted)
        except Exception:
            if not cut:
                raise


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body of a request; None for one of more than `limit` bytes."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
        if len(body) > limit:
            return None
    return bytes(body)


def _is_open(method: str, rest: str) -> bool:
    """Whether a route of the API is one that the page and the endpoints need."""
    if rest.startswith("file="):
        return method in ("GET", "HEAD") and "://" not in rest
    return method == "OPTIONS" or rest.split("/")[0] in ROUTES.get(method.replace("HEAD", "GET"), ())


def _refused(status: int, message: str) -> PlainTextResponse:
    return PlainTextResponse(message, status)


def _too_large(limit: int) -> PlainTextResponse:
    return _refused(413, f"The request is larger than {limit // 1_000_000} MB.")


def client_of(scope: Scope) -> str:
    """The address that asks: of a trusted proxy's client where there is one (uvicorn sees to that)."""
    return scope["client"][0] if scope.get("client") else ""


def _name(origin: str | None) -> str | None:
    """The host's name in an address or `Host` header, in lower case; None where there is none to check."""
    origin = origin.strip() if origin else ""
    if not origin:
        return None
    try:
        return urlsplit(origin if "//" in origin else f"//{origin}").hostname or origin
    except ValueError:
        return origin


def _listed(body: bytes | bytearray) -> list[str]:
    """The paths in an answer to an upload; none in an error."""
    try:
        paths = json.loads(bytes(body))
    except ValueError:
        return []
    return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
