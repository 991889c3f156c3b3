"""Nouns of a dictionary that mean a part of the face, so that the text tower can be taught to read them.

A sentence encoder compares what the dictionary says of a noun with the nouns of captions: "makeup consisting of a
pink or red powder applied to the cheeks" is next to "rouged cheeks", so "blusher" means cheeks. The tower then learns
to read a caption with "blusher" as it reads the same one with "rouged cheeks"; no picture takes part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.text.vocabulary import content_words
from train.captions import adjective_pair, caption_pair
from train.dictionary import Dictionary, Sense, plural
from train.kin_vectors import Encoder
from train.scene_draw import draw_paint
from train.scene_types import PARTS
from train.wording import CHARACTER_PHRASES, PATTERN_PHRASES, PERSON_WORDS, STATE_PHRASES, TRAINING_NOUNS
from train.wording_more import NOUNS

SHARPNESS = 30.0
"""Factor of the cosines in the weights of a sense's nouns."""
SENSE_SHARPNESS = 20.0
"""The same in the weights of a word's senses."""
NEAR = 0.58
"""Cosine to the nearest noun of captions from which a sense counts."""
MARGIN = 0.05
"""By how much less near it may be to a noun than to anything else that captions say."""
PER_SENSE = 0.15
"""By how much more, times the logarithm of the number of the word's senses: "right" hardly ever means an ear."""
PART_SHARE = 0.5
"""Share of a word's weights that its part must have."""
SECOND_SHARE = 0.4
"""How often a caption of a lesson speaks of another part as well."""
ENDINGS = {
    "lips": "lipped", "skin": "skinned", "cheeks": "cheeked", "moustache": "moustached", "brows": "browed",
    "teeth": "toothed", "ears": "eared", "goatee": "goateed", "clothes": "clad",
}  # fmt: skip
"""What a part's colour makes of a person; "haired", "eyed" and "bearded" stand in captions."""
ENDINGS_SHARE = 0.1
"""How many lessons are about these."""
ALSO = {"eye", "face", "head", "neck", "chin", "jaw", "cloth", "garment", "worn"}
"""Words beside those of the nouns by one of which a sense is worth encoding."""


@dataclass(frozen=True)
class Lexicon:
    """Words and the nouns of captions that they can stand for.

    Attributes:
        words: that no caption has.
        nouns: of captions, with their parts.
        weights: `[words, nouns]`, sum 1.
    """

    words: tuple[str, ...]
    nouns: tuple[tuple[str, str], ...]
    weights: Tensor

    def parts(self) -> Tensor:
        """The part that each word mostly means: `[words]`, numbers in `PARTS`."""
        return (self.weights @ _one_hot(self.nouns)).argmax(1)


class Lessons:
    """Pairs of captions that are to be read alike: with a word of the lexicon, and with a noun of captions."""

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        parts = lexicon.parts().numpy()
        # by turns, for there are more words for clothes than for all other parts
        self.groups = [group for group in (np.flatnonzero(parts == n) for n in range(len(PARTS))) if len(group)]
        self.weights = lexicon.weights.numpy().astype(np.float64)

    def draw(self, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
        """`count` pairs."""
        return [self._ending(rng) if rng.random() < ENDINGS_SHARE else self._pair(rng) for _ in range(count)]

    @property
    def words(self) -> tuple[str, ...]:
        """All that is taught."""
        return (*self.lexicon.words, *ENDINGS.values())

    def _ending(self, rng: np.random.Generator) -> tuple[str, str]:
        part = str(rng.choice(list(ENDINGS)))
        return adjective_pair(draw_paint(part, rng), ENDINGS[part], rng)

    def _pair(self, rng: np.random.Generator) -> tuple[str, str]:
        word = int(rng.choice(self.groups[int(rng.integers(len(self.groups)))]))
        weights = self.weights[word]
        part, noun = self.lexicon.nouns[int(rng.choice(len(weights), p=weights / weights.sum()))]
        parts = [part, *rng.choice([other for other in PARTS if other != part], int(rng.random() < SECOND_SHARE))]
        return caption_pair([draw_paint(str(p), rng) for p in parts], noun, self.lexicon.words[word], rng)


def find_lexicon(dictionary: Dictionary, said: Collection[str], common: Set[str], encode: Encoder) -> Lexicon:
    """The words of a dictionary that mean what a noun of captions names.

    Args:
        said: words of captions, which are left out.
        common: words that people write, of which all of the lexicon's nouns must consist.
        encode: the sentence encoder.
    """
    nouns = tuple((part, noun) for part in PARTS for noun in (*TRAINING_NOUNS[part], *NOUNS[part]))
    senses = _worth_encoding(dictionary, nouns)
    texts = ([sense.text for sense in senses], [noun for _, noun in nouns], _other_phrases())
    vectors = [F.normalize(torch.from_numpy(np.asarray(encode(t), np.float32)), dim=1) for t in texts]
    cosines, others = (vectors[0] @ phrases.T for phrases in vectors[1:])
    nearness = cosines.amax(1).where(cosines.amax(1) >= others.amax(1) - MARGIN, 0)
    # a part of many nouns is no likelier than one of few
    weights = (SHARPNESS * cosines - _one_hot(nouns).sum(0).log()[_numbers(nouns)]).softmax(1)
    index = {sense: number for number, sense in enumerate(senses)}
    words, rows = [], []
    for word in _candidates(senses, said, common):
        meant = dictionary.of(word)
        bar = NEAR + PER_SENSE * math.log(len(meant))
        near = torch.tensor([index[s] for s in meant if s in index and nearness[index[s]] >= bar], dtype=torch.long)
        if len(near):
            row = (SENSE_SHARPNESS * nearness[near]).softmax(0) @ weights[near]
            if float((row @ _one_hot(nouns)).amax()) >= PART_SHARE:
                words.append(word)
                rows.append(row)
    return Lexicon(tuple(words), nouns, torch.stack(rows) if rows else torch.zeros(0, len(nouns)))


def _other_phrases() -> list[str]:
    """What captions say beside colours of parts: a noun that is nearer to one of these ("baldness") is left alone."""
    phrases = (
        *STATE_PHRASES.values(),
        *PERSON_WORDS.values(),
        *PATTERN_PHRASES.values(),
        *CHARACTER_PHRASES.values(),
    )
    return [text for texts in phrases for text in texts]


def _numbers(nouns: Sequence[tuple[str, str]]) -> Tensor:
    return torch.tensor([PARTS.index(part) for part, _ in nouns])


def _one_hot(nouns: Sequence[tuple[str, str]]) -> Tensor:
    return F.one_hot(_numbers(nouns), len(PARTS)).float()


def _worth_encoding(dictionary: Dictionary, nouns: Sequence[tuple[str, str]]) -> list[Sense]:
    """Senses that speak of what a noun of captions speaks of."""
    telling = {_stem(word) for _, noun in nouns for word in content_words(noun)} | ALSO
    senses = dict.fromkeys(sense for several in dictionary.senses.values() for sense in several)
    return [sense for sense in senses if telling & {_stem(w) for w in re.findall("[a-z]+", sense.text.lower())}]


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _candidates(senses: Sequence[Sense], said: Collection[str], common: Set[str]) -> list[str]:
    """The nouns of one word of the senses, and their plurals; of several words each may mean something else."""
    names = {name for sense in senses for name in sense.names if re.fullmatch("[a-z]{3,}", name)}
    return sorted((names | {plural(name) for name in names}) & common - {*said})
