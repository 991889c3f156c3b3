"""`python -m train knowledge`: the words that FaceCLIP was taught, and the probability that it knows a phrase."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mcaclip.clip.clip_space import ClipSpace
from mcaclip.clip.familiarity import Calibration, TaughtFamiliarity
from mcaclip.errors import TrainingError
from mcaclip.language.colours import COLOURS
from mcaclip.language.grammar import PART_NOUNS
from mcaclip.language.vocabulary import STOP_WORDS, Vocabulary, content_words, count_words
from mcaclip.language.word_tables import read_words
from train.clip.captions.wording import USUAL
from train.clip.captions.write import caption
from train.clip.scenes.scenes import SceneSet
from train.clip.words.word_vectors import standardised

log = logging.getLogger(__name__)
CAPTIONS = 8000
LEAST_KINSHIP = 0.62
"""Cosine of word vectors from which a word counts as related to a known noun."""
SEED = 31
RIDGE = 2e-4
"""On the coefficients, because words alone often separate the lists, and then the likelihood has no maximum."""
NEWTON_STEPS = 60
BINS = 10
PARAPHRASES = read_words("familiarity")["known"]
"""Wordings that are in no caption, made of words that are."""


def fit_knowledge(
    space: ClipSpace,
    captions: Iterable[str],
    phrases: Sequence[str],
    known: Sequence[str],
    unknown: Sequence[str],
    kin: Mapping[str, float] | None = None,
    seed: int = SEED,
) -> TaughtFamiliarity:
    """The familiarity of phrases to a trained, frozen space: calibrated on half of both lists, measured on the rest.

    Args:
        captions: those of the training; their words are the known ones.
        phrases: canonical phrases to offer; those with a word that no caption has are left out.
        known: phrases that the space should know and that are in no caption, such as unseen paraphrases.
        unknown: phrases that it cannot know.
        kin: see `kin_words`.
        seed: of the halves.

    Returns:
        The familiarity; its `report` has `auc`, `calibration_error`, `recall` (share of known phrases that get at
        least 0.5) and `false_alarm` (the same of unknown ones), all on the held-out half.

    Raises:
        TrainingError: no captions, no phrase of known words, or fewer than four known or unknown phrases.
    """
    words = count_words(captions)
    vocabulary = Vocabulary(words)
    canonical = tuple(phrase for phrase in dict.fromkeys(phrases) if not vocabulary.unknown(phrase))
    if not canonical or min(len(known), len(unknown)) < 4:
        raise TrainingError(
            "knowledge is fitted on captions, canonical phrases of their words, and at least four known and four "
            f"unknown phrases; here are {len(words)} words, {len(canonical)} phrases, {len(known)} and {len(unknown)}"
        )
    kin = kin or {}
    raw = TaughtFamiliarity(words, canonical, Calibration(0, 0, 0, 0), kin=kin)
    features = raw.features(space, [*known, *unknown])
    right = torch.cat([torch.ones(len(known)), torch.zeros(len(unknown))]).double()
    fitted, held_out = _halves(right, np.random.default_rng(seed))
    calibration = fit_calibration(features[fitted], right[fitted])
    knowledge = TaughtFamiliarity(words, canonical, calibration, kin=kin)
    scores = torch.tensor(knowledge.score(space, [*known, *unknown]), dtype=torch.float64)[held_out]
    report = measure(scores, right[held_out])
    log.info("knowledge of %d words: %s", len(words), report)
    return TaughtFamiliarity(words, canonical, calibration, report, kin)


def kin_words(
    vectors: Mapping[str, np.ndarray], words: Collection[str], least: float = LEAST_KINSHIP
) -> dict[str, float]:
    """Words outside `words` whose vector has a cosine of `least` or more with that of a noun of a face's parts.

    Only nouns of one word have related words: "war paint" would make "troops" known, "surprised" most verbs. The
    vectors are those that training began with (`train.clip.words.word_vectors`), each coordinate of deviation 1: in
    the trained embedding every word that was moved to related ones (`train.clip.words.related_words`) would be known,
    however far they are.
    """
    named = [nouns for part, nouns in PART_NOUNS.items() if part != "background"]
    named += [USUAL.states["glasses", 1], USUAL.states["hat", 1]]
    things = [content_words(phrase) for phrases in named for phrase in phrases]
    nouns = {words[0] for words in things if len(words) == 1}
    anchors = [number for number, word in enumerate(vectors) if word in nouns and word in words]
    if not anchors:
        return {}
    stack = standardised(vectors.values())
    stack /= np.maximum(np.linalg.norm(stack, axis=1, keepdims=True), 1e-6)
    nearest = (stack @ stack[anchors].T).max(1).tolist()
    vocabulary = Vocabulary(dict.fromkeys(words, 1))
    near = {word: value for word, value in zip(vectors, nearest, strict=True) if value >= least}
    return {word: value for word, value in near.items() if not vocabulary.count(word) and word not in STOP_WORDS}


def fit_calibration(features: Tensor, right: Tensor) -> Calibration:
    """Logistic regression with three non-negative coefficients: more of a feature never means less familiar.

    Args:
        features: `float64 [T, 3]`.
        right: `float64 [T]`, 1 for a known phrase; known and unknown phrases have the same total weight.

    Source: targets as in Platt, "Probabilistic outputs for support vector machines" (1999), section 2.2.
    """
    positive, negative = float(right.sum()), float((1 - right).sum())
    target = torch.where(right > 0.5, (positive + 1) / (positive + 2), 1 / (negative + 2))
    weight = torch.where(right > 0.5, 0.5 / positive, 0.5 / negative)
    used = [0, 1, 2]
    while True:
        found = _newton(features[:, used], target, weight)
        if (found[:-1] >= 0).all():
            break
        used.pop(int(found[:-1].argmin()))
    coefficients = torch.zeros(3, dtype=torch.float64)
    coefficients[used] = found[:-1]
    share, minimum, cosine = coefficients.tolist()
    return Calibration(share, minimum, cosine, float(found[-1]))


def _newton(features: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Coefficients and constant `[F + 1]` of a weighted, ridged logistic regression."""
    rows = torch.cat([features, torch.ones(len(features), 1, dtype=features.dtype)], 1)
    ridge = torch.full((rows.shape[1],), RIDGE, dtype=rows.dtype)
    ridge[-1] = 0
    found = torch.zeros(rows.shape[1], dtype=rows.dtype)
    for _ in range(NEWTON_STEPS):
        p = torch.sigmoid(rows @ found)
        gradient = rows.T @ (weight * (p - target)) + ridge * found
        curvature = (rows.T * (weight * p * (1 - p))) @ rows + torch.diag(ridge + 1e-9)
        step = torch.linalg.solve(curvature, gradient)
        found = found - step * min(1.0, 5.0 / float(step.norm().clamp_min(1e-12)))
    return found


