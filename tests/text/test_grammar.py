from __future__ import annotations

import pytest

from mcaclip.text.grammar import Meaning, understand


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


@pytest.mark.parametrize("prompt", ["", "zombie", "green", "lipstick", "bluegreen hairs", "😀", "зелёная помада"])
def test_unknown_words_mean_nothing(prompt):
    assert understand(prompt) is None
