"""A visitor's way through the page, with the fake editor behind it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tests.browser.conftest import Site, serve
from tests.fakes import ENTRIES, MASK_SIDES, PROMPTS, FakeEditor

TOAST = ".toast-body"
PROMPT, SECOND_PROMPT = "#prompt input, #prompt textarea", "#prompt-2 input, #prompt-2 textarea"


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


def agree(page) -> None:
    page.check("#consent input")


def upload(page, path: str) -> None:
    agree(page)
    page.set_input_files("#photo input[type=file]", path)
    page.wait_for_selector("#reconstruct:not([disabled])")


def random_face(page, seed: int = 5) -> None:
    page.click("#tab-random-button")
    type_in(page, "#seed input", str(seed))
    page.click("#make-face")
    page.wait_for_selector("#edit:not([disabled])")


def reconstruct(page) -> None:
    page.click("#reconstruct")
    page.wait_for_selector("#edit:not([disabled])")


def edit(page, prompt: str) -> None:
    type_in(page, PROMPT, prompt)
    page.click("#edit")
    page.wait_for_selector(f"#result-line >> text=“{prompt}”")
    page.wait_for_selector("#download-edited:not([disabled])")


@contextmanager
def held(editor: FakeEditor) -> Iterator[None]:
    """Reconstructions do not end meanwhile."""
    editor.hold = threading.Event()
    try:
        yield
    finally:
        editor.hold.set()
        editor.hold = None


def picture(page, name: str) -> np.ndarray:
    """What the visitor is shown, as `uint8 [H, W, 3]`."""
    page.wait_for_selector(f"#{name} img")
    response = page.request.get(page.get_attribute(f"#{name} img", "src"))
    return np.asarray(Image.open(io.BytesIO(response.body())).convert("RGB"))


def test_photo_to_masks_and_downloads(site, visit, portrait):
    page = visit(site.url)
    assert page.locator("#prompts label").all_inner_texts() == list(PROMPTS)
    upload(page, portrait())
    reconstruct(page)
    assert "likeness" in page.inner_text("#likeness")
    page.click(f"#prompts label:has-text('{PROMPTS[0]}')")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value !== ''")
    page.click("#edit")
    page.wait_for_selector("#pasted-group", state="visible")
    assert page.locator("#masks .thumbnail-item").count() == len(MASK_SIDES)
    captions = [" ".join(line.split()) for line in page.locator("#masks .caption-label").all_inner_texts()]
    assert captions[4].startswith("layer 4 · 16 px · area ")
    assert picture(page, "edited").shape == picture(page, "overlay").shape == (1024, 1024, 3)
    for button, size in (("download-edited", (1024, 1024)), ("download-pasted", (256, 256))):
        with page.expect_download() as download:
            page.click(f"#{button}")
        saved = Image.open(download.value.path())
        assert (saved.format, saved.size) == ("PNG", size)


def test_photo_without_a_face_is_reported_and_the_page_goes_on(site, visit, portrait):
    page = visit(site.url)
    agree(page)
    page.set_input_files("#photo input[type=file]", portrait(faces=0))
    page.wait_for_selector(f"{TOAST} >> text=No face")
    assert page.is_disabled("#reconstruct")
    page.click("#photo button[aria-label='Remove Image']")
    page.wait_for_selector("#photo img", state="detached")
    upload(page, portrait())


@pytest.mark.parametrize(("content", "words"), [(b"no image at all", "not an image"), (bytes(51 * 10**6), "/size/i")])
def test_a_file_that_cannot_be_used_is_refused_in_words(site, visit, tmp_path, content, words):
    path = tmp_path / "notes.png"
    path.write_bytes(content)
    page = visit(site.url)
    agree(page)
    page.set_input_files("#photo input[type=file]", str(path))
    page.wait_for_selector(f"{TOAST} >> text={words}")
    assert page.is_disabled("#reconstruct")


def test_prompt_without_a_fit_is_reported_with_the_way_to_fit_it(site, visit):
    page = visit(site.url)
    random_face(page)
    type_in(page, PROMPT, "red nose")
    page.click("#edit")
    page.wait_for_selector(f'{TOAST} >> text=python -m train prompt "red nose"')
    edit(page, PROMPTS[1])


def test_random_face_is_the_same_for_the_same_seed(site, visit):
    seen = []
    for _ in range(2):
        page = visit(site.url)
        random_face(page, 42)
        seen.append(picture(page, "aligned"))
    assert np.array_equal(*seen)


def test_slider_shows_the_edit_while_moving_and_keeps_it_on_release(site, visit, portrait):
    page = visit(site.url)
    upload(page, portrait())
    reconstruct(page)
    edit(page, PROMPTS[0])
    before = picture(page, "edited")
    site.editor.calls.clear()
    track = page.locator("#strength input[type=range]")
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.85, box["y"] + box["height"] / 2, steps=4)
    page.wait_for_selector("#result-line .note-badge")
    assert page.is_disabled("#download-edited")
    assert picture(page, "edited").shape == before.shape, "at full size"
    page.mouse.up()
    page.wait_for_selector("#result-line .note-strong")
    page.wait_for_selector("#download-edited:not([disabled])")
    after = picture(page, "edited")
    assert after.shape == before.shape and not np.array_equal(after, before)
    assert {call.split()[0] for call in site.editor.calls} == {"edit"}, "never inverted again"


def test_slider_works_from_the_keyboard(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[2])
    page.focus("#threshold input[type=range]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#result-line .note-badge")
    page.click("#render")
    page.wait_for_selector("#result-line >> text=hard masks at 0.05")


def test_several_faces_are_offered(site, visit, portrait):
    page = visit(site.url)
    agree(page)
    page.set_input_files("#photo input[type=file]", portrait(faces=2))
    page.wait_for_selector(f"{TOAST} >> text=2 faces")
    page.wait_for_selector("#aligned img")
    first = page.get_attribute("#aligned img", "src")
    page.click("#faces .thumbnail-item >> nth=1")
    page.wait_for_function("src => document.querySelector('#aligned img').src !== src", arg=first)


def test_stop_ends_the_reconstruction(site, visit, portrait):
    page = visit(site.url)
    upload(page, portrait())
    with held(site.editor):
        page.click("#reconstruct")
        page.wait_for_selector("#reconstruction img")
        page.click("#stop")
        page.wait_for_selector(f"{TOAST} >> text=Stopped")
        page.wait_for_selector("#edit:not([disabled])")
        page.wait_for_selector("#refine:not([disabled])")


def test_two_visitors_at_once_see_only_their_own_face(site, visit, portrait):
    mine, theirs = visit(site.url), visit(site.url)
    upload(mine, portrait(seed=1))
    upload(theirs, portrait(seed=2))
    mine.click("#reconstruct")
    theirs.click("#reconstruct")
    for page in (mine, theirs):
        page.wait_for_selector("#edit:not([disabled])")
    edit(mine, PROMPTS[0])
    edit(theirs, PROMPTS[0])
    for page, other in ((mine, theirs), (theirs, mine)):
        shown = picture(page, "original").astype(int)
        own, foreign = picture(page, "aligned"), picture(other, "aligned")
        shown = np.asarray(Image.fromarray(shown.astype(np.uint8)).resize(own.shape[1::-1])).astype(int)
        assert np.abs(shown - own).mean() < 4 < np.abs(shown - foreign).mean()
    third = visit(site.url)
    assert third.locator("#aligned img").count() == 0


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_page_never_scrolls_sideways(site, visit, width):
    page = visit(site.url, viewport={"width": width, "height": 800})
    random_face(page)
    edit(page, PROMPTS[0])
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_notice_says_private_ai_edited_and_non_commercial(site, visit):
    notice = visit(site.url).inner_text("#notice")
    for word in ("stay on the machine", "AI-edited", "non-commercial"):
        assert word in notice


def test_two_prompts_make_one_edit_and_undo_goes_back(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    first = picture(page, "edited")
    type_in(page, SECOND_PROMPT, PROMPTS[2])
    page.wait_for_selector("#prompt-row-3", state="visible")
    page.click("#edit")
    page.wait_for_selector(f"#result-line >> text=+ “{PROMPTS[2]}”")
    page.wait_for_selector("#undo:not([disabled])")
    page.click("#undo")
    page.wait_for_selector("#redo:not([disabled])")
    assert np.array_equal(picture(page, "edited"), first)
    assert page.input_value(SECOND_PROMPT) == ""
    page.click("#redo")
    page.wait_for_selector(f"#result-line >> text=+ “{PROMPTS[2]}”")


def test_session_can_be_downloaded_and_opened_again(site, visit, portrait, tmp_path):
    page = visit(site.url)
    upload(page, portrait())
    reconstruct(page)
    edit(page, PROMPTS[1])
    with page.expect_download() as download:
        page.click("#download-session")
    path = tmp_path / "kept.safetensors"
    download.value.save_as(path)
    other = visit(site.url)
    other.click("#tab-session-button")
    other.set_input_files("#session-file input[type=file]", str(path))
    other.wait_for_selector(f"#result-line >> text=“{PROMPTS[1]}”")
    other.wait_for_selector("#pasted-group", state="visible")
    assert other.input_value(PROMPT) == PROMPTS[1]


def draw(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drags the mouse over the canvas; points are fractions of its side."""
    canvas = page.locator("#canvas canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    across = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*across[0])
    page.mouse.down()
    page.mouse.move(*across[1], steps=8)
    page.mouse.up()


def test_painting_changes_the_mask_and_stays_until_it_is_removed(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[2])
    before = picture(page, "overlay").astype(int)
    page.click("#tab-paint-button")
    page.wait_for_selector("#canvas canvas")
    page.click("#use-paint")
    page.wait_for_selector(f"{TOAST} >> text=Nothing is painted")
    page.click("#paint-tools label:has-text('Keep')")
    draw(page, (0.2, 0.16), (0.8, 0.16))
    page.click("#use-paint")
    page.wait_for_selector("#result-line >> text=painted by hand")
    page.wait_for_selector("#canvas .strokes")
    page.click("#paint-tools label:has-text('May')")
    draw(page, (0.3, 0.7), (0.7, 0.7))
    page.click("#use-paint")
    page.wait_for_selector("#undo:not([disabled])")
    page.wait_for_function("() => document.querySelector('#canvas .strokes')")
    page.click("#tab-side-button")
    after = picture(page, "overlay").astype(int)
    changed = np.abs(after - before).mean(-1)
    assert changed[150:180, 400:600].mean() > 20, "nothing changes there any more"
    assert changed[700:735, 400:600].mean() > 20, "there it changes now"
    page.click("#tab-paint-button")
    page.click("#drop-paint")
    page.wait_for_function("() => !document.querySelector('#result-line').innerText.includes('painted')")
    page.click("#tab-side-button")
    assert np.abs(picture(page, "overlay").astype(int) - before).mean() < 2


def test_strengths_slider_and_history_views(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    page.click("#tab-slider-button")
    page.wait_for_selector("#slider img")
    page.click("#tab-strengths-button")
    page.click("#make-strip")
    page.wait_for_selector("#strip .thumbnail-item >> nth=4")
    page.click("#strip .thumbnail-item >> nth=1")
    page.wait_for_selector("#result-line >> text=strength 0.50")
    page.click("#make-sweep")
    page.wait_for_selector("#download-sweep", state="visible")
    page.click("#tab-history-button")
    page.wait_for_selector("#history .thumbnail-item >> nth=1")
    page.wait_for_selector("#comparison img")
    page.click("#history .thumbnail-item >> nth=0")
    page.wait_for_selector("#result-line >> text=strength 1.00")


def test_a_variation_is_chosen_and_undone(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    page.click("#tab-variations-button")
    page.click("#make-variations")
    page.wait_for_selector("#variations .thumbnail-item >> nth=4")
    page.click("#variations .thumbnail-item >> nth=3")
    page.wait_for_selector("#result-line >> text=variation 3")
    page.click("#variations .thumbnail-item >> nth=0")
    page.wait_for_function("() => !document.querySelector('#result-line').innerText.includes('variation')")
    page.click("#undo:not([disabled])")
    page.wait_for_selector("#result-line >> text=variation 3")


def test_example_face_and_inspection(site, visit):
    page = visit(site.url)
    page.click("#examples .thumbnail-item >> nth=2")
    page.wait_for_selector("#edit:not([disabled])")
    edit(page, PROMPTS[0])
    page.click("#page-inspect-button")
    page.wait_for_selector("#inspect table")
    assert page.locator("#inspect table tbody tr").count() == len(MASK_SIDES)
    assert page.locator("#inspect .columns-chart .column").count() == 18


def test_every_picture_has_a_text_and_every_control_a_name(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('#columns img')].filter(i => i.offsetParent && !i.alt).map(i => i.src)"
    )
    assert nameless == []
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('#columns button, #columns input:not([type=file])')]
        .filter(e => e.offsetParent && !(e.textContent.trim() || e.ariaLabel || e.title || e.labels?.length
            || e.querySelector('img[alt]'))).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(site, visit, scheme):
    page = visit(f"{site.url}?__theme={scheme}")
    page.wait_for_function(  # colours fade in when the scheme is set
        """() => {
        const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ground = light(getComputedStyle(document.querySelector('gradio-app')).backgroundColor);
        const ratios = [...document.querySelectorAll('.note, .caption, .notice, h1, h2')].filter(e => e.offsetParent)
            .map(e => light(getComputedStyle(e).color))
            .map(l => (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05));
        return ratios.length > 5 && Math.min(...ratios) >= 4.5;
        }"""
    )


def test_prompts_are_offered_by_part_of_the_face_with_pictures(site, visit):
    page = visit(site.url)
    type_in(page, PROMPT, "red hair")
    page.wait_for_selector("#prompt-help >> text=Not learned yet")
    assert PROMPTS[2] in page.inner_text("#prompt-help")
    page.click("#category label:has-text('Hair')")
    page.wait_for_function("() => document.querySelectorAll('#prompts label').length === 1")
    ground = "() => getComputedStyle(document.querySelector('#prompts label'), '::before').backgroundImage"
    assert "data:image/jpeg" in page.evaluate(ground)
    page.focus("#prompts input")
    page.keyboard.press("Space")
    page.wait_for_function(f"document.querySelector('{PROMPT}').value === '{PROMPTS[2]}'")
    page.wait_for_selector("#prompt-help >> text=Known well")


@pytest.fixture(scope="module")
def universal_site(tmp_path_factory):
    editor = FakeEditor(universal=True, entries=ENTRIES)
    folder = tmp_path_factory.mktemp("universal")
    with serve(lambda report: editor, folder) as url:
        yield Site(url, editor, folder)


def test_words_that_no_one_fitted_are_edited_at_once(universal_site, visit):
    page = visit(universal_site.url)
    random_face(page)
    type_in(page, PROMPT, "pink eyebrows and green skin")
    page.wait_for_selector("#prompt-help >> text=Several changes")
    page.click("#edit")
    page.wait_for_selector("#result-line >> text=“pink eyebrows” · strength 1.00 + “green skin”")
    page.wait_for_selector("#result-line >> text=universal network")
    assert page.input_value(SECOND_PROMPT) == "green skin"
    before, after = picture(page, "original").astype(int), picture(page, "edited").astype(int)
    assert np.abs(after - before).max() > 40, "the edit can be seen"
    type_in(page, SECOND_PROMPT, "")
    type_in(page, PROMPT, "violin")
    page.wait_for_selector("#prompt-help >> text=outside of what the models know")
    page.click("#edit")
    page.wait_for_selector(f"{TOAST} >> text=outside of what the models know")


def test_mode_is_chosen_and_a_prompt_of_the_library_brings_its_strength(universal_site, visit):
    page = visit(universal_site.url)
    random_face(page)
    page.click("#category label:has-text('Characters')")
    page.wait_for_function("() => document.querySelectorAll('#prompts label').length === 1")
    page.click("#category label:has-text('Lips')")
    page.click("#prompts label:has-text('green lipstick')")
    page.wait_for_function("document.querySelector('#strength input[type=number]').value === '0.8'")
    page.wait_for_selector("#prompt-help >> text=best near 0.8")
    page.click("#mode label:has-text('Fitted')")
    page.wait_for_selector("#prompt-help >> text=was learned")
    page.click("#edit")
    page.wait_for_selector("#result-line >> text=fitted network")
    page.wait_for_selector("#download-session:not([disabled])")  # the last thing of an edit
    page.click("#mode label:has-text('Universal')")
    page.click("#edit")
    page.wait_for_selector("#result-line >> text=universal network")
    page.focus("#threshold input[type=range]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#result-line .note-badge")
    page.click("#render")
    page.wait_for_selector("#result-line >> text=hard masks at 0.05, universal network")


def test_the_mode_is_hidden_where_there_is_nothing_to_choose(site, visit):
    assert visit(site.url).locator("#mode").is_hidden()
