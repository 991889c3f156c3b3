"""The room Compare with stand-in methods."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from tests.browser.conftest import serve
from tests.fakes import FakeEditor
from tests.helpers.fake_methods import FakeMethods

TOAST = ".toast-body"
PROMPT = "#methods-prompt input, #methods-prompt textarea"
STUDIO_PROMPT = "#prompt input, #prompt textarea"
DONE, WAITING = ".method-row:not(.waiting)", ".method-row.waiting"


@pytest.fixture(scope="module")
def held():
    return threading.Event()


@pytest.fixture
def hold(held):
    held.clear()
    yield held
    held.set()


@pytest.fixture(scope="module")
def address(tmp_path_factory, held):
    folder = tmp_path_factory.mktemp("tabs")
    with serve(lambda report: FakeEditor(), folder, methods=partial(FakeMethods, hold=held)) as address:
        yield address


@pytest.fixture
def url(address, hold):
    return address


def face_on_stage(page) -> None:
    page.click("#examples .thumbnail-item >> nth=0")
    page.wait_for_selector("#film .frame")


def open_compare(page) -> None:
    page.click("#page-lab-button")
    page.click("#page-compare-button")
    wait_for_methods(page, 4)


def wait_for_methods(page, count: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('#methods-chosen label').length === {count}")


def offered(page) -> list[str]:
    return [label.strip() for label in page.locator("#methods-chosen label").all_inner_texts()]


def chosen(page) -> list[str]:
    return [label.strip() for label in page.locator("#methods-chosen label:has(input:checked)").all_inner_texts()]


def wait_for_rows(page, count: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('{DONE}').length === {count}")


def wait_until_idle(page) -> None:
    page.wait_for_selector("#methods-start:not([disabled])")


def test_rows_appear_one_by_one_and_stopping_keeps_them(url, visit, hold):
    page = visit(url)
    face_on_stage(page)
    page.fill(STUDIO_PROMPT, "purple hair")
    page.press(STUDIO_PROMPT, "Tab")
    open_compare(page)
    page.wait_for_selector("#methods-face img")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value === 'purple hair'")
    wait_for_methods(page, 4)
    assert offered(page) == ["MCA-CLIP universal", "MCA-CLIP", "CF-CLIP", "StyleCLIP optimisation"]
    assert chosen(page) == ["MCA-CLIP universal", "MCA-CLIP", "CF-CLIP"], "the slow one is not chosen"
    page.click("#methods-start")
    wait_for_rows(page, 2)
    page.wait_for_selector("#methods-bar >> text=CF-CLIP is working")
    assert page.locator(WAITING).count() == 1, "the row that comes has its place"
    assert page.locator(f"{DONE} img:not(.under)").count() == 6
    page.click("#methods-stop")
    page.wait_for_selector("#methods-bar >> text=The rows that were finished stay")
    wait_until_idle(page)
    assert (page.locator(DONE).count(), page.locator(WAITING).count()) == (2, 0)
    hold.set()
    page.click("#methods-start")
    wait_for_rows(page, 3)
    wait_until_idle(page)
    width = page.locator(f"{DONE} .picture").first.bounding_box()["width"]
    assert width > 250, "large enough to judge, beside the panel"
    page.hover(f"{DONE} .picture >> nth=0")
    under = page.locator(".under").first
    assert not under.is_visible()
    page.mouse.down()
    assert under.is_visible(), "the face, while the edit is held"
    page.mouse.up()
    assert not under.is_visible()


def test_a_missing_face_is_reported_with_the_way_to_one_which_a_reload_keeps(url, visit):
    page = visit(url)
    open_compare(page)
    page.wait_for_selector("#methods-face >> text=no face yet")
    page.fill(PROMPT, "a zombie")
    page.press(PROMPT, "Enter")
    page.wait_for_selector(f"{TOAST} >> text=no face yet")
    page.click("#methods-face .to-studio")
    page.wait_for_selector("#examples", state="visible")
    face_on_stage(page)
    page.click("#page-lab-button")
    page.click("#page-compare-button")
    page.wait_for_selector("#methods-face img")
    assert page.url.endswith("#lab-compare")
    page.reload()
    page.wait_for_selector("#methods-face img", state="visible")


def test_only_methods_that_can_edit_with_the_words_are_offered(url, visit):
    page = visit(url)
    face_on_stage(page)
    open_compare(page)
    page.wait_for_selector("#methods-face img")
    page.fill(PROMPT, "blue lipstick")
    wait_for_methods(page, 2)
    page.wait_for_selector("#methods-ready >> text=CF-CLIP, CoralStyleCLIP")
    assert "python" not in page.inner_text("#methods-ready")
    page.click("#methods-start")
    wait_for_rows(page, 1)
    wait_until_idle(page)
    page.uncheck("#methods-chosen label:has-text('MCA-CLIP universal') input")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.click("#methods-start")
    page.wait_for_selector(f"{TOAST} >> text=Choose at least one method")
    page.fill(PROMPT, "purple hair")
    wait_for_methods(page, 4)
    assert chosen(page) == ["MCA-CLIP", "CF-CLIP"], "what is not wanted stays so"


def test_the_room_fits_a_telephone(url, visit, hold):
    hold.set()
    page = visit(url, viewport={"width": 390, "height": 844})
    face_on_stage(page)
    open_compare(page)
    page.wait_for_selector("#methods-face img")
    page.fill(PROMPT, "purple hair")
    page.click("#methods-start")
    wait_for_rows(page, 3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(f"{DONE} .picture").first.bounding_box()["width"] > 300
