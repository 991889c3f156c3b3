"""Consent, the place in the queue, and limits."""

from __future__ import annotations

import threading

from tests.browser.test_page import TOAST, agree, upload


def test_photo_waits_for_consent_and_goes_on_when_it_is_given(site, visit, portrait):
    page = visit(site.url)
    page.set_input_files("#photo input[type=file]", portrait())
    page.wait_for_selector("#face-progress >> text=has to agree")
    assert page.is_disabled("#reconstruct") and page.locator("#aligned img").count() == 0
    agree(page)
    page.wait_for_selector("#reconstruct:not([disabled])")
    page.click("#photo button[aria-label='Remove Image']")
    page.wait_for_selector("#aligned img", state="detached")
    page.set_input_files("#photo input[type=file]", portrait(seed=2))
    page.wait_for_selector("#reconstruct:not([disabled])")
    assert page.is_checked("#consent input")


def test_place_in_the_queue_is_shown(site, visit, portrait):
    first, second = visit(site.url), visit(site.url)
    upload(first, portrait())
    site.editor.hold = threading.Event()
    try:
        first.click("#reconstruct")
        first.wait_for_selector("#reconstruction img")
        second.click("#tab-random-button")
        second.click("#new-seed")
        second.wait_for_selector("#waiting >> text=/queue: 1/")
    finally:
        site.editor.hold.set()
        site.editor.hold = None
    second.wait_for_selector("#edit:not([disabled])")
    second.wait_for_selector("#waiting >> text=/queue/", state="hidden")


def test_file_that_is_too_large_is_told(site, visit, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(bytes(51 * 10**6))
    page = visit(site.url)
    agree(page)
    page.set_input_files("#photo input[type=file]", str(path))
    page.wait_for_selector(f"{TOAST} >> text=/size/i")
    assert page.is_disabled("#reconstruct")
