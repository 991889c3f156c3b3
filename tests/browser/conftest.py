"""The real page in Chromium. Every test checks that the page asks no other host and logs no error."""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlparse

import pytest

from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.lab.method_set import Opens
from mcaclip.ui.page.blocks import build, launch_options
from mcaclip.ui.state.limits import Limits
from mcaclip.ui.state.loading import EditorSource
from mcaclip.ui.state.training_process import TrainingProcess
from tests.fakes import ENTRIES, FakeEditor, write_photo
from tests.helpers.fake_methods import FakeMethods

CHROMIUM = Path(os.environ.get("MCACLIP_CHROMIUM", "/usr/bin/chromium"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """
window.seen = { moved: [], shift: 0, clicks: 0, scrolls: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) {
    window.seen.shift += entry.value;
    const part = ({ node, previousRect, currentRect }) =>
      [node?.id || node?.className, JSON.stringify(previousRect), JSON.stringify(currentRect)].join(" ");
    window.seen.moved.push([entry.value, ...entry.sources.map(part)]);
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("click", (event) => event.isTrusted && (window.seen.clicks += 1), true);
addEventListener("wheel", () => (window.seen.scrolls += 1), { capture: true, passive: true });
"""
"""Counts what a visitor does, and by how much the page moves by itself."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_stack: drives the page with the real models (slow)")


@dataclass
class Site:
    """A running page and the editor behind it."""

    url: str
    editor: FakeEditor
    folder: Path


@contextmanager
def serve(
    load: Callable, folder: Path, training: TrainingProcess | None = None, methods: Opens = FakeMethods
) -> Iterator[str]:
    """The page on a free port of this machine; yields its address.

    All tests are one client, so nothing is limited.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = EditorSource(load)
    source.start()
    studio = Studio(source, folder, training)
    studio.limits = Limits(count(step=1000).__next__)
    page = build(studio, methods)
    # without `_frontend` Gradio does not give up when a busy machine answers its own request too late
    options = {**launch_options(), "quiet": True, "prevent_thread_lock": True, "_frontend": False}
    page.launch(server_name="127.0.0.1", server_port=port, **options)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        page.close()


@pytest.fixture(scope="package")
def chromium():
    """A browser; without one the tests are skipped, and fail in continuous integration."""
    reason = None
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "playwright is not installed (requirements-dev.txt)"
    if not CHROMIUM.exists():
        reason = f"there is no {CHROMIUM} (Debian package chromium, or set MCACLIP_CHROMIUM)"
    if reason:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def _site(editor: FakeEditor, folder: Path) -> Iterator[Site]:
    with serve(lambda report: editor, folder) as url:
        yield Site(url, editor, folder)


@pytest.fixture(scope="package")
def site(tmp_path_factory) -> Iterator[Site]:
    with _site(FakeEditor(steps=1), tmp_path_factory.mktemp("tabs")) as made:
        yield made


@pytest.fixture(scope="package")
def universal_site(tmp_path_factory) -> Iterator[Site]:
    """With a network for any words, and a prompt library."""
    with _site(FakeEditor(universal=True, entries=ENTRIES), tmp_path_factory.mktemp("universal")) as made:
        yield made


@pytest.fixture(scope="package")
def idle_contexts(chromium) -> dict[str, list]:
    """Contexts of earlier visitors by their options; the browser keeps the page's scripts in them, compiled."""
    return defaultdict(list)


@pytest.fixture
def visit(chromium, idle_contexts) -> Iterator[Callable]:
    """Opens an address as a new visitor, with cookies and state of their own."""
    used, problems = [], []

    def open_page(url: str, **options):
        options = {"viewport": {"width": 1280, "height": 720}, **options}
        idle = idle_contexts[repr(sorted(options.items()))]
        if idle:
            context = idle.pop()
        else:
            context = chromium.new_context(**options)
            context.add_init_script(WATCH)
        page = context.new_page()
        used.append((idle, context, url))
        page.set_default_timeout(60_000)
        page.on("request", lambda request: _check_host(request.url, problems))
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.goto(url)
        page.wait_for_selector("#status .status-ready")
        page.wait_for_selector("#cards .card")
        return page

    yield open_page
    for idle, context, url in used:
        _forget(context, url)
        idle.append(context)
    assert problems == []


def _forget(context, url: str) -> None:
    """Ends a visit: nothing of it is found by the next one."""
    page = context.new_page()
    for other in context.pages[:-1]:
        other.close()
    origin = {"origin": url.partition("?")[0].rstrip("/"), "storageTypes": "all"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", origin)
    context.clear_cookies()
    page.close()


def _check_host(url: str, problems: list[str]) -> None:
    parts = urlparse(url)
    if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
        problems.append(f"request to another host: {url}")


@pytest.fixture
def portrait(tmp_path) -> Callable[..., str]:
    """Saves a drawn photo with so many faces; returns its path."""
    return lambda faces=1, seed=1: write_photo(tmp_path / f"photo_{faces}_{seed}.png", faces, seed)
