"""Nouns of a dictionary that mean a part of the face, so that the text tower can be taught to read them.

A sentence encoder compares what the dictionary says of a noun with the nouns of captions: "makeup consisting of a
pink or red powder applied to the cheeks" is next to "rouged cheeks", so "blusher" means cheeks. The tower then learns
to read a caption with "blusher" as it reads the same one with "rouged cheeks"; no picture takes part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.language.vocabulary import content_words
from mcaclip.language.word_tables import read_words
from train.clip.captions.wording import USUAL, WIDER
from train.clip.captions.write import adjective_pair, caption_pair
from train.clip.scenes.draw import draw_paint
from train.clip.scenes.types import PARTS
from train.clip.words.ding import Synonyms
from train.clip.words.related_words import Encoder
from train.clip.words.wordnet import Dictionary, Sense, plural

SHARPNESS = 30.0
"""Factor of the cosines in the weights of a sense's nouns."""
SENSE_SHARPNESS = 20.0
"""The same in the weights of a word's senses."""
NEAR = 0.58
"""Cosine to the nearest noun of captions from which a sense counts."""
NEAR_KIND = 0.45
"""The same for a kind of what a noun names."""
NEAR_GLOSS = 0.45
"""Cosine of its gloss from which a sense of such a noun is what captions mean."""
ALIKE = 0.5
"""Cosine to the one noun beside which a synonym stands."""
MARGIN = 0.05
"""By how much less near a sense may be to a noun than to anything else that captions say."""
PER_SENSE = 0.3
"""By how much nearer a rarer sense must be, times the logarithm of its rank: a lumberjack is hardly ever a jacket."""
PART_SHARE = 0.5
"""Share of a word's weights that its part must have."""
SECOND_SHARE = 0.4
"""How often a caption of a lesson speaks of another part as well."""
ENDINGS: Mapping[str, str] = read_words("caption_nouns")["persons"]
"""What a part's colour makes of a person; "haired", "eyed" and "bearded" stand in captions."""
ENDINGS_SHARE = 0.1
"""How many lessons are about these."""
ALSO = {"eye", "face", "head", "neck", "chin", "jaw", "cloth", "garment", "worn"}
"""Words beside those of the nouns by one of which a sense is worth encoding."""


Nouns = tuple[tuple[str, str], ...]
"""Parts and their nouns."""


@dataclass(frozen=True)
class Lexicon:
    """Words and the nouns of captions that they can stand for.

    Attributes:
        words: that no caption has.
        nouns: of captions, with their parts.
        weights: `[words, nouns]`, sum 1.
        beside: words that a dictionary names in one breath with these nouns.
    """

    words: tuple[str, ...]
    nouns: Nouns
    weights: Tensor
    beside: frozenset[str] = frozenset()

    def parts(self) -> Tensor:
        """The part that each word mostly means: `[words]`, numbers in `PARTS`."""
        return (self.weights @ _one_hot(self.nouns)).argmax(1)

    def only(self, words: Collection[str]) -> Lexicon:
        """Without other words."""
        kept = [number for number, word in enumerate(self.words) if word in words]
        return replace(self, words=tuple(self.words[n] for n in kept), weights=self.weights[kept])


