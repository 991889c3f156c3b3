"""How familiar a CLIP is with a phrase: the probability that it understands it, and familiar alternatives.

FaceCLIP learned a few hundred words. A phrase outside them still gets an embedding, but an edit by it is arbitrary.
So the words of a phrase are looked up, its embedding is compared with familiar phrases, and a logistic regression
turns both into a probability. A published CLIP was trained on the whole web and has no such list.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from mcaclip.clip.clip_space import FACECLIP, FACECLIP_FOLDER, ClipSpace
from mcaclip.errors import WeightsError
from mcaclip.language.grammar import in_usual_words
from mcaclip.language.vocabulary import Vocabulary, content_words, forms
from mcaclip.validate import has_latin_letters

KNOWLEDGE_FILE = FACECLIP_FOLDER.joinpath("knowledge.json")
DOUBTFUL = 0.5
"""A phrase of lower probability counts as not understood."""
OUTSIDE = 0.15
"""A phrase of lower probability clearly asks for something that was not in the training captions."""
WELL_KNOWN = 100
"""Number of captions from which on a word counts as fully known."""
_CHUNK = 256
_REMEDY = "restore it from the repository, or make it again: `python -m train knowledge`"


@dataclass(frozen=True)
class Calibration:
    """Coefficients of the logistic regression on `TaughtFamiliarity.features`, and its constant.

    Attributes:
        share: coefficient of the share of known content words.
        minimum: coefficient of how well the least known content word is known.
        cosine: coefficient of the highest cosine to a canonical phrase.
    """

    share: float
    minimum: float
    cosine: float
    constant: float

    def probability(self, features: Tensor) -> Tensor:
        """Probabilities `[T]` of features `[T, 3]`."""
        weights = torch.tensor([self.share, self.minimum, self.cosine], dtype=torch.float64)
        return torch.sigmoid(features.double() @ weights + self.constant)


@dataclass(frozen=True)
class FamiliarityReport:
    """How familiar one phrase is.

    Attributes:
        known: calibrated probability that it is understood, 0..1.
        unknown_words: content words that are not known.
        nearest: familiar phrases, the nearest first.
    """

    known: float
    unknown_words: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether to warn."""
        return self.known < DOUBTFUL

    @property
    def outside(self) -> bool:
        """Whether to refuse an edit that depends on the words alone."""
        return self.known < OUTSIDE

    @property
    def warning(self) -> str:
        """One or two sentences for the user; empty when the phrase is familiar."""
        if not self.doubtful:
            return ""
        if self.unknown_words:
            quoted = " or ".join(f"“{word[:30]}”" for word in self.unknown_words[:3])
            problem = f"I do not know the word{'s' if len(self.unknown_words) > 1 else ''} {quoted}."
        else:
            problem = "I do not know what these words mean together."
        return f"{problem} Nearest that I know: {', '.join(self.nearest)}." if self.nearest else problem


class PromptFamiliarity(Protocol):
    """The familiarity of prompts to a frozen CLIP, which is passed as `space`."""

    def score(self, space: ClipSpace, texts: Sequence[str]) -> list[float]:
        """Probability 0..1 per text that the CLIP understands it; 0 without Latin letters."""

    def check(self, space: ClipSpace, text: str) -> FamiliarityReport:
        """The report on one text."""


