"""Consent and the place in the queue."""

from __future__ import annotations

from tests.browser.test_page import agree, held, upload


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
    with held(site.editor):
        first.click("#reconstruct")
        first.wait_for_selector("#reconstruction img")
        second.click("#tab-random-button")
        second.click("#new-seed")
        second.wait_for_selector("#waiting >> text=/queue: 1/")
    second.wait_for_selector("#edit:not([disabled])")
    second.wait_for_selector("#waiting >> text=/queue/", state="hidden")
