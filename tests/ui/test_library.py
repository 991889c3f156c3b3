"""The prompt library: categories and pictures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mcaclip.ui.library import THUMBNAILS, categories, slug, thumbnail_style, within
from mcaclip.ui.views import library_view
from tests.fakes import PROMPTS, FakeEditor
from train.thumbnails import SIDE, draw_thumbnails


def test_every_prompt_is_in_all_and_in_one_category():
    prompts = [*PROMPTS, "a smile of gold leaves", "something else"]
    labels = categories(prompts)
    assert labels[0] == "All" and labels[-1] == "Other"
    assert within(prompts, "All") == within(prompts, None) == prompts
    assert sorted(p for label in labels[1:] for p in within(prompts, label)) == sorted(prompts)


def test_single_category_needs_no_choice():
    assert not library_view(["red hair", "blue hair"])["category"]["visible"]
    assert library_view(PROMPTS)["category"]["visible"]


@given(st.text(max_size=80))
def test_no_prompt_ends_the_style_sheet(prompt):
    style = thumbnail_style([prompt])
    inner = style.removeprefix("<style>").removesuffix("</style>")
    assert "<" not in inner and inner.count("{") == inner.count("}") == 1


@given(st.text(max_size=200))
def test_slug_is_a_file_name(prompt):
    assert set(slug(prompt)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") and 0 < len(slug(prompt)) <= 60


def test_prompt_without_a_picture_has_a_patch_of_its_colour():
    assert "rgb(200 30 35)" in thumbnail_style(["red wall behind"])


def test_thumbnails_are_drawn_small(tmp_path):
    files = draw_thumbnails(FakeEditor(), tmp_path / "t")
    assert [path.stem for path in files] == [slug(prompt) for prompt in PROMPTS]
    assert all(Image.open(path).size == (SIDE, SIDE) for path in files)


def test_shipped_thumbnails_are_small_and_used():
    files = sorted(THUMBNAILS.glob("*.jpg"))
    assert files and sum(path.stat().st_size for path in files) < 120_000
    assert "image/jpeg" in thumbnail_style([files[0].stem.replace("_", " ")])
