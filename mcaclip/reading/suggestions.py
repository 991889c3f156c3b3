"""What to choose instead of a wish that cannot be made: what is near to it in meaning, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch.nn.functional as F
from torch import Tensor

from mcaclip.language.concepts import Concept, Side, concepts
from mcaclip.language.grammar import PART_NOUNS, colours_in, parts_in
from mcaclip.language.wishes import Wish
from mcaclip.reading.sentence_encoder import SentenceEncoder

MOST = 4
KIN = 0.8
"""Cosine of the mean vectors of the phrases of two wishes from which on they are near in meaning."""
SAME = 0.75
"""Cosine of a text that was not understood to a phrase from which on it may mean that."""


class Suggestions:
    """Finds them.

    Args:
        encoder: the language model.
    """

    def __init__(self, encoder: SentenceEncoder):
        self.encoder = encoder

    def near(self, wish: Wish) -> tuple[str, ...]:
        """Prompts that can be made, the nearest first; none where nothing is near."""
        if whole := replace(wish, text="").words:  # what one side alone cannot have, both can
            return (whole,)
        if wish.concept is None:
            return self._named(wish.text) or self._alike(wish.text)
        if wish.concept.part:  # the problem says what to name
            return ()
        return self._kin(wish.concept, wish)

    def _named(self, text: str) -> tuple[str, ...]:
        """The colours that a text names, on the one part that it names."""
        parts = parts_in(text)
        return _coloured(text, next(iter(parts))) if len(parts) == 1 else ()

    def _alike(self, text: str) -> tuple[str, ...]:
        """The wishes of which a phrase says nearly the same."""
        asks, vectors = self._phrases
        cosines = (vectors @ self.encoder.encode([text]).sentence[0]).tolist()
        best = sorted(zip(cosines, asks, strict=True), reverse=True)
        return tuple(dict.fromkeys(ask for cosine, ask in best if cosine >= SAME))[:MOST]

    def _kin(self, concept: Concept, wish: Wish) -> tuple[str, ...]:
        """Wishes of the same sign that are near: to have something is never near to being without something."""
        own = self._mean(concept.side(wish.sign))
        found: list[tuple[float, tuple[str, ...]]] = []
        for sign, other, mean in self._means:
            if sign != wish.sign or other is concept or (cosine := float(own @ mean)) < KIN:
                continue
            found.append((cosine, _coloured(wish.text, other.part) if other.part else (other.side(sign).asks,)))
        prompts = (prompt for _, ones in sorted(found, key=lambda pair: -pair[0]) for prompt in ones)
        return tuple(dict.fromkeys(prompts))[:MOST]

    def _mean(self, side: Side) -> Tensor:
        """The unit vector `[384]` in the middle of the phrases for a wish."""
        return F.normalize(self.encoder.encode(_phrases_of(side)).sentence.mean(0), dim=0)

    @cached_property
    def _means(self) -> list[tuple[int, Concept, Tensor]]:
        """Of every wish that can be made its sign, its concept and its mean vector."""
        return [
            (sign, concept, self._mean(_of_part(concept) if concept.part else side))
            for concept in concepts().values()
            for sign, side in concept.sides
            if side.possible
        ]

    @cached_property
    def _phrases(self) -> tuple[list[str], Tensor]:
        """What every phrase of a wish without a colour asks for, and the phrases' vectors `[N, 384]`."""
        sides = [side for concept in concepts().values() if not concept.part for _, side in concept.sides]
        pairs = [(side.asks, phrase) for side in sides if side.possible for phrase in _phrases_of(side)]
        return [ask for ask, _ in pairs], self.encoder.encode([phrase for _, phrase in pairs]).sentence


def _phrases_of(side: Side) -> Sequence[str]:
    return side.phrases or (side.asks,)


def _of_part(concept: Concept) -> Side:
    """The wish for a colour of a part, with the part's nouns for its phrases."""
    return replace(concept.wanted, things=PART_NOUNS[concept.part])


def _coloured(text: str, part: str) -> tuple[str, ...]:
    """The colours that a text names, on a part."""
    return tuple(dict.fromkeys(f"{colour} {PART_NOUNS[part][0]}" for colour in colours_in(text)))[:MOST]
