"""Words and markup."""

from __future__ import annotations

import pytest

from mcaclip.methods.base import METHODS
from mcaclip.ui.display import images, markup, text


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.96, "Your face"), (0.85, "Close"), (0.7, "Like"), (0.5, "Another person"), (-0.2, "Another person")],
)
def test_likeness_in_words_and_number(value, words):
    line = text.likeness(value)
    assert line.startswith(words) and f"{value:.2f}" in line


def test_what_a_user_typed_never_becomes_markup():
    assert "<img" not in markup.note(text.unknown_prompt("<img src=x>"))
    assert "<b>" not in markup.progress("<b>", 0.5)


def test_progress_stays_within_its_track():
    assert 'aria-valuenow="100"' in markup.progress("a", 1.7)
    assert 'aria-valuenow="0"' in markup.progress("a", -1)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("/x/me.png", "me"), ("../a b;c.jpg", "a_b_c"), ("...", "face"), ("é" * 90 + ".png", "é" * 60)],
)
def test_file_stems_are_harmless(name, stem):
    assert images.file_stem(name) == stem


def test_messages_name_no_commands_and_no_inner_words():
    """Everything that the page says to a visitor."""
    words = [value for name, value in vars(text).items() if name.isupper() and isinstance(value, str)]
    words += [*text.METHODS_LACKING.values(), *text.TERM_LABELS.values(), *(one.title for one in METHODS.values())]
    for word in ("python -m", "mcaclip ", "FFHQ", "pip ", "universal network", ".md", "docs", "w/o", "NCE"):
        assert not [line for line in words if word in line], word
