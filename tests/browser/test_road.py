"""The road of a photo of one's own: few clicks, no scroll, stage and prompt always in sight."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.browser.walk import (
    AFTER,
    PHOTO,
    PROMPT,
    TOAST,
    drop,
    edit,
    edited,
    held,
    known_face,
    move_strength,
    outside,
    picture,
    random_face,
    upload,
)
from tests.fakes import PROMPTS

SIZES = {"width": 1280, "height": 720}, {"width": 1440, "height": 900}


def moved(page) -> list[str]:
    """What moved by itself, and from where to where; the most first."""
    by_amount = sorted(page.evaluate("window.seen.moved"), key=lambda one: -one[0])
    return [str(one)[:400] for one in by_amount[:6]]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size['width']}x{size['height']}")
def test_a_photo_of_ones_own(site, visit, portrait, size):
    page = visit(site.url, viewport=size)
    lost: dict[str, list[str]] = {}

    def look(step: str) -> None:
        lost[step] = outside(page)

    look("start")
    assert page.locator("#stage-view .before").is_visible() and page.locator("#stage-view .line").is_visible()
    presses = 0
    while not page.evaluate("selector => document.activeElement.matches(selector)", PROMPT):
        page.keyboard.press("Tab")
        presses += 1
        assert presses <= 6
    site.editor.calls.clear()
    drop(page, portrait())
    page.wait_for_selector("#agree")
    page.wait_for_selector("#consent >> text=May this photo be edited?")
    look("consent")
    assert site.editor.calls == [], "no photo is opened before consent"
    with held(site.editor):
        page.click("#agree")
        known_face(page)
        look("face")
        page.wait_for_selector("#stop", state="visible")
        page.wait_for_selector("#stage-view .inset img", state="visible")
        look("learning")
        page.click(PROMPT)
        page.keyboard.type(PROMPTS[2])
        page.keyboard.press("Enter")
        edited(page, PROMPTS[2])
        look("edit")
        assert page.is_visible("#stop"), "one need not wait for the end of learning"
        assert "kept 0.85" in page.inner_text("#result-line")
    assert page.evaluate("window.seen.clicks") == 2 and page.evaluate("window.seen.scrolls") == 0, "and a drop"
    page.wait_for_selector("#result-line >> text=kept 0.93")
    assert page.is_hidden("#stop")

    move_strength(page, 0.9)
    page.wait_for_selector("#result-line .note-badge")
    look("slider")
    page.mouse.up()
    page.wait_for_selector("#result-line .note-strong")
    look("slider released")

    for view in ("where", "masks", "split", "picture"):
        page.check(f"#stage .views input[value={view}]", force=True)
        look(view)
    page.click("#fine-tune button >> nth=0")
    page.click("#paint:not([disabled])")
    page.wait_for_selector("#brushes", state="visible")
    look("paint")
    page.click("#stop-painting")
    page.click("#save")
    page.wait_for_selector("#download-edited:not([disabled])")
    look("save")
    page.keyboard.press("Escape")
    page.click("#new-photo")
    page.wait_for_selector("#source", state="visible")
    look("new face")
    page.keyboard.press("Escape")
    assert page.is_hidden("#source") and page.is_hidden("#save-sheet")
    assert {step: parts for step, parts in lost.items() if parts} == {}
    assert page.evaluate("window.seen.shift") < 0.05, "\n".join(moved(page))


def test_looking_at_an_edit(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[2])
    root, after = page.locator("#stage-view .stage-view"), page.locator(AFTER)
    visible = "element => getComputedStyle(element).visibility"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.down("o")
    assert after.evaluate(visible) == "hidden", "the original"
    page.keyboard.up("o")
    assert after.evaluate(visible) == "visible"
    page.focus(PROMPT)
    page.keyboard.down("o")
    assert after.evaluate(visible) == "visible" and page.input_value(PROMPT).endswith("o"), "it is typed"
    page.keyboard.up("o")
    page.hover("#stage .original")
    page.mouse.down()
    assert after.evaluate(visible) == "hidden"
    page.mouse.up()
    assert after.evaluate(visible) == "visible"

    page.check("#stage .views input[value=split]", force=True)
    page.focus("#stage .line")
    for key, at in (("ArrowRight", 52), ("ArrowLeft", 50), ("PageUp", 60), ("Home", 0), ("End", 100)):
        page.keyboard.press(key)
        assert page.get_attribute("#stage .line", "aria-valuenow") == str(at)
    assert "100%" in after.evaluate("element => getComputedStyle(element).clipPath")

    page.check("#stage .views input[value=masks]", force=True)
    tiles = page.locator("#stage .layers button")
    tiles.nth(4).click()
    assert "16 px" in page.inner_text("#stage .layer-name")
    page.check("#stage .views input[value=picture]", force=True)
    page.click("#stage .zoom")
    box = page.locator("#stage .pan").bounding_box()
    assert box["width"] == pytest.approx(1024, abs=1), "one to one"
    page.click("#stage .zoom")
    assert page.locator("#stage .pan").bounding_box()["width"] < 720
    page.hover("#stage .port")
    page.mouse.wheel(0, -300)
    assert "zoomed" not in root.get_attribute("class"), "a wheel alone does not zoom"


DROPPED = """([data, kind, name]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: 'image/png' }));
    const options = { bubbles: true, cancelable: true };
    const event = kind === 'paste' ? new ClipboardEvent(kind, { ...options, clipboardData: transfer })
        : new DragEvent(kind, { ...options, dataTransfer: transfer });
    (kind === 'paste' ? document : document.querySelector('#stage-view img')).dispatchEvent(event);
}"""


def test_a_photo_is_dropped_and_another_pasted(site, visit, portrait):
    page = visit(site.url)
    assert "image/*" in page.get_attribute(PHOTO, "accept")

    def event(kind: str, path: str) -> None:
        data = base64.b64encode(Path(path).read_bytes()).decode()
        page.evaluate(DROPPED, [data, kind, Path(path).name])

    event("dragover", portrait())
    assert page.locator("#stage.dropping").count() == 1
    event("drop", portrait())
    page.wait_for_selector("#agree")
    assert page.locator("#stage.dropping").count() == 0 and page.is_hidden("#source")
    page.click("#decline")
    page.wait_for_selector("#consent", state="hidden")
    assert page.is_visible("#source") and page.locator("#film .frame").count() == 0, "taken away"
    event("drop", portrait())
    page.click("#agree")
    known_face(page)
    first = picture(page, "#stage-view .before")
    event("paste", portrait(seed=2))
    known_face(page, 2)
    assert page.is_hidden("#consent"), "asked once"
    assert np.abs(picture(page, "#stage-view .before").astype(int) - first).mean() > 4


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No face"), (b"no image at all", "not an image"), (bytes(51 * 10**6), "/size/i")]
)
def test_a_photo_that_cannot_be_used_is_refused_in_words_and_the_stage_stays(
    site, visit, portrait, tmp_path, content, words
):
    path = tmp_path / "notes.png"
    path.write_bytes(Path(portrait(faces=0)).read_bytes() if content is None else content)
    page = visit(site.url)
    upload(page, portrait())
    edit(page, PROMPTS[0])
    before, line = picture(page), page.inner_text("#result-line")
    drop(page, str(path))
    page.wait_for_selector(f"{TOAST} >> text={words}")
    page.wait_for_function("() => !document.querySelector('#progress').innerText.trim()")
    assert np.array_equal(picture(page), before) and page.inner_text("#result-line") == line
    assert page.locator("#film .frame").count() == 2 and page.is_enabled("#save")
    drop(page, portrait(seed=2))
    known_face(page, 2)


def test_several_faces_are_boxes_on_the_photo(site, visit, portrait):
    page = visit(site.url)
    drop(page, portrait(faces=2))
    page.click("#agree")
    page.wait_for_selector("#stage .box")
    assert page.locator("#stage .box").count() == 2 and "2 faces" in page.inner_text("#result-line")
    assert outside(page) == []
    page.fill(PROMPT, PROMPTS[2])
    page.click("#stage .box >> nth=1")
    edited(page, PROMPTS[2])
    page.click("#undo")
    page.wait_for_selector("#stage-view .after", state="hidden")
    first = picture(page, "#stage-view .before")
    page.click("#other-faces")
    page.wait_for_selector("#stage .box")
    page.locator("#stage .box >> nth=0").press("Enter")
    known_face(page, 2)
    assert not np.array_equal(picture(page, "#stage-view .before"), first)
    assert page.locator("#film .frame").count() == 3, "the words were used once"


SMALL = """() => [...document.querySelectorAll('button, input, label:has(input), textarea')].filter(one => {
    const box = one.getBoundingClientRect();
    const hidden = !one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || one.disabled;
    const part = one.matches('label input, [type=file], [type=range]'); // of a label that counts; drawn by Gradio
    return !(hidden || part || box.height >= 43.5) && box.width > 0;
}).map(one => `${one.outerHTML.slice(0, 90)} ${one.getBoundingClientRect().height}`)"""
"""Targets that are too low for a finger."""


def test_a_telephone(site, visit, portrait):
    page = visit(site.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    small = set(page.evaluate(SMALL))
    upload(page, portrait())
    page.locator(PROMPT).scroll_into_view_if_needed()
    edit(page, PROMPTS[0])
    assert page.locator("#stage .pan").bounding_box()["width"] == 390
    assert page.locator("#stage").bounding_box()["y"] >= -0.5, "the picture stays on top"
    small |= set(page.evaluate(SMALL))
    page.locator("#notice").scroll_into_view_if_needed()
    assert page.locator("#stage .pan").bounding_box()["y"] >= -0.5
    page.click("#save")
    page.wait_for_selector("#download-edited:not([disabled])")
    small |= set(page.evaluate(SMALL))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert sorted(small) == []


HIDDEN = """toast => ['#prompt', '#edit-now', '#stage-head button', '#stage .stage-bar'].filter(name =>
    [...document.querySelectorAll(name)].some(one => {
        const [a, b] = [one, document.querySelector(toast)].map(each => each.getBoundingClientRect());
        return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    }))"""


def test_notices_hide_neither_the_prompt_nor_the_controls_and_words_wait_for_a_face(site, visit):
    page = visit(site.url)
    page.click("#more-sources button >> nth=0")
    page.click("#camera button:visible >> nth=-1")
    page.wait_for_selector("#camera >> text=No camera")
    page.fill(PROMPT, PROMPTS[0])
    page.press(PROMPT, "Enter")
    page.wait_for_selector(f"{TOAST} >> text=no face yet")
    page.click("#make-face")
    edited(page, PROMPTS[0])
    assert page.evaluate(HIDDEN, TOAST) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate(HIDDEN, TOAST) == []
