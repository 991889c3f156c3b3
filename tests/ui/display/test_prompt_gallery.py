"""The prompt library: categories and pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mcaclip.editing.prompts import LibraryPrompt
from mcaclip.errors import TrainingError
from mcaclip.ui.display.prompt_gallery import THUMBNAILS, categories, slug, thumbnail_style, within
from mcaclip.ui.handlers.views import editor_view, library_view
from tests.fakes import ENTRIES, PROMPTS, FakeEditor
from train.extras.thumbnails import SIDE, draw_thumbnails


def entries(*prompts: str) -> list[LibraryPrompt]:
    return [LibraryPrompt(prompt) for prompt in prompts]


def test_every_prompt_is_in_all_and_in_one_category():
    prompts = [*PROMPTS, "a smile of gold leaves", "something else"]
    named = [*entries(*prompts), LibraryPrompt("red hair", "Hair"), LibraryPrompt("zombie", "Characters")]
    labels = categories(named)
    assert labels == ["All", "Lips", "Beard", "Hair", "Characters", "Other"]
    assert within(named, "All") == within(named, None) == [*prompts, "red hair", "zombie"]
    assert sorted(p for label in labels[1:] for p in within(named, label)) == sorted(within(named, None))


def test_single_category_needs_no_choice():
    assert not library_view(entries("red hair", "blue hair"))["category"]["visible"]
    assert library_view(entries(*PROMPTS))["category"]["visible"]


def test_mode_is_offered_only_with_both_kinds_of_network():
    assert not editor_view(FakeEditor())["mode"]["visible"]
    assert editor_view(FakeEditor(universal=True))["mode"]["visible"]


@given(st.text(max_size=80))
def test_no_prompt_ends_the_style_sheet(prompt):
    style = thumbnail_style(entries(prompt))
    inner = style.removeprefix("<style>").removesuffix("</style>")
    assert "<" not in inner and inner.count("{") == inner.count("}") == 1


@given(st.text(max_size=200))
def test_slug_is_a_file_name(prompt):
    assert set(slug(prompt)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") and 0 < len(slug(prompt)) <= 60


def test_prompt_without_a_picture_has_a_patch_of_its_colour():
    assert "rgb(200 30 35)" in thumbnail_style(entries("red wall behind"))
    style = thumbnail_style([LibraryPrompt("party", "Characters", (("red hair", 1.0), ("blue nose", 1.0)))])
    assert "linear-gradient(to bottom, rgb(200 30 35), rgb(160 157 151))" in style


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
    assert files and sum(path.stat().st_size for path in files) < 240_000
    assert "image/jpeg" in thumbnail_style(entries(files[0].stem.replace("_", " ")))
