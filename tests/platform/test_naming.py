import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcaclip.platform import naming

ANY_TEXT = st.text(st.characters(), max_size=400)  # lone surrogates, NUL and control characters included


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("portrait", "portrait"),
        ("my photo (2)", "my photo _2"),
        ("портрет", "портрет"),
        ("नमस्ते", "नमस्ते"),
        ("", "face"),
        ("..", "face"),
        ("\0", "face"),
        ("\ud800", "face"),
        ("/elsewhere/PWN", "elsewhere_PWN"),
        ("..\\..\\x", "x"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("CON", "CON-file"),
        ("nul.tar", "nul-file.tar"),
        ("console", "console"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_stem_is_a_plain_name(text, stem):
    assert naming.safe_stem(text) == stem


@given(ANY_TEXT)
def test_any_text_becomes_a_file_of_its_folder(text):
    stem = naming.safe_stem(text)
    assert 0 < len(stem) <= naming.MAX_LETTERS and len(stem.encode()) <= naming.MAX_BYTES
    path = os.path.normpath(Path("/folder") / f"{stem}.mcaclip.safetensors")
    assert os.path.dirname(path) == "/folder"
    assert not stem.startswith((".", "-")) and not any(c in stem for c in '/\\:*?"<>|\0\n')


@given(ANY_TEXT)
def test_a_stem_comes_back_as_it_is(text):
    stem = naming.safe_stem(text)
    assert naming.safe_stem(stem) == stem


def test_equal_stems_get_a_number():
    assert naming.distinct_stems(["a", "b", "a", "A", "a_2"]) == ["a", "b", "a_2", "A_3", "a_2_2"]


@given(st.lists(st.sampled_from(["a", "A", "a_2", "a_3", "b"]), max_size=9))
def test_stems_begin_as_their_names(names):
    stems = naming.distinct_stems(names)
    assert all(stem.startswith(name) for stem, name in zip(stems, names, strict=True))


@given(st.lists(ANY_TEXT, max_size=6))
def test_distinct_stems_never_clash(names):
    stems = naming.distinct_stems(names)
    assert len(stems) == len(names) == len({stem.casefold() for stem in stems})
