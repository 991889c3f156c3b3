"""What a wish says of itself, without any network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcaclip.language.concepts import Concept, Side, concepts
from mcaclip.language.wishes import LARGEST, SMALLEST, Wish, free_wish, on_one_side, plain_wish, split_percent

GLASSES = Concept("glasses", "", Side("glasses", fulfilled=0.9), Side("no glasses", fulfilled=0.5))
LIPS = Concept("colour of lips", "lips", Side("lipstick"))


def test_every_prompt_of_the_table_is_its_own_wish():
    for concept in concepts().values():
        for sign in (1, -1):
            side = concept.side(sign)
            if side.asks and not concept.part:
                assert plain_wish(side.asks).words == side.asks or side.fulfilled < 0.4
            elif side.asks:
                found = plain_wish(f"dusty rose {side.asks}")
                assert (found.concept, found.colour, found.sign) == (concept, "dusty rose", 1)


@pytest.mark.parametrize("text", ["green lips", "glasses, please", "lipstick", "", "no green lipstick"])
def test_other_wordings_are_no_plain_wish(text):
    assert plain_wish(text) is None


def test_what_the_network_is_asked_for():
    assert Wish("specs", 1.0, GLASSES).words == "glasses"
    assert Wish("no specs", 1.0, GLASSES, -1).words == "no glasses"
    assert Wish("mint lips", 1.0, LIPS, 1, "mint").words == "mint lipstick"
    assert free_wish("anything at all").words == "anything at all"
    assert free_wish("紫色").outside, "nothing is known of other scripts"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish("violin", 0.2), "do not understand"),
        (Wish("lips", 1.0, LIPS), "a colour as well"),
        (Wish("not green lips", 1.0, LIPS, -1, "green"), "the one that you want instead"),
        (Wish("the left lens", 1.0, GLASSES), "one side alone"),
        (Wish("curls", 1.0, Concept("curly hair")), "curly hair, which I cannot do reliably yet"),
        (Wish("curls", 1.0, Concept("curly hair", wanted=Side("curls", fulfilled=0.2))), "cannot do reliably"),
    ],
)
def test_what_cannot_be_done_is_said_and_asks_for_nothing(wish, said):
    assert said in wish.problem and wish.outside and wish.doubtful and wish.words == ""
    assert "Nearest that works: bangs." in replace(wish, nearest=("bangs",)).warning


def test_what_may_be_meant_is_asked():
    unsure = Wish("specz", 0.1, meant=("glasses", "no glasses"))
    assert unsure.warning == "I do not know these words. Did you mean “glasses” or “no glasses”?" and unsure.outside


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("one blue eye", True),
        ("only one of her eyebrows red", True),
        ("one eye blue", True),
        ("the right ear", True),
        ("a blue goatee instead of a red one", False),
        ("the one with red hair", False),
    ],
)
def test_one_of_two_is_told_from_the_word_alone(text, one):
    assert on_one_side(text) == one


def test_a_wish_is_promised_by_what_was_measured():
    assert Wish("glasses", 1.0, GLASSES).warning == ""
    assert "5 of 10 photos" in Wish("no glasses", 1.0, GLASSES, -1).warning
    assert not Wish("no glasses", 1.0, GLASSES, -1).outside


@pytest.mark.parametrize(
    ("text", "left", "share"),
    [
        ("green lipstick 50 %", "green lipstick", 0.5),
        ("50% green lipstick", "green lipstick", 0.5),
        ("green lipstick, 20 percent", "green lipstick", 0.2),
        ("green lipstick", "green lipstick", None),
        ("smiling 900 %", "smiling", LARGEST),
        ("smiling 0%", "smiling", SMALLEST),
    ],
)
def test_percentages(text, left, share):
    assert split_percent(text) == (left, share)
