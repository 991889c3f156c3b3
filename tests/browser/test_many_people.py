"""The place in the queue."""

from __future__ import annotations

from tests.browser.walk import drop, held, known_face, random_face, type_in
from tests.fakes import PROMPTS


def test_place_in_the_queue_is_shown_and_learning_takes_none(site, visit, portrait):
    first, second = visit(site.url), visit(site.url)
    with held(site.editor):
        drop(first, portrait())
        first.click("#agree")
        known_face(first)
        first.wait_for_selector("#stop", state="visible")
        random_face(second)
        with held(site.editor, "hold_edits"):
            type_in(first, "#prompt input, #prompt textarea", PROMPTS[0])
            first.click("#edit-now")
            first.wait_for_selector("#cancel", state="visible")
            second.click("#new-photo")
            second.click("#new-seed")
            second.wait_for_selector("#waiting >> text=/queue: 1/")
    known_face(second, 2)
    second.wait_for_selector("#waiting >> text=/queue/", state="hidden")