def measure(scores: Tensor, right: Tensor) -> dict[str, float]:
    """Figures of probabilities `[T]` for truths `[T]`: see `fit_knowledge`."""
    known, unknown = scores[right > 0.5], scores[right < 0.5]
    order = (known[:, None] > unknown).double() + 0.5 * (known[:, None] == unknown).double()
    bins = (scores * BINS).long().clamp(max=BINS - 1)
    gaps = [
        float((scores[bins == number].mean() - right[bins == number].mean()).abs() * (bins == number).double().mean())
        for number in bins.unique()
    ]
    figures = {
        "auc": float(order.mean()),
        "calibration_error": sum(gaps),
        "recall": float((known >= 0.5).double().mean()),
        "false_alarm": float((unknown >= 0.5).double().mean()),
        "phrases": float(len(scores)),
    }
    return {name: round(value, 4) for name, value in figures.items()}


def _halves(right: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Indices of two halves, each with half of the known and half of the unknown phrases."""
    first, second = [], []
    for kind in (0, 1):
        index = torch.from_numpy(rng.permutation((right == kind).nonzero().flatten().numpy()))
        first.append(index[: (len(index) + 1) // 2])
        second.append(index[(len(index) + 1) // 2 :])
    return torch.cat(first), torch.cat(second)


def drawn_captions(scenes: SceneSet, faces: int, count: int = CAPTIONS, seed: int = SEED) -> list[str]:
    """Captions as FaceCLIP's training draws them, on the first `faces` faces."""
    rng = np.random.default_rng(seed)
    texts: list[str] = []
    while len(texts) < count:
        texts += [caption(scene, rng).text for scene in scenes.draw(int(rng.integers(faces)), rng)]
    return texts[:count]


def canonical_phrases() -> list[str]:
    """Every colour of every part in the commonest words, and all patterns, characters and attributes."""
    others = (*USUAL.patterns.values(), *USUAL.characters.values(), *USUAL.states.values())
    return [
        *(f"{colour} {nouns[0]}" for nouns in PART_NOUNS.values() for colour in COLOURS),
        *(phrases[0] for phrases in others),
    ]


def paraphrases(count: int = 200, seed: int = SEED) -> list[str]:
    """Phrases in wordings that no caption has."""
    rng = np.random.default_rng(seed)
    nouns = [noun for nouns in PART_NOUNS.values() for noun in nouns]
    return [
        str(rng.choice(PARAPHRASES)).format(noun=rng.choice(nouns), colour=rng.choice(list(COLOURS)))
        for _ in range(count)
    ]
