"""The Compare tab with stand-in methods."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from tests.browser.conftest import serve
from tests.browser.walk import PROMPT as FIRST_PROMPT
from tests.browser.walk import TOAST, random_face, type_in
from tests.fakes import FakeEditor
from tests.helpers.fake_methods import FakeMethods

PROMPT = "#methods-prompt input, #methods-prompt textarea"
ROWS = "#methods-table tbody tr"


@pytest.fixture
def hold():
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def url(tmp_path, hold):
    (tmp_path / "tabs").mkdir()
    with serve(lambda report: FakeEditor(), tmp_path / "tabs", methods=partial(FakeMethods, hold=hold)) as address:
        yield address


def chosen(page) -> list[str]:
    boxes = page.locator("#methods-chosen label:has(input:checked)").all_inner_texts()
    return [box.strip() for box in boxes]


def wait_for_rows(page, count: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('{ROWS}').length === {count}")


def test_rows_appear_one_by_one_and_stopping_keeps_them(url, visit, hold):
    page = visit(url)
    random_face(page)
    type_in(page, FIRST_PROMPT, "purple hair")
    page.click("#page-lab-button")
    page.click("#page-compare-button")
    page.wait_for_selector("#methods-face img")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value !== ''")
    page.wait_for_selector(
        "#methods-ready >> text=Ready for “purple hair”: MCA-CLIP universal, MCA-CLIP, StyleCLIP optimisation"
    )
    assert chosen(page) == ["MCA-CLIP universal", "MCA-CLIP", "CF-CLIP"], "the slow one is not chosen"
    page.click("#methods-start")
    wait_for_rows(page, 2)
    page.wait_for_selector("#methods-bar >> text=CF-CLIP is working")
    assert page.locator("#methods-pictures .thumbnail-item").count() == 6
    page.click("#methods-stop")
    page.wait_for_selector("#methods-bar >> text=The rows that were finished stay")
    page.wait_for_selector("#methods-start:not([disabled])")
    assert page.locator(ROWS).count() == 2
    hold.set()
    page.click("#methods-start")
    wait_for_rows(page, 3)
    page.wait_for_selector("#methods-start:not([disabled])")
    assert page.locator("#methods-pictures .thumbnail-item").count() == 9


def test_missing_face_and_weights_are_reported(url, visit):
    page = visit(url)
    page.click("#page-lab-button")
    page.click("#page-compare-button")
    page.wait_for_selector("#methods-needs >> text=no face yet")
    type_in(page, PROMPT, "a zombie")
    page.click("#methods-start")
    page.wait_for_selector(f"{TOAST} >> text=no face yet")
    page.click("#page-studio-button")
    random_face(page)
    page.click("#page-lab-button")
    page.click("#page-compare-button")
    page.wait_for_selector("#methods-face img")
    page.uncheck("#methods-chosen label:has-text('CF-CLIP') input")
    page.click("#methods-start")
    wait_for_rows(page, 2)
    page.wait_for_selector("#methods-table >> text=python -m train prompt")


def test_the_tab_fits_a_telephone(url, visit, hold):
    hold.set()
    page = visit(url, viewport={"width": 390, "height": 800})
    random_face(page)
    page.evaluate("document.querySelector('#page-compare-button').click()")
    page.wait_for_selector("#methods-face img")
    type_in(page, PROMPT, "purple hair")
    page.click("#methods-start")
    wait_for_rows(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
