"""What stands before every request, whatever its route: who may ask, how often, and how much they may send."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcaclip.ui.state.limits import EVENTS, LOGINS, UPLOADED_BYTES, Limits
from mcaclip.ui.state.tabs import Tabs
from mcaclip.ui.state.visitor_files import MAX_STORED_BYTES, UploadFolder, VisitorFiles

API = "/gradio_api"
MAX_BODY_BYTES = 5_000_000
"""Of any request that is no upload; the largest is a painting."""
MAX_UPLOAD_BYTES = 50_000_000
"""Of an upload with all that surrounds the file."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEARTBEAT = re.compile(rf"{API}/heartbeat/([^/]+)$")

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
        addresses = [one.address for found in psutil.net_if_addrs().values() for one in found]
        names |= {address.partition("%")[0].lower() for address in addresses if _is_address(address)}
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return tuple(sorted(names - {""}))


def lifespan(names: tuple[str, ...]) -> Callable[[FastAPI], Any]:
    """Puts the gate before everything of Gradio's app, its own middleware included, before the first request."""

    @asynccontextmanager
    async def guarded(app: FastAPI) -> AsyncIterator[None]:
        tabs: Tabs = app.get_blocks().tabs  # type: ignore[attr-defined]
        limits: Limits = app.get_blocks().limits  # type: ignore[attr-defined]
        folder = UploadFolder(tabs.files.root)
        app.uploaded_file_dir = folder  # type: ignore[attr-defined]
        inside = app.middleware_stack
        assert inside is not None
        gate = Gate(inside, names, limits, tabs, folder)
        app.middleware_stack = TrustedHostMiddleware(gate, [*names, *(f"[{n}]" for n in names if ":" in n)], False)
        tabs.start()
        yield

    return guarded


class Gate:
    """The middleware behind the check of the host's name.

    Args:
        app: Gradio's app with all its own middleware.
        names: see `own_names`.
        limits: of the clients.
        tabs: told when a browser's connection begins and ends.
        uploads: where uploads go.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...], limits: Limits, tabs: Tabs, uploads: UploadFolder):
        self.app, self.names, self.limits, self.tabs, self.uploads = app, names, limits, tabs, uploads
        frames = "'self' https://huggingface.co https://*.hf.space" if os.environ.get("SPACE_ID") else "'self'"
        self.headers = {**HEADERS, "Content-Security-Policy": POLICY.format(frames=frames)}

    @property
    def files(self) -> VisitorFiles:
        """Of the visitors."""
        return self.tabs.files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers what is refused, hands everything else on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # the page uses no web sockets

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
                if scope["path"].startswith(f"{API}/file"):
                    MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        heartbeat = HEARTBEAT.match(scope["path"])
        if heartbeat:
            self.tabs.connected(heartbeat[1])
            try:
                await self.app(scope, receive, guarded)
            finally:
                self.tabs.disconnected(heartbeat[1])
        elif scope["path"].rstrip("/") == f"{API}/upload" and scope["method"] == "POST":
            await self._upload(scope, receive, guarded)
        else:
            await self._bounded(scope, receive, guarded, MAX_BODY_BYTES)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        """The answer to a request that goes no further."""
        forwarded = (_name(headers.get("x-forwarded-host", "").split(",")[-1].strip()), _name(headers.get("origin")))
        if any(name is not None and name not in self.names for name in forwarded):
            return PlainTextResponse("This address is not one that the studio was started for.", 403)
        path, client = scope["path"].rstrip("/"), client_of(scope)
        uploading = path == f"{API}/upload"
        limit = MAX_UPLOAD_BYTES if uploading else MAX_BODY_BYTES
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return _too_large(limit)
        if scope["method"] != "POST":
            return None
        if uploading and "content-length" not in headers:
            return PlainTextResponse("An upload has to say how long it is.", 411)
        if path == "/login" and not self.limits.take(client, LOGINS):
            return PlainTextResponse("Too many attempts. Wait a minute and try again.", 429)
        if not self.limits.take(client, EVENTS):
            return PlainTextResponse("That was a lot in one minute. Wait a little, then go on.", 429)
        if uploading and not self.limits.take(client, UPLOADED_BYTES, int(length)):
            return PlainTextResponse("These were many files within a few minutes. Wait a little, then go on.", 429)
        if uploading and self.files.stored_bytes + int(length) > MAX_STORED_BYTES:
            return PlainTextResponse("The server holds as many photos as it can. Try again in some minutes.", 503)
        return None

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An upload into a folder of its own; its files are known from then on."""
        body = bytearray()

        async def listened(message: Message) -> None:
            if message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    self.files.received(_listed(body))
            await send(message)

        without_coding = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        with self.uploads.apart() as folder:
            await self._bounded({**scope, "headers": without_coding}, receive, listened, MAX_UPLOAD_BYTES)
        self.files.remove_strays(folder)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Hands a request on, and ends it when its body is larger than it may be, whatever its headers say."""
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


def _too_large(limit: int) -> PlainTextResponse:
    return PlainTextResponse(f"The request is larger than {limit // 1_000_000} MB.", 413)


def client_of(scope: Scope) -> str:
    """The address that asks: of a trusted proxy's client where there is one (uvicorn sees to that)."""
    return scope["client"][0] if scope.get("client") else ""


def _name(origin: str | None) -> str | None:
    """The host's name in an address or `Host` header, in lower case; None where there is none to check."""
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


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
