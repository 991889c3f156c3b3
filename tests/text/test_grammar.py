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
    ],
)
def test_part_and_colour_are_found(prompt, part, colour):
    assert understand(prompt) == Meaning(part, colour)


@pytest.mark.parametrize("prompt", ["", "zombie", "green", "lipstick", "bluegreen hairs", "😀", "зелёная помада"])
def test_unknown_words_mean_nothing(prompt):
    assert understand(prompt) is None
