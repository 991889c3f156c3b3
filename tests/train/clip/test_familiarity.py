"""Which words of no caption a phrase may use: those near to a one-word noun of a face's parts, by their vectors."""

from __future__ import annotations

import numpy as np

from train.clip.familiarity import kin_words

RNG = np.random.default_rng(0)
HAIR, WAR = RNG.normal(size=(2, 100)).astype(np.float32)


def near(vector):
    return vector + 0.1 * RNG.normal(size=100).astype(np.float32)


VECTORS = {
    "hair": HAIR, "ponytail": near(HAIR), "dyed": near(HAIR), "the": near(HAIR), "war": WAR, "troops": near(WAR),
    **{f"word{n}": RNG.normal(size=100).astype(np.float32) for n in range(50)},
}  # fmt: skip


def test_kin_of_nouns_of_parts_are_known_and_nothing_else():
    assert set(kin_words(VECTORS, {"hair", "dyed", "war"})) == {"ponytail"}


def test_without_a_noun_in_the_captions_nothing_is_kin():
    assert kin_words(VECTORS, {"war"}) == {}