@dataclass(frozen=True)
class TaughtFamiliarity:
    """Familiarity of prompts to a CLIP that was trained on captions of its own.

    Attributes:
        words: content words of the training captions, with their frequencies.
        phrases: canonical phrases of known words only.
        calibration: see `train.clip.familiarity.fit_knowledge`.
        report: figures of the calibration on held-out phrases.
        kin: related words: in no caption, but with a word vector near a known noun's, with the cosine. FaceCLIP
            starts from these vectors and understands many of them ("ponytail" is near "curls").
    """

    words: Mapping[str, int]
    phrases: tuple[str, ...]
    calibration: Calibration
    report: Mapping[str, float] = field(default_factory=dict)
    kin: Mapping[str, float] = field(default_factory=dict)
    _encoded: WeakKeyDictionary[ClipSpace, Tensor] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    @classmethod
    def load(cls, path: Path = KNOWLEDGE_FILE) -> TaughtFamiliarity:
        """Read what `save` wrote.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found = cls(
                {str(word): int(count) for word, count in content["words"].items()},
                tuple(map(str, content["phrases"])),
                Calibration(**{name: float(value) for name, value in content["calibration"].items()}),
                {str(name): float(value) for name, value in content["report"].items()},
                {str(word): float(value) for word, value in content["kin"].items()},
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise WeightsError(
                f"{path} is no list of known words ({type(error).__name__}: {error}); {_REMEDY}"
            ) from error
        if not found.words or not found.phrases or not all(map(math.isfinite, asdict(found.calibration).values())):
            raise WeightsError(f"{path} is no list of known words (parts of it are empty); {_REMEDY}")
        return found

    def save(self, path: Path) -> None:
        """Write as JSON, the most frequent words first."""
        words = dict(sorted(self.words.items(), key=lambda item: (-item[1], item[0])))
        content = {
            "words": words,
            "phrases": list(self.phrases),
            "calibration": asdict(self.calibration),
            "report": dict(self.report),
            "kin": {word: round(value, 2) for word, value in sorted(self.kin.items())},
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words with their forms."""
        return Vocabulary(self.words)

    @cached_property
    def _phrase_forms(self) -> list[frozenset[str]]:
        """The forms of each phrase's words."""
        return [frozenset().union(*map(forms, content_words(phrase))) for phrase in self.phrases]

    def score(self, space: ClipSpace, texts: Sequence[str]) -> list[float]:
        """See `PromptFamiliarity.score`."""
        return self._probabilities(texts, self._cosines(space, texts)) if texts else []

    def nearest(self, space: ClipSpace, text: str, count: int = 3) -> list[str]:
        """Canonical phrases near a text: ordered by shared words, then by embedding."""
        return self._ranked(text, self._cosines(space, [text])[0], count)

    def unknown_words(self, text: str) -> list[str]:
        """Content words of a text that occur in no training caption and are not related to a noun that does."""
        return [word for word in self.vocabulary.unknown(in_usual_words(text)) if word not in self.kin]

    def check(self, space: ClipSpace, text: str) -> FamiliarityReport:
        """See `PromptFamiliarity.check`; the text is encoded once."""
        cosines = self._cosines(space, [text])
        known = self._probabilities([text], cosines)[0]
        return FamiliarityReport(known, tuple(self.unknown_words(text)), tuple(self._ranked(text, cosines[0], 3)))

    def features(self, space: ClipSpace, texts: Sequence[str]) -> Tensor:
        """The features for the calibration, `float64 [T, 3]` in `Calibration`'s order."""
        return self._features(texts, self._cosines(space, texts))

    def _probabilities(self, texts: Sequence[str], cosines: Tensor) -> list[float]:
        found = self.calibration.probability(self._features(texts, cosines)).tolist()
        return [value if has_latin_letters(text) else 0.0 for text, value in zip(texts, found, strict=True)]

    def _features(self, texts: Sequence[str], cosines: Tensor) -> Tensor:
        rows = [(*self._words_known(text), float(best)) for text, best in zip(texts, cosines.amax(1), strict=True)]
        return torch.tensor(rows, dtype=torch.float64)

    def _words_known(self, text: str) -> tuple[float, float]:
        """Share of known content words, and how well the least known is known, both 0..1."""
        known = [self._word_known(word) for word in content_words(in_usual_words(text))]
        return (sum(map(bool, known)) / len(known), min(known)) if known else (0.0, 0.0)

    def _word_known(self, word: str) -> float:
        count = self.vocabulary.count(word)
        return min(1.0, math.log1p(count) / math.log1p(WELL_KNOWN)) if count else self.kin.get(word, 0.0)

    def _ranked(self, text: str, cosines: Tensor, count: int) -> list[str]:
        wanted = [self.vocabulary.meant(word) for word in content_words(in_usual_words(text))]

        def shared(held: frozenset[str]) -> int:
            return sum(bool(meant & held) for meant in wanted)

        rows = zip(self.phrases, self._phrase_forms, cosines.tolist(), strict=True)
        ranked = sorted(rows, key=lambda row: (shared(row[1]), row[2]), reverse=True)
        own = " ".join(text.lower().split())
        return [phrase for phrase, _, _ in ranked if phrase.lower() != own][:count]

    def _cosines(self, space: ClipSpace, texts: Sequence[str]) -> Tensor:
        """Cosines `[T, P]` of texts to the canonical phrases, which are encoded once per CLIP."""
        if space not in self._encoded:
            self._encoded[space] = encode(space, self.phrases)
        return encode(space, texts) @ self._encoded[space].T


class OpenFamiliarity:
    """Familiarity of prompts to a published CLIP, which has no list of words: Latin letters are enough."""

    def score(self, space: ClipSpace, texts: Sequence[str]) -> list[float]:
        """See `PromptFamiliarity.score`: 1 for a text with Latin letters."""
        return [float(has_latin_letters(text)) for text in texts]

    def check(self, space: ClipSpace, text: str) -> FamiliarityReport:
        """See `PromptFamiliarity.check`: no words and phrases are named."""
        return FamiliarityReport(self.score(space, [text])[0])


def familiarity_of(space_name: str) -> PromptFamiliarity:
    """The familiarity for the CLIP of this name. Raises WeightsError where FaceCLIP's file is missing or damaged."""
    return TaughtFamiliarity.load() if space_name == FACECLIP else OpenFamiliarity()


@torch.no_grad()
def encode(space: ClipSpace, texts: Sequence[str]) -> Tensor:
    """Unit vectors `[T, D]` of any number of texts, on the CPU; encoded in chunks."""
    pieces = [space.encode_text(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
    return torch.cat(pieces).float().cpu()
