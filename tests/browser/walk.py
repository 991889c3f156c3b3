"""What a visitor does on the page, step by step."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

from tests.fakes import FakeEditor

TOAST = ".toast-body"
PROMPT = "#prompt input, #prompt textarea"
STRENGTH = "#strength input[type=range]"
PHOTO = "#photo-box input[type=file]"
AFTER = "#stage-view .after"


def type_in(page, selector: str, value: str) -> None:
    """Fill a field and leave it, as a person does; the page takes a value over a frame after it was typed.

    In the moment in which a tab is opened Gradio gives its fields their first values once more, over what was typed.
    """
    settled = "setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 300)"
    for _ in range(3):
        page.fill(selector, value)
        page.press(selector, "Tab")
        page.evaluate(f"() => new Promise(done => {settled})")
        if page.input_value(selector) == value:
            return
    raise AssertionError(f"{selector} did not keep {value!r}")


def drop(page, path: str) -> None:
    """Give a photo; dropping, pasting and choosing all end in this field."""
    page.set_input_files(PHOTO, path)


def known_face(page, count: int = 1) -> None:
    """Wait until the film has so many faces, the last of them on the stage."""
    page.wait_for_function(
        """count => document.querySelectorAll('#film .frame.first').length === count
        && document.querySelector("#film .frame.shown")""",
        arg=count,
    )


def upload(page, path: str) -> None:
    """A first photo of a person who agreed; until it can be edited and nothing more is learned."""
    drop(page, path)
    page.click("#agree")
    known_face(page)
    page.wait_for_selector("#best", state="visible")


def random_face(page, seed: int = 5) -> None:
    """A face that does not exist, beside those of the film."""
    count = page.locator("#film .frame.first").count()
    if page.locator("#stage.has-face:not(.choosing)").count():
        page.click("#new-photo")
    if not page.is_visible("#seed"):
        page.click("#more-sources button >> nth=0")
    type_in(page, "#seed input", str(seed))
    page.click("#make-face")
    known_face(page, count + 1)


def edit(page, prompt: str) -> None:
    """An edit by words; until it is shown and can be saved."""
    type_in(page, PROMPT, prompt)
    page.click("#edit-now")
    edited(page, prompt)


def edited(page, prompt: str) -> None:
    """Wait for an edit by one prompt."""
    page.wait_for_selector(f"#result-line .note-strong >> text=“{prompt}”")
    page.wait_for_selector("#save:not([disabled])")


def reload(page) -> None:
    """Load the page again."""
    page.reload()
    page.wait_for_selector("#status .status-ready")
    page.wait_for_selector("#cards .card")


def move_strength(page, share: float, selector: str = STRENGTH) -> None:
    """Drag a slider to a share of its way, and hold it there."""
    track = page.locator(selector)
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2, steps=4)


@contextmanager
def held(editor: FakeEditor, name: str = "hold") -> Iterator[None]:
    """Good inversions do not end meanwhile, or edits (`hold_edits`)."""
    event = threading.Event()
    setattr(editor, name, event)
    try:
        yield
    finally:
        event.set()
        setattr(editor, name, None)


def picture(page, selector: str = AFTER) -> np.ndarray:
    """What the visitor is shown, as `uint8 [H, W, 3]`."""
    page.wait_for_selector(f"{selector}[src]", state="attached")
    data = base64.b64decode(page.get_attribute(selector, "src").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def saved(page, button: str = "download-edited") -> Image.Image:
    """Save the edit that is shown: open the sheet, wait for the files, download one, close the sheet."""
    page.click("#save")
    page.wait_for_selector(f"#{button}:not([disabled])")
    with page.expect_download() as download:
        page.click(f"#{button}")
    page.keyboard.press("Escape")
    return Image.open(download.value.path())


def draw(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drags the mouse over the canvas; points are fractions of its side."""
    box = page.locator("#stage canvas").bounding_box()
    across = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*across[0])
    page.mouse.down()
    page.mouse.move(*across[1], steps=8)
    page.mouse.up()


def outside(page) -> list[str]:
    """Which of the stage and the prompt line are not fully in the window."""
    return page.evaluate(
        """() => ['#stage', '#prompt'].filter(name => {
            const box = document.querySelector(name).getBoundingClientRect();
            return !(box.width > 0 && box.height > 0 && box.left >= -0.5 && box.top >= -0.5
                && box.right <= innerWidth + 0.5 && box.bottom <= innerHeight + 0.5);
        })"""
    )
