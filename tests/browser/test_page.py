"""A visitor's way through the page, with the fake editor behind it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.browser.walk import (
    PROMPT,
    TOAST,
    draw,
    edit,
    edited,
    held,
    known_face,
    move_strength,
    picture,
    random_face,
    saved,
    type_in,
    upload,
)
from tests.fakes import MASK_SIDES, PROMPTS

BEFORE = "#stage-view .before"
STRENGTH = "#strength input[type=number]"


def card(page, prompt: str):
    """The button of a card."""
    return page.locator(f"#cards .card[data-prompt='{prompt}'] .choose")


def frame(page, number: int):
    """A picture of the film, from 0."""
    return page.locator("#film .frame").nth(number)


def test_photo_to_masks_and_downloads(site, visit, portrait):
    page = visit(site.url)
    names = page.locator("#cards .card").evaluate_all("cards => cards.map(card => card.dataset.prompt)")
    assert names == list(PROMPTS)
    upload(page, portrait())
    assert "likeness" in page.inner_text("#likeness") and page.is_disabled("#save")
    card(page, PROMPTS[0]).click()
    edited(page, PROMPTS[0])
    assert page.input_value(PROMPT) == PROMPTS[0]
    captions = page.locator("#stage .layers button").evaluate_all("all => all.map(one => one.title)")
    assert len(captions) == len(MASK_SIDES) and captions[4].startswith("layer 4 (16 px), ")
    assert picture(page).shape == (1024, 1024, 3)
    first = saved(page)
    assert (first.format, first.size) == ("PNG", (1024, 1024))
    assert saved(page, "download-pasted").size == (256, 256)
    card(page, PROMPTS[2]).click()
    edited(page, PROMPTS[2])
    second = saved(page)
    assert np.abs(np.asarray(second).astype(int) - np.asarray(first)).max() > 40, "of the edit that is shown"
    shown = np.asarray(second.convert("RGB")).astype(int)[:900] - picture(page)[:900]
    assert np.abs(shown).mean() < 3
    page.click("#undo")
    page.click("#undo")
    page.wait_for_selector("#save[disabled]")
    assert page.is_disabled("#undo"), "the original"
    page.wait_for_selector("#stage-view .after", state="hidden")


def test_slider_shows_the_edit_while_moving_and_keeps_it_on_release(site, visit, portrait):
    page = visit(site.url)
    upload(page, portrait())
    edit(page, PROMPTS[0])
    before = picture(page)
    site.editor.calls.clear()
    move_strength(page, 0.85)
    page.wait_for_selector("#result-line .note-badge")
    assert picture(page).shape == before.shape, "at full size"
    page.mouse.up()
    page.wait_for_selector("#result-line .note-strong")
    after = picture(page)
    assert after.shape == before.shape and not np.array_equal(after, before)
    assert {call.split()[0] for call in site.editor.calls} <= {"edit", "preview"}, "never inverted again"
    assert page.locator("#film .frame").count() == 3
    page.focus(PROMPT)
    edit(page, PROMPTS[2])
    assert page.input_value(STRENGTH) == "1", "best for a new prompt"
    page.focus("#strength input[type=range]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#result-line >> text=strength 1.05")
    page.fill(STRENGTH, "99")
    page.wait_for_selector("#strength >> text=From 0 to 2.")
    page.press(STRENGTH, "Enter")
    page.wait_for_selector("#result-line >> text=strength 2.00")
    assert page.input_value(STRENGTH) == "2" and page.locator(TOAST).count() == 0
    assert page.is_visible("#strength .said")
    random_face(page)
    edit(page, PROMPTS[2])
    assert page.input_value(STRENGTH) == "1", "and for a new face"


def test_what_is_to_know_of_an_edit_stands_below_it_and_moves_nothing(site, visit, monkeypatch):
    monkeypatch.setattr(site.editor, "has_universal", True)
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    before = page.locator("#stage-view").bounding_box()
    edit(page, "red eyes")
    assert page.is_visible("#result-line >> text=of 10 photos")
    note, film = (page.locator(one).bounding_box() for one in ("#result-line .note-quiet", "#film"))
    assert note["y"] + note["height"] <= film["y"], "not below what is shown"
    assert page.locator("#stage-view").bounding_box() == before


def test_two_visitors_at_once_see_only_their_own_face(site, visit, portrait):
    mine, theirs = visit(site.url), visit(site.url)
    upload(mine, portrait(seed=1))
    upload(theirs, portrait(seed=2))
    for page in (mine, theirs):
        type_in(page, PROMPT, PROMPTS[0])
    mine.click("#edit-now")
    theirs.click("#edit-now")
    for page in (mine, theirs):
        edited(page, PROMPTS[0])
    for page, other in ((mine, theirs), (theirs, mine)):
        shown = picture(page).astype(int)
        own, foreign = picture(page, BEFORE), picture(other, BEFORE)
        assert np.abs(shown - own).mean() < 4 < np.abs(shown - foreign).mean()
    third = visit(site.url)
    assert third.locator("#film .frame").count() == 0


def test_an_edit_fits_every_width_and_all_of_the_page_has_a_name(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('img')].filter(i => i.checkVisibility() && !i.hasAttribute('alt'))"
        ".map(i => i.outerHTML.slice(0, 120))"
    )
    assert nameless == []
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('#studio button, #studio input:not([type=file])')]
        .filter(e => e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel || e.title || e.labels?.length
            || e.querySelector('img[alt]'))).map(e => e.outerHTML.slice(0, 120))"""
    )
    assert unnamed == []
    for width in (1440, 768, 390):
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


