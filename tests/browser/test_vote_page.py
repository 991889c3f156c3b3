"""Votes by keyboard: in the room Vote, and on the page for many voters, which is opened as a file."""

from __future__ import annotations

from random import Random

import numpy as np

from mcaclip.evaluation.vote import CRITERIA
from mcaclip.evaluation.vote_folder import Edits, build, read_votes
from mcaclip.results.export import write_png
from tests.browser.test_compare_page import face_on_stage

PROMPT = "#methods-prompt input, #methods-prompt textarea"


def test_a_comparison_is_voted_on_by_keyboard_and_saved(site, visit):
    page = visit(site.url)
    page.click("#page-lab-button")
    page.click("#page-vote-button")
    page.wait_for_selector("#vote-pictures >> text=Compare two methods")
    assert not page.is_visible("#vote-cast")
    page.click("#vote-pictures .to-studio >> text=To the comparison")
    page.wait_for_selector("#methods-face .to-studio")
    page.click("#methods-face .to-studio")
    face_on_stage(page)
    page.click("#page-lab-button")
    page.click("#page-compare-button")
    page.wait_for_selector("#methods-face img")
    page.fill(PROMPT, "purple hair")
    page.press(PROMPT, "Enter")
    page.wait_for_function("document.querySelectorAll('.method-row:not(.waiting)').length === 3")
    page.wait_for_selector("#methods-start:not([disabled])")
    page.click("#page-vote-button")
    page.wait_for_selector("#vote-pictures img")
    page.click("#vote-cast")
    page.wait_for_selector(".toast-body >> text=Realism: choose a picture")
    for criterion in CRITERIA:
        for number, place in enumerate(("first", "second", "third")):
            page.focus(f"#vote-{criterion}-{place} input >> nth=0")
            for _ in range(number):  # in Gradio's radio every button is a stop of the Tab key
                page.keyboard.press("Tab")
            page.keyboard.press("Space")
    page.focus("#vote-cast")
    page.keyboard.press("Enter")
    page.wait_for_selector("#vote-line >> text=A is ")
    assert page.locator("#vote-table tbody tr").count() == 3
    assert page.locator("#vote-table tbody tr >> nth=0").inner_text().split()[-4:] == ["3.00"] * 4
    with page.expect_download() as saved:
        page.focus("#vote-table a")
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename == "votes.csv"
    assert len(saved.value.path().read_text().splitlines()) == 1 + 9
    assert page.is_visible("#vote-table"), "the link saves, and leads nowhere"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_for_many_voters_saves_what_the_key_can_read(chromium, tmp_path):
    picture = tmp_path / "p.png"
    write_png(picture, np.full((64, 64, 3), 90, np.uint8), {})
    methods = ["mca", "cf-clip", "deltaedit"]
    edits = Edits("face", "green lipstick", picture, dict.fromkeys(methods, picture))
    key = build(tmp_path / "vote", [edits, edits], Random(0))
    context = chromium.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("request", lambda request: request.url.startswith("file:") or problems.append(request.url))
    page.goto((tmp_path / "vote" / "page" / "index.html").as_uri())
    assert page.evaluate("[...document.images].every((one) => one.naturalWidth === 64)")

    def choose(criterion: str, place: str, letter: str) -> None:
        page.focus(f"input[name=q2-{criterion}-{place}] >> nth=0")
        page.keyboard.press("Space")
        for _ in range("ABC".index(letter)):
            page.keyboard.press("ArrowRight")

    page.click("button")
    page.wait_for_selector("#said >> text=No question is answered yet")
    for criterion in CRITERIA:
        for place, letter in zip(("first", "second", "third"), "BAA", strict=True):
            choose(criterion, place, letter)
    page.click("button")
    invalid = page.locator("input:invalid")
    assert invalid.get_attribute("name") == "q2-realism-third" and page.locator("#said").inner_text() == ""
    for criterion in CRITERIA:
        choose(criterion, "third", "C")
    with page.expect_download() as saved:
        page.press("button", "Enter")
    page.wait_for_selector("#said >> text=Answered questions: 1.")
    (ballot,) = read_votes(key, [saved.value.path()])
    ranked = tuple(key.questions[1].methods["ABC".index(letter)] for letter in "BAC")
    assert ballot.question.name == "q2" and ballot.places == dict.fromkeys(CRITERIA, ranked)
    assert problems == []
    context.close()
