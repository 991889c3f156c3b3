"""axe-core finds nothing serious in any view, light and dark."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.walk import PROMPT, drop, edit, held, known_face, type_in

FOLDER = Path(os.environ.get("MCACLIP_AXE", "node_modules/axe-core"))
COMMAND = "npm install --no-save axe-core (or set MCACLIP_AXE to the folder that holds axe.min.js)"
RUN = """async rules => (await axe.run({ resultTypes: ['violations'], ...rules })).violations
    .filter(one => ['serious', 'critical'].includes(one.impact))
    .flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(' ')} ${node.html.slice(0, 120)}`))
    .filter(line => !line.includes('class="upload-container'))"""
"""Gradio's own field for files has a label beside its text, which we cannot change."""
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
"""Only colours differ in the dark scheme."""


@pytest.fixture(scope="module")
def axe() -> str:
    """The script; without it the tests are skipped, and say how to get it."""
    script = FOLDER / "axe.min.js"
    if not script.is_file():
        pytest.skip(f"axe-core is not here: {COMMAND}")
    return script.read_text(encoding="utf-8")


def test_no_view_has_a_serious_violation(universal_site, visit, portrait, axe):
    page = visit(universal_site.url)
    page.evaluate(axe)
    found: dict[str, list[str]] = {}

    def look(view: str, step: Callable[[], object] = lambda: None) -> None:
        step()
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("dark => document.body.matches('.dark') === dark", arg=scheme == "dark")
            page.evaluate("() => Promise.all(document.getAnimations().map(one => one.finished.catch(() => 0)))")
            found[f"{view}, {scheme}"] = page.evaluate(RUN, rules)

    look("start")
    drop(page, portrait(faces=2))
    look("consent", lambda: page.wait_for_selector("#agree"))
    page.click("#agree")
    look("several faces", lambda: page.wait_for_selector("#stage .box"))
    with held(universal_site.editor):
        page.click("#stage .box >> nth=0")
        known_face(page)
        look("learning", lambda: page.wait_for_selector("#stop", state="visible"))
    look("face", lambda: page.wait_for_selector("#stop", state="hidden"))
    look("edit", lambda: edit(page, "green lipstick"))
    for view in ("split", "where", "masks", "picture"):
        look(view, lambda view=view: page.check(f"#stage .views input[value={view}]", force=True))
    type_in(page, PROMPT, "violin")
    look("suggestions", lambda: page.wait_for_selector("#verdict .suggestion"))
    look("fine tune", lambda: page.click("#fine-tune button >> nth=0"))
    page.click("#make-strip")
    look("strengths", lambda: page.wait_for_selector("#choices button"))
    look("paint", lambda: page.click("#paint"))
    page.click("#stop-painting")
    page.click("#save")
    look("save", lambda: page.wait_for_selector("#download-edited:not([disabled])"))
    page.keyboard.press("Escape")
    page.click("#new-photo")
    look("new face", lambda: page.click("#more-sources button >> nth=0"))
    page.keyboard.press("Escape")
    page.click("#page-lab-button")
    for room in ("compare", "vote", "train", "inspect"):
        look(room, lambda room=room: page.click(f"#page-{room}-button"))
    assert {view: lines for view, lines in found.items() if lines} == {}
