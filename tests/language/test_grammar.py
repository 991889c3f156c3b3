from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcaclip.language.colours import names_by_words, plain
from mcaclip.language.grammar import (
    COLLOQUIAL_NOUNS,
    MORE_NOUNS,
    PART_NOUNS,
    Meaning,
    colours_in,
    complains,
    is_coloured_part,
    pieces_of,
    split_changes,
    understand,
    wanting_more,
    without_complaint,
)
from mcaclip.language.whole_phrases import in_a_row, whole_phrases


@pytest.mark.parametrize(
    ("prompt", "part", "colour"),
    [
        ("green lipstick", "lips", "green"),
        ("a man with a Blue goatee!", "goatee", "blue"),
        ("PURPLE   hair", "hair", "purple"),
        ("dark blue hair", "hair", "navy"),
        ("someone with gray eyebrows", "brows", "grey"),
        ("a blue chin beard", "goatee", "blue"),
        ("a blue beard", "beard", "blue"),
        ("eyes: red", "eyes", "red"),
        ("a man whose lips are green", "lips", "green"),
        ("hair dyed Robin's egg blue", "hair", "robin's egg blue"),
        ("dusty rose lipstick", "lips", "dusty rose"),
        ("a bearded man with a beard and purple hair", "hair", "purple"),
        ("green lips, blue hair", "lips", "green"),
        ("yellow t-shirt", "clothes", "yellow"),
        ("the wall behind is pink", "background", "pink"),
        ("blush in red", "cheeks", "red"),
    ],
)
def test_part_and_colour_are_found(prompt, part, colour):
    assert understand(prompt) == Meaning(part, colour)


def test_a_noun_stands_in_one_list_and_is_no_colour():
    nouns = [
        noun for table in (PART_NOUNS, MORE_NOUNS, COLLOQUIAL_NOUNS) for names in table.values() for noun in names
    ]
    assert len(nouns) == len(set(nouns))
    assert not set(map(plain, nouns)) & set(names_by_words())


@pytest.mark.parametrize("prompt", ["", "zombie", "green", "lipstick", "bluegreen hairiness", "😀", "зелёная помада"])
def test_unknown_words_mean_nothing(prompt):
    assert understand(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "changes"),
    [
        ("green lipstick and purple hair", ["green lipstick", "purple hair"]),
        ("green lips, pink eyebrows", ["green lips", "pink eyebrows"]),
        ("green lipstick, purple hair, and a blue goatee", ["green lipstick", "purple hair", "a blue goatee"]),
        ("blue eyes & pink skin + gold lipstick; red hair", ["blue eyes", "pink skin", "gold lipstick", "red hair"]),
        ("a man with purple hair and green lips", ["a man with purple hair", "green lips"]),
        ("black and white hair", ["black and white hair"]),
        ("green lips with black and white hair", ["green lips", "black and white hair"]),
        ("black and white hair and green lips", ["black and white hair", "green lips"]),
        ("a woman with black and white hair", ["a woman with black and white hair"]),
        ("green lipstick and hair", ["green lipstick", "green hair"]),
        ("red lips, her hair and eyebrows", ["red lips", "red hair", "red eyebrows"]),
        ("make hair and brows pink", ["pink hair", "brows pink"]),
        ("a man with a beard and blue eyes", ["a man with a beard and blue eyes"]),
        ("blue hair green lips", ["blue hair", "green lips"]),
        ("hair blue lips green brows pink", ["hair blue", "lips green", "brows pink"]),
        ("red hair instead of blue hair", ["red hair instead of blue hair"]),
        ("red lips and pink hair please", ["red lips", "pink hair please"]),
        ("red lips and nails, purple hair", ["red lips and nails", "purple hair"]),
        ("green hair and red", ["green hair and red"]),
        ("zombie with purple hair", ["zombie", "purple hair"]),
        ("zombie and violin", ["zombie and violin"]),
        ("a violin", ["a violin"]),
        ("", [""]),
        (" , and ", [" , and "]),
    ],
)
def test_only_what_means_something_by_itself_is_a_change(prompt, changes):
    assert list(split_changes(prompt, lambda text: text == "zombie")) == changes


