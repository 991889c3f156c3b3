"""A reload in the middle of anything: all there."""

from __future__ import annotations

import numpy as np

from tests.browser.walk import (
    PROMPT,
    drop,
    edit,
    edited,
    held,
    known_face,
    move_strength,
    picture,
    random_face,
    reload,
    saved,
    type_in,
    upload,
)
from tests.fakes import PROMPTS

BEFORE = "#stage-view .before"


def test_a_photo_on_its_way_to_a_face(site, visit, portrait):
    page = visit(site.url)
    drop(page, portrait())
    page.wait_for_selector("#agree")
    reload(page)
    with held(site.editor):
        page.click("#agree")  # the photo is still waiting
        known_face(page)
        page.wait_for_selector("#stop", state="visible")
        face = picture(page, BEFORE)
        reload(page)
        known_face(page)
        assert np.array_equal(picture(page, BEFORE), face)
        page.wait_for_selector("#stop", state="visible")
    page.wait_for_selector("#stop", state="hidden")
    edit(page, PROMPTS[0])
    drop(page, portrait(faces=2))
    page.wait_for_selector("#stage .box")
    reload(page)
    page.click("#stage .box >> nth=1")  # consent is remembered
    known_face(page, 2)


def test_edits_and_the_film(site, visit, portrait):
    page = visit(site.url)
    upload(page, portrait())
    edit(page, PROMPTS[0])
    edit(page, PROMPTS[2])
    random_face(page)
    edit(page, PROMPTS[1])
    move_strength(page, 0.8)
    page.mouse.up()
    page.wait_for_function("() => document.querySelectorAll('#film .frame').length === 6")
    page.wait_for_selector("#result-line .note-strong")
    shown, line = picture(page), page.inner_text("#result-line .note-strong")
    strength = page.input_value("#strength input[type=number]")
    for _ in range(2):
        reload(page)
        edited(page, PROMPTS[1])
        assert np.array_equal(picture(page), shown) and page.inner_text("#result-line .note-strong") == line
        assert page.input_value(PROMPT) == PROMPTS[1]
        assert page.input_value("#strength input[type=number]") == strength
        assert page.locator("#film .frame").count() == 6
    assert saved(page).size == (1024, 1024)
    page.click("#film .frame >> nth=2")
    edited(page, PROMPTS[2])
    page.click("#undo")
    edited(page, PROMPTS[0])
    page.click("#undo")
    page.wait_for_selector("#save[disabled]")
    reload(page)
    page.wait_for_selector("#redo:not([disabled])")
    assert page.is_disabled("#undo") and page.locator("#film .frame").first.get_attribute("aria-current") == "true"


def test_an_edit_that_is_under_way_is_made_again(site, visit):
    page = visit(site.url)
    random_face(page)
    with held(site.editor, "hold_edits"):
        type_in(page, PROMPT, PROMPTS[2])
        page.click("#edit-now")
        page.wait_for_selector("#cancel", state="visible")
        reload(page)
        known_face(page)
    edited(page, PROMPTS[2])
    assert page.locator("#film .frame").count() == 2


def test_another_browser_and_a_second_tab_get_nothing(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    assert visit(site.url).locator("#film .frame").count() == 0
    second = page.context.new_page()
    second.goto(site.url)
    second.wait_for_selector("#status .status-ready")
    second.wait_for_selector("#cards .card")
    random_face(second, 9)
    assert second.locator("#film .frame").count() == 1, "the first is still open"
    for one, frames in ((page, 2), (second, 1), (page, 2)):
        reload(one)
        known_face(one)
        assert one.locator("#film .frame").count() == frames, "each its own"
    for one in (page, second):  # both at the same time
        one.evaluate("() => { window.old = true; setTimeout(() => location.reload(), 50); }")
    for one, frames in ((page, 2), (second, 1)):
        one.wait_for_function("() => !window.old")
        one.wait_for_function("count => document.querySelectorAll('#film .frame').length === count", arg=frames)
