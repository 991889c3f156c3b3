"""What the address answers while the page's libraries are imported: that the studio starts, instead of nothing."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType

from mcaclip import __version__
from mcaclip.errors import StudioError

HEALTH = "/healthz"
STARTING = "starting"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>MCA-CLIP Studio</title>
<style>body { font: 1rem system-ui; color-scheme: light dark; padding: 30vh 2rem; text-align: center }</style>
<p>The studio is starting. This page goes on by itself.</p>
<script>
const ask = () => fetch(location.href, { cache: "no-store" })
  .then((answer) => answer.status === 503 ? later() : location.reload(), later);
const later = () => { setTimeout(ask, 300) };
later();
</script>
<noscript><meta http-equiv="refresh" content="2"></noscript></html>
"""


class StartingPage(ThreadingMixIn, TCPServer):
    """Listens on the page's own address until the page takes its place; a context manager.

    Every answer is 503, so that balancers wait.

    Args:
        host: address to listen on.
        port: its port.

    Raises:
        StudioError: somebody else listens there, or the address is not one of this machine.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host.strip("[]"), port), _Answer)
        except OSError as error:
            problem = error.strerror or error
            raise StudioError(f"Port {port} of {host} cannot be used ({problem}). Choose another --port.") from error

    def __enter__(self) -> StartingPage:
        """Answers from now on."""
        threading.Thread(target=self.serve_forever, args=(0.05,), name="starting-page", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the address to the page."""
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    timeout = 5  # of a client that does not finish its request

    def do_GET(self) -> None:
        is_health = self.path.partition("?")[0].rstrip("/").endswith(HEALTH)
        body = json.dumps({"status": STARTING, "version": __version__}) if is_health else PAGE
        self.send_response(503)
        self.send_header("Content-Type", "application/json" if is_health else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "1")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of a visitor is logged."""