class Lessons:
    """Pairs of captions that are to be read alike: with a word of the lexicon, and with a noun of captions.

    Args:
        endings: some of `ENDINGS`.
    """

    def __init__(self, lexicon: Lexicon, endings: Mapping[str, str]):
        self.lexicon, self.endings = lexicon, endings
        parts = lexicon.parts().numpy()
        # by turns, for there are more words for clothes than for all other parts
        self.groups = [group for group in (np.flatnonzero(parts == n) for n in range(len(PARTS))) if len(group)]
        self.weights = lexicon.weights.numpy().astype(np.float64)

    def draw(self, count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
        """`count` pairs."""
        share = ENDINGS_SHARE if self.endings else 0
        return [self._ending(rng) if rng.random() < share else self._pair(rng) for _ in range(count)]

    def _ending(self, rng: np.random.Generator) -> tuple[str, str]:
        part = str(rng.choice(list(self.endings)))
        return adjective_pair(draw_paint(part, rng), self.endings[part], rng)

    def _pair(self, rng: np.random.Generator) -> tuple[str, str]:
        word = int(rng.choice(self.groups[int(rng.integers(len(self.groups)))]))
        weights = self.weights[word]
        part, noun = self.lexicon.nouns[int(rng.choice(len(weights), p=weights / weights.sum()))]
        parts = [part, *rng.choice([other for other in PARTS if other != part], int(rng.random() < SECOND_SHARE))]
        return caption_pair([draw_paint(str(p), rng) for p in parts], noun, self.lexicon.words[word], rng)


def find_lexicon(
    dictionary: Dictionary, synonyms: Synonyms, said: Collection[str], common: Set[str], encode: Encoder
) -> Lexicon:
    """The words of two dictionaries that mean what a noun of captions names.

    Args:
        synonyms: count where the senses of a word do not tell.
        said: words of captions, which are left out.
        common: words that people write, among which the lexicon's must be.
        encode: the sentence encoder.
    """
    nouns = tuple((part, noun) for part in PARTS for noun in WIDER.nouns[part])
    meanings = _Meanings(dictionary, nouns, encode)
    candidates = filter(dictionary.is_noun, _candidates(meanings.senses, said, common))
    rows = {word: row for word in candidates if (row := meanings.row(word)) is not None}
    named = _rows_of_synonyms(synonyms, nouns, encode)
    beside = {word: row for word, row in named.items() if word in common and word not in said}
    rows = beside | rows
    words = sorted(rows)
    weights = torch.stack([rows[word] for word in words]) if rows else torch.zeros(0, len(nouns))
    return Lexicon(tuple(words), nouns, weights, frozenset(beside))


class _Meanings:
    """What senses have to do with the nouns of captions.

    A sense counts by what it says: it is near to a noun, and nearer than to anything else that captions say. Less
    will do where the dictionary has it for a kind of what a noun names: an anorak is a jacket.
    """

    def __init__(self, dictionary: Dictionary, nouns: Nouns, encode: Encoder):
        self.dictionary, self.parts = dictionary, _one_hot(nouns)
        self.phrases = _encoded(encode, [noun for _, noun in nouns]), _encoded(encode, _other_phrases())
        kinds = self._kinds(nouns, encode)
        self.senses = [*dict.fromkeys([*_worth_encoding(dictionary, nouns), *kinds])]
        nearness, rows = self._compared(_encoded(encode, [sense.text for sense in self.senses]))
        self.found = dict(zip(self.senses, zip(nearness.tolist(), rows, strict=True), strict=True))
        self.kinds = {s: p for s, p in kinds.items() if float(self._shares(self.found[s][1])[p]) >= PART_SHARE}

    def row(self, word: str) -> Tensor | None:
        """Weights `[nouns]` of a word, None for one that means no part of a face."""
        near, rows = [], []
        for rank, sense in enumerate(self.dictionary.of(word)):
            nearness, row = self.found.get(sense, (0.0, None))
            bar = NEAR_KIND if sense in self.kinds else NEAR
            if row is not None and nearness >= bar + PER_SENSE * math.log(1 + rank):
                near.append(nearness)
                rows.append(row)
        if not rows:
            return None
        row = (SENSE_SHARPNESS * torch.tensor(near)).softmax(0) @ torch.stack(rows)
        return row if float(self._shares(row).max()) >= PART_SHARE else None

    def _compared(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine to the nearest noun, 0 where other phrases are nearer, `[S]`; weights of nouns, `[S, nouns]`."""
        cosines, others = (vectors @ phrases.T for phrases in self.phrases)
        nearness = cosines.amax(1).where(cosines.amax(1) >= others.amax(1) - MARGIN, 0)
        # a part of many nouns is no likelier than one of few
        priors = (self.parts @ self.parts.sum(0)).log()
        return nearness, (SHARPNESS * cosines - priors).softmax(1)

    def _shares(self, rows: Tensor) -> Tensor:
        return rows @ self.parts

    def _kinds(self, nouns: Nouns, encode: Encoder) -> dict[Sense, int]:
        """Senses that are kinds of what nouns of captions name, and the number of the part.

        Which sense of such a noun captions speak of is told by its gloss: "jersey" names a shirt and a cow.
        """
        named = [(PARTS.index(part), sense) for part, noun in nouns for sense in self.dictionary.of_all_forms(noun)]
        nearness, weights = self._compared(_encoded(encode, [sense.gloss for _, sense in named]))
        shares = self._shares(weights)
        kinds: dict[Sense, int] = {}
        for (part, sense), near, share in zip(named, nearness.tolist(), shares, strict=True):
            if near >= NEAR_GLOSS and float(share[part]) >= PART_SHARE:
                for kind in self.dictionary.all_kinds(sense):
                    kinds.setdefault(kind, part)
        return kinds


def _rows_of_synonyms(synonyms: Synonyms, nouns: Nouns, encode: Encoder) -> dict[str, Tensor]:
    """Weights of words that stand beside nouns of captions: two of these, or one that an encoder finds alike."""
    parts = {form: part for part, noun in nouns for form in (plural(noun), noun)}
    names = [noun for _, noun in nouns]
    beside = synonyms.of(parts)
    texts = [*beside, *(term for terms in beside.values() for term in terms)]
    vectors = dict(zip(texts, _encoded(encode, texts), strict=True)) if texts else {}
    rows = {}
    for word, terms in beside.items():
        if len(terms) > 1 or float(vectors[word] @ vectors[terms[0]]) >= ALIKE:
            row = torch.tensor([float(bool({name, plural(name)} & {*terms})) for name in names])
            rows[word] = row / row.sum()
    return rows


def _encoded(encode: Encoder, texts: Sequence[str]) -> Tensor:
    return F.normalize(torch.from_numpy(np.asarray(encode(texts), np.float32)), dim=1)


def _other_phrases() -> list[str]:
    """What captions say beside colours of parts: a noun that is nearer to one of these ("baldness") is left alone."""
    tables = (USUAL.states, USUAL.adjectives, USUAL.patterns, USUAL.characters)
    return [text for table in tables for texts in table.values() for text in texts]


def _one_hot(nouns: Nouns) -> Tensor:
    return F.one_hot(torch.tensor([PARTS.index(part) for part, _ in nouns]), len(PARTS)).float()


def _worth_encoding(dictionary: Dictionary, nouns: Nouns) -> list[Sense]:
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