def test_two_changes_make_one_edit_and_each_has_a_chip(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    first = picture(page)
    page.hover(f"#cards .card[data-prompt='{PROMPTS[2]}']")
    page.click(f"#cards .card[data-prompt='{PROMPTS[2]}'] .side")
    page.wait_for_selector(f"#result-line >> text=+ “{PROMPTS[2]}”")
    assert page.input_value(PROMPT) == f"{PROMPTS[0]}, {PROMPTS[2]}"
    page.wait_for_selector("#change-2", state="visible")
    page.click("#undo:not([disabled])")
    page.wait_for_selector("#redo:not([disabled])")
    assert np.array_equal(picture(page), first) and page.input_value(PROMPT) == PROMPTS[0]
    page.click("#redo")
    page.wait_for_selector(f"#result-line >> text=+ “{PROMPTS[2]}”")
    page.get_by_role("button", name="Remove this change").first.click()
    edited(page, PROMPTS[2])
    page.wait_for_function("() => !document.querySelector('#result-line').innerText.includes('+')")
    assert page.is_hidden("#change-2") and page.input_value(PROMPT) == PROMPTS[2]
    page.click("#drop")
    page.wait_for_selector("#save[disabled]")
    assert page.input_value(PROMPT) == "" and frame(page, 0).get_attribute("aria-current") == "true"


def test_session_can_be_downloaded_and_opened_again(site, visit, portrait, tmp_path):
    page = visit(site.url)
    upload(page, portrait())
    edit(page, PROMPTS[1])
    page.click("#save")
    page.wait_for_selector("#download-session:not([disabled])")
    with page.expect_download() as download:
        page.click("#download-session")
    path = tmp_path / "kept.safetensors"
    download.value.save_as(path)
    other = visit(site.url)
    other.click("#more-sources button >> nth=0")
    other.set_input_files("#session-file input[type=file]", str(path))
    edited(other, PROMPTS[1])
    assert other.input_value(PROMPT) == PROMPTS[1] and other.locator("#film .frame").count() == 2
    assert saved(other, "download-pasted").size == (256, 256)


def test_painting_changes_the_mask_and_stays_until_it_is_removed(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[2])
    before = picture(page).astype(int)
    page.click("#fine-tune button >> nth=0")
    page.wait_for_selector("#threshold", state="visible")
    assert page.locator("#mode").is_hidden(), "there is nothing to choose"
    page.click("#paint")
    page.click("#use-paint")
    page.wait_for_selector(f"{TOAST} >> text=Nothing is painted")
    ink = "() => window.studioPaint.read().length"
    empty = page.evaluate(ink)
    draw(page, (0.2, 0.5), (0.8, 0.5))
    one = page.evaluate(ink)
    draw(page, (0.2, 0.4), (0.8, 0.4))
    assert page.evaluate(ink) > one > empty
    page.click("#undo-stroke")
    assert page.evaluate(ink) == one, "one stroke back"
    page.click("#undo-stroke")
    assert page.evaluate(ink) == empty
    page.click("#paint-tools label:has-text('Keep')")
    draw(page, (0.2, 0.16), (0.8, 0.16))
    page.click("#use-paint")
    page.wait_for_selector("#result-line >> text=painted by hand")
    page.click("#paint-tools label:has-text('May')")
    draw(page, (0.3, 0.6), (0.7, 0.6))
    page.click("#use-paint")
    page.wait_for_function("() => document.querySelectorAll('#film .frame').length === 4")
    changed = np.abs(picture(page).astype(int) - before).mean(-1)
    assert changed[150:180, 400:600].mean() > 20, "nothing changes there any more"
    assert changed[600:625, 400:600].mean() > 20, "there it changes now"
    page.click("#drop-paint")
    page.wait_for_function("() => !document.querySelector('#result-line').innerText.includes('painted')")
    assert np.abs(picture(page).astype(int) - before).mean() < 2 and page.evaluate(ink) == empty


def test_strengths_variations_and_an_animation(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    page.click("#fine-tune button >> nth=0")
    page.click("#make-strip")
    page.click("#choices button >> nth=1")
    page.wait_for_selector("#result-line >> text=strength 0.50")
    page.click("#make-variations")
    page.wait_for_selector("#choices >> text=as learned")
    tops = page.locator("#choices button").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    assert len(tops) == 5 and len(set(tops)) == 1, "all in one line"
    page.click("#choices button >> nth=3")
    page.wait_for_selector("#result-line >> text=variation 3")
    page.click("#choices button >> nth=0")
    page.wait_for_function("() => !document.querySelector('#result-line').innerText.includes('variation')")
    page.click("#undo:not([disabled])")
    page.wait_for_selector("#result-line >> text=variation 3")
    page.click("#save")
    assert page.locator("#save-sheet .downloads .note").count() == 4, "a line about every file"
    for kind in ("MP4", "GIF"):
        page.click(f"#animation-format label:has-text('{kind}')")
        with page.expect_download() as download:
            page.click("#make-animation")
        assert download.value.suggested_filename.endswith(f"_film.{kind.lower()}")


def test_the_film_goes_back_compares_and_survives_a_change_of_face(site, visit):
    page = visit(site.url)
    random_face(page)
    edit(page, PROMPTS[0])
    first = picture(page)
    edit(page, PROMPTS[2])
    second = picture(page)
    assert [frame(page, n).inner_text().split("\n")[0] for n in range(3)] == ["Original", PROMPTS[0], PROMPTS[2]]
    assert "1.00" in frame(page, 2).inner_text()
    frame(page, 1).click(modifiers=["Shift"])
    page.wait_for_selector(f"#result-line .note-badge >> text={PROMPTS[0]}")
    assert page.is_visible("#stage .line")
    assert np.array_equal(picture(page, BEFORE), first) and np.array_equal(picture(page), second)
    frame(page, 1).click()
    edited(page, PROMPTS[0])
    assert np.array_equal(picture(page), first) and not np.array_equal(picture(page, BEFORE), first)
    random_face(page, 6)
    assert page.locator("#film .frame").count() == 4
    edit(page, PROMPTS[1])
    frame(page, 2).click()
    edited(page, PROMPTS[2])
    assert np.array_equal(picture(page), second) and page.input_value(PROMPT) == PROMPTS[2]
    assert page.locator("#film .frame").count() == 5
    assert frame(page, 2).get_attribute("aria-current") == "true"


def test_an_edit_can_be_cancelled(site, visit):
    page = visit(site.url)
    random_face(page)
    with held(site.editor, "hold_edits"):
        type_in(page, PROMPT, PROMPTS[0])
        page.click("#edit-now")
        page.click("#cancel")
        page.wait_for_selector("#cancel", state="hidden")
    assert page.locator("#film .frame").count() == 1
    edit(page, PROMPTS[0])


def test_stop_ends_the_learning_with_the_best_so_far(site, visit, portrait):
    page = visit(site.url)
    with held(site.editor):
        page.set_input_files("#photo-box input[type=file]", portrait())
        page.click("#agree")
        known_face(page)
        page.click("#stop")
        page.wait_for_selector(f"{TOAST} >> text=Stopped")
        page.wait_for_selector("#stop", state="hidden")
        page.click("#best:not([disabled])")
        page.wait_for_selector("#stop", state="visible")
    page.wait_for_selector("#stop", state="hidden")
    assert "refine" in site.editor.calls


def test_example_face_and_inspection(site, visit):
    page = visit(site.url)
    page.click("#examples .thumbnail-item >> nth=2")
    known_face(page)
    edit(page, PROMPTS[0])
    page.click("#page-lab-button")
    page.click("#page-inspect-button")
    page.wait_for_selector(f"#inspect-shifts >> text=Shift of “{PROMPTS[0]}”")
    assert page.locator("#inspect-shifts .columns-chart .column").count() == 18
    assert page.locator("#inspect img").count() >= len(MASK_SIDES)
    assert page.locator("#inspect .trio img").count() == 3
    assert page.locator("#inspect .layer-rows li").count() > 10
    page.reload()
    page.wait_for_selector(f"#inspect-shifts >> text=Shift of “{PROMPTS[0]}”")
    assert page.is_hidden("#stage"), "the room is found again"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes_and_the_notice_says_what_counts(site, visit, scheme):
    page = visit(f"{site.url}?__theme={scheme}")
    notice = page.inner_text("#notice")
    for word in ("stay on the machine", "AI-edited", "non-commercial"):
        assert word in notice
    page.wait_for_function(  # colours fade in when the scheme is set
        """() => {
        const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const ground = light(getComputedStyle(document.querySelector('gradio-app')).backgroundColor);
        const ratios = [...document.querySelectorAll('.note, .caption, .notice, h1, h2')]
            .filter(e => e.checkVisibility())
            .map(e => light(getComputedStyle(e).color))
            .map(l => (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05));
        return ratios.length > 4 && Math.min(...ratios) >= 4.5;
        }"""
    )


def test_cards_by_part_of_the_face_and_suggestions(site, visit):
    page = visit(site.url)
    type_in(page, PROMPT, "red hair")
    page.wait_for_selector("#verdict >> text=Not learned yet")
    assert "python" not in page.inner_text("#verdict"), "no commands in messages"
    page.click("#cards .categories >> text=Hair")
    assert page.locator("#cards .card").count() == 1
    drawn = card(page, PROMPTS[2]).locator("img")
    generic = drawn.get_attribute("src")
    assert generic.startswith("data:image/jpeg")
    random_face(page)
    page.wait_for_function(
        "([prompt, old]) => ![null, old].includes("
        "document.querySelector(`#cards .card[data-prompt='${prompt}'] img`)?.src ?? null)",
        arg=[PROMPTS[2], generic],
    )
    page.click("#edit-now")
    page.click(f"#verdict .suggestion >> text={PROMPTS[2]}")
    edited(page, PROMPTS[2])
    page.wait_for_selector("#verdict >> text=is known")
    page.click("#cards .categories >> text=All")
    card(page, PROMPTS[1]).press("Enter")
    edited(page, PROMPTS[1])


def test_cards_of_ones_own_are_kept_exported_and_imported(site, visit, tmp_path):
    page = visit(site.url)
    random_face(page)
    assert page.is_disabled("#cards .keep-card")
    edit(page, PROMPTS[0])
    move_strength(page, 0.8)
    page.mouse.up()
    page.wait_for_function("() => document.querySelectorAll('#film .frame').length === 3")
    strength = float(page.input_value(STRENGTH))
    page.click("#cards .keep-card")
    page.wait_for_selector("#cards .categories [aria-pressed=true] >> text=Yours")
    with page.expect_download() as download:
        page.click("#cards .export-cards")
    path = tmp_path / "cards.json"
    download.value.save_as(path)
    assert json.loads(path.read_text()) == [{"parts": [{"prompt": PROMPTS[0], "strength": strength}]}]
    other = visit(site.url)
    random_face(other, 9)
    broken = tmp_path / "broken.json"
    for content in ("no json", '{"parts": 1}', '[{"parts": 5}]', "[null]", "5"):
        broken.write_text(content)
        other.set_input_files("#cards .import-cards", str(broken))
        other.wait_for_selector("#cards .own-problem", state="visible")
        assert "holds no cards" in other.inner_text("#cards .own-problem")
    other.set_input_files("#cards .import-cards", str(path))
    other.wait_for_selector("#cards .own-problem", state="hidden")
    card(other, PROMPTS[0]).first.click()
    edited(other, PROMPTS[0])
    assert float(other.input_value(STRENGTH)) == strength
    other.reload()
    other.click("#cards .categories >> text=Yours")
    assert other.locator("#cards .card").count() == 1, "kept in the browser"
    other.click("#cards .card .side")
    other.wait_for_function("() => !document.querySelector('#cards .categories').innerText.includes('Yours')")


def test_words_that_no_one_fitted_are_edited_at_once(universal_site, visit):
    page = visit(universal_site.url)
    random_face(page)
    type_in(page, PROMPT, "pink eyebrows and green skin")
    page.wait_for_selector("#verdict >> text=2 changes")
    page.click("#edit-now")
    page.wait_for_selector("#result-line >> text=“pink eyebrows” · strength 1.00 + “green skin”")
    assert "universal" not in page.inner_text("#studio").lower()
    before, after = picture(page, BEFORE).astype(int), picture(page).astype(int)
    assert np.abs(after - before).max() > 40, "the edit can be seen"
    type_in(page, PROMPT, "violin")
    page.wait_for_selector("#verdict .dot-bad")
    page.wait_for_selector("#verdict >> text=do not understand these words")
    page.click("#edit-now")
    page.click("#verdict .suggestion >> nth=0")
    edited(page, PROMPTS[0])
    assert page.locator(TOAST).count() == 0, "the line by the prompt says it once"


def test_mode_is_chosen_and_a_card_brings_its_strength(universal_site, visit):
    page = visit(universal_site.url)
    random_face(page)
    page.click("#cards .categories >> text=Characters")
    assert page.locator("#cards .card").count() == 1
    page.click("#cards .categories >> text=Lips")
    card(page, "green lipstick").click()
    edited(page, "green lipstick")
    assert page.input_value(STRENGTH) == "0.8"
    page.click("#fine-tune button >> nth=0")
    page.click("#mode label:has-text('Fitted')")
    page.click("#edit-now")
    page.wait_for_selector("#result-line >> text=fitted network")
    page.click("#mode label:has-text('Universal')")
    page.click("#edit-now")
    page.wait_for_selector("#result-line >> text=universal network")
    page.focus("#threshold input[type=range]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#result-line .note-strong >> text=hard masks at 0.05")
