from __future__ import annotations

import pytest

from mcaclip.language.spelling import form_of_known, one_slip, spellings, two_slips

KNOWN = ("hair", "lipstick", "smile", "slim", "beard", "eye", "pale", "moustache")


def spelled(text: str, alike=one_slip) -> list[list[str]]:
    return spellings(text, KNOWN, ("hairy",), lambda word: word not in KNOWN, alike)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hiar", "hair"),
        ("beerd", "beard"),
        ("lipstik", "lipstick"),
        ("ppale", "pale"),
        ("smil", "smile"),
        ("HIAR", "hair"),
    ],
)
def test_one_slip_is_mended(typed, meant):
    assert spelled(f"a {typed}, 2 #aabbcc")[0][0] == f"a {meant}, 2 #aabbcc"


def test_what_is_spelled_like_nothing_stays():
    assert spelled("violin") == [["violin"]] and spelled("hair") == [["hair"]] and spelled("") == [[""]]


def test_two_slips_are_allowed_in_longer_words_only():
    assert spelled("mustash") == [["mustash"]] and spelled("mustash", two_slips) == [["moustache"]]
    assert spelled("hbxr", two_slips) == [["hbxr"]]


def test_rarer_words_come_behind_usual_ones():
    assert [group[0] for group in spelled("hairr")] == ["hair", "hairy"]


@pytest.mark.parametrize(("word", "known"), [("eyes", True), ("paler", True), ("eys", False), ("beards", True)])
def test_forms_of_a_word(word, known):
    assert form_of_known(word, frozenset(KNOWN)) == known
