"""The prompt library: categories and pictures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.errors import TrainingError
from mcaclip.ui.display.prompt_gallery import THUMBNAILS, cards, slug
from mcaclip.ui.handlers.views import editor_view
from tests.fakes import ENTRIES, PROMPTS, FakeEditor
from train.extras.thumbnails import SIDE, draw_thumbnails


def entries(*prompts: str) -> list[LibraryPrompt]:
    return [LibraryPrompt(prompt) for prompt in prompts]


def test_every_prompt_has_one_card_and_one_category():
    prompts = [*PROMPTS, "a smile of gold leaves", "something else"]
    named = [*entries(*prompts), LibraryPrompt("red hair", "Hair"), LibraryPrompt("zombie", "Characters")]
    made = cards(named)
    assert sorted(card["prompt"] for card in made) == sorted([*prompts, "red hair", "zombie"])
    assert list(dict.fromkeys(card["category"] for card in made)) == ["Lips", "Beard", "Hair", "Characters", "Other"]


def test_mode_is_offered_only_with_both_kinds_of_network():
    assert not editor_view(FakeEditor())["mode"]["visible"]
    assert editor_view(FakeEditor(universal=True))["mode"]["visible"]


@given(st.text(max_size=80))
def test_no_prompt_reaches_the_style_of_its_card(prompt):
    card = cards(entries(prompt))[0]
    assert card["prompt"] == prompt, "the script writes it as text"
    assert re.fullmatch(r"rgb\(\d+ \d+ \d+\)", card.get("ground", "rgb(0 0 0)"))


@given(st.text(max_size=200))
def test_slug_is_a_file_name(prompt):
    assert set(slug(prompt)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") and 0 < len(slug(prompt)) <= 60


def test_prompt_without_a_picture_has_a_patch_of_its_colour():
    assert cards(entries("red wall behind"))[0]["ground"] == "rgb(200 30 35)"
    party = LibraryPrompt("party", "Characters", (("red hair", 1.0), ("blue nose", 1.0)))
    assert cards([party])[0]["ground"] == "linear-gradient(to bottom, rgb(200 30 35), rgb(160 157 151))"


def test_thumbnails_are_drawn_small(tmp_path):
    files = draw_thumbnails(FakeEditor(), tmp_path / "t")
    assert [path.stem for path in files] == [slug(prompt) for prompt in PROMPTS]
    assert all(Image.open(path).size == (SIDE, SIDE) for path in files)


def test_thumbnails_show_library_prompts_at_their_best(tmp_path):
    editor = FakeEditor(universal=True, entries=ENTRIES)
    files = draw_thumbnails(editor, tmp_path, ["zombie", "green lipstick"])
    assert [path.stem for path in files] == ["zombie", "green_lipstick"]
    assert editor.calls[-1] == "edit 0.8 0"
    with pytest.raises(TrainingError, match="not in the prompt library: violin"):
        draw_thumbnails(editor, tmp_path, ["violin"])


def test_shipped_thumbnails_are_small_and_used():
    files = sorted(THUMBNAILS.glob("*.jpg"))
    assert files and sum(path.stat().st_size for path in files) < 4200 * len(files)
    assert cards(entries(files[0].stem.replace("_", " ")))[0]["url"].startswith("data:image/jpeg")