@pytest.mark.parametrize(
    ("prompt", "changes"),
    [
        ("green lipstick, no glasses", ["green lipstick", "no glasses"]),
        ("no glasses and purple hair", ["no glasses", "purple hair"]),
        ("no glasses but a beard", ["no glasses", "a beard"]),
        ("a man with glasses", ["a man with glasses"]),
        ("a man and a violin", ["a man and a violin"]),
        ("not red but green lips", ["not red but green lips"]),
    ],
)
def test_free_wishes_are_changes_but_not_beside_with(prompt, changes):
    wishes = ("no glasses", "glasses", "a beard", "a man")
    assert list(split_changes(prompt, wished=wishes.__contains__)) == changes


def test_colours_are_found_in_their_order():
    assert colours_in("red lips, not dark blue ones") == ("red", "navy")
    assert colours_in("a violin") == ()


WORDS = st.sampled_from(["green", "red", "hair", "lips", "and", "with", ",", "zombie", "violin", "eyebrows", "a"])


@given(st.lists(WORDS, min_size=1, max_size=9).map(" ".join))
def test_a_change_is_not_split_again_and_no_word_is_lost(prompt):
    changes = split_changes(prompt, lambda text: text == "zombie")
    for change in changes:
        assert split_changes(change, lambda text: text == "zombie") == (change,)
    kept = [word for change in changes for word in change.split()]
    between = ("and", "with", ",")
    # a colour that two parts share is said of both
    assert {w for w in kept if w not in between} == {w for w in prompt.split() if w not in between}


def test_a_colour_after_a_complaint_is_for_what_it_complains_of():
    text = "her hair is too dark, make it blonde"
    assert split_changes(text, wished=lambda words: True) == ("her hair is too dark", "make it blonde hair")
    assert [complains(said) for said in ("too red", "smiles too much", "not too red", "red hair too")] == [
        True,
        True,
        False,
        False,
    ]
    assert without_complaint("too many wrinkles") == "wrinkles"


@pytest.mark.parametrize("phrase", ["salt and pepper hair", "a suit and tie", "upper and lower lip"])
def test_a_phrase_of_the_tables_is_not_split(phrase):
    def split(text: str) -> tuple[str, ...]:
        return split_changes(text, wished=lambda words: True, whole=whole_phrases())

    assert split(f"give him {phrase} and blue lips") == (f"give him {phrase}", "blue lips")
    joined = f"GIVE him {phrase.replace(' and ', ' & ')}"  # as people type
    assert split(f"{joined}, blue lips") == (joined, "blue lips")
    assert pieces_of(f"{phrase} and a smile", whole_phrases()) == (phrase, "a smile")


def test_a_phrase_for_a_colour_is_whole_without_its_part():
    text = "make it salt-and-pepper and his lips red"
    assert split_changes(text, wished=lambda words: True, whole=whole_phrases())[0] == "make it salt-and-pepper"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("no glasses. purple hair", ("no glasses", "purple hair")),
        ("green lips! and then a beard", ("green lips", "a beard")),
        ("blue eyes, then a smile", ("blue eyes", "a smile")),
        ("hair 2.5 cm long.", ("hair 2.5 cm long.",)),
    ],
)
def test_sentences_are_pieces(text, pieces):
    assert pieces_of(text) == pieces


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("freckles green lipstick", ("freckles", "green lipstick")),
        ("no glasses no beard", ("no glasses", "no beard")),
        ("a beard blue eyes", ("a beard", "blue eyes")),
        ("purple hair warm light bangs", ("purple hair", "warm light", "bangs")),
        ("remove beard glasses", ("remove beard", "no glasses")),
        ("dark blue hair", ("dark blue hair",)),
        ("smile lines", ("smile lines",)),
        ("black and white hair", ("black and white hair",)),
        ("thin beard", ("thin beard",)),
        ("a violin glasses", ("a violin glasses",)),
    ],
)
def test_things_and_coloured_parts_in_a_row_are_several(text, row):
    assert in_a_row(text) == row


def test_a_colour_and_a_part_alone_are_a_coloured_part():
    found = [is_coloured_part(text) for text in ("green lipstick", "eyes blue", "very green lips", "hair", "red red")]
    assert found == [True, True, False, False, False]


def test_what_is_missing_is_wanted():
    assert wanting_more("not enough freckles") == wanting_more("too few freckles") == "more freckles"
    assert wanting_more("too much makeup") == "too much makeup"


def test_what_is_not_too_much_is_no_complaint():
    assert not complains("a full beard, not too long") and not complains("whiter teeth, nothing too dramatic")
