"""How long the page takes in a browser: from a photo to its face, from words to the picture, and behind a slider."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.walk import AFTER, PHOTO, PROMPT, STRENGTH
from tests.stress.cases import made_world
from tests.stress.server import served

WORDS = ("green lipstick", "red lipstick", "blue goatee", "red eyes", "purple hair", "pink hair")
"""Edits of parts that are new to the face, and of two in another colour."""
STEPS = 5
SHOWN = f"document.querySelector('{AFTER}').src"


def measure(photo: str | None) -> int:
    """Walks the road of a photo, or of an example without one, and prints the times; the exit status."""
    from playwright.sync_api import sync_playwright

    with made_world() as world, served(world, real=True) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        page.goto(server.url)
        page.wait_for_selector("#cards .card")
        page.wait_for_timeout(3000)
        _arrive(page, photo)
        for words in WORDS:
            _edit(page, words)
        browser.close()
    return 0


def _arrive(page: Any, photo: str | None) -> None:
    if photo is None:
        taken = _seconds(page, lambda: page.click("#examples .thumbnail-item >> nth=1"), "#film .frame")
        print(f"editable after {taken:.2f} s", flush=True)
        return
    asked = _seconds(page, lambda: page.set_input_files(PHOTO, photo), "#agree:visible")
    seen = _seconds(page, lambda: page.click("#agree"), "#stage.has-face")
    ready = seen + _seconds(page, lambda: None, "#film .frame")
    print(f"asked after {asked:.2f} s; agreed: face after {seen:.2f} s, editable after {ready:.2f} s", flush=True)


def _edit(page: Any, words: str) -> None:
    frames = page.locator("#film .frame").count()
    page.fill(PROMPT, words)
    entered = _until_changed(page, lambda: page.press(PROMPT, "Enter"))
    page.wait_for_function(f"document.querySelectorAll('#film .frame').length > {frames}")
    page.wait_for_timeout(400)
    box = page.locator(STRENGTH).first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    moved = [_until_changed(page, lambda at=at: page.mouse.move(x + 9 * at, y)) for at in range(1, STEPS + 1)]
    page.mouse.up()
    page.wait_for_function(f"document.querySelectorAll('#film .frame').length > {frames + 1}")
    page.wait_for_timeout(1500)
    print(f"{words}: {entered:.2f} s after Enter, slider {statistics.median(moved):.2f} s", flush=True)


def _seconds(page: Any, act: Callable[[], object], selector: str) -> float:
    began = time.monotonic()
    act()
    page.wait_for_selector(selector, state="attached")
    return time.monotonic() - began


def _until_changed(page: Any, act: Callable[[], object]) -> float:
    page.evaluate(f"window.seenBefore = {SHOWN}")
    began = time.monotonic()
    act()
    page.wait_for_function(f"{SHOWN} !== window.seenBefore", polling=10)
    return time.monotonic() - began
