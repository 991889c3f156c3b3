"""What a space of words and pictures knows: how likely it understands a phrase, and what to say instead.

FaceCLIP learned a few hundred words. A phrase outside them still gets an embedding, and an edit would follow it to
nowhere; so its words are looked up, its embedding is compared with phrases that are certainly known, and a logistic
regression turns both into a probability. A published CLIP was trained on the whole web and has no such list.
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

from mcaclip.clip.clip_space import FACECLIP, FACECLIP_CONFIG_FOLDER, ClipSpace
from mcaclip.errors import WeightsError
from mcaclip.language.grammar import in_usual_words
from mcaclip.language.vocabulary import Vocabulary, content_words, forms
from mcaclip.validate import has_latin_letters

KNOWLEDGE_FILE = FACECLIP_CONFIG_FOLDER.joinpath("knowledge.json")
DOUBTFUL = 0.5
"""Below this probability a phrase counts as not understood."""
OUTSIDE = 0.15
"""Below this one it clearly asks for something that was never taught."""
WELL_KNOWN = 100
"""A word that stood in so many captions is known as well as any."""
_CHUNK = 256
_REMEDY = "restore it from the repository, or make it again: `python -m train knowledge`"


@dataclass(frozen=True)
class Calibration:
    """Coefficients of the logistic regression on `TaughtFamiliarity.features`, and its constant.

    Attributes:
        share: of known content words.
        minimum: how well the least known content word is known.
        cosine: highest cosine to a canonical phrase.
    """

    share: float
    minimum: float
    cosine: float
    constant: float

    def probability(self, features: Tensor) -> Tensor:
        """`[T, 3]` to `[T]` in 0..1."""
        weights = torch.tensor([self.share, self.minimum, self.cosine], dtype=torch.float64)
        return torch.sigmoid(features.double() @ weights + self.constant)


@dataclass(frozen=True)
class FamiliarityReport:
    """How well one phrase is known.

    Attributes:
        known: calibrated probability, 0..1.
        unknown_words: content words that are not known.
        nearest: phrases that are known, the nearest first.
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
        """Whether to refuse, where nothing but the words themselves could make the edit."""
        return self.known < OUTSIDE

    @property
    def warning(self) -> str:
        """What to tell who asked, in one or two sentences; empty when the phrase is known."""
        if not self.doubtful:
            return ""
        if self.unknown_words:
            quoted = " or ".join(f"“{word[:30]}”" for word in self.unknown_words[:3])
            said = f"I do not know the word{'s' if len(self.unknown_words) > 1 else ''} {quoted}."
        else:
            said = "I do not know what these words mean together."
        return f"{said} Nearest that I know: {', '.join(self.nearest)}." if self.nearest else said


class PromptFamiliarity(Protocol):
    """What every kind of knowledge can say; `space` is the frozen one that it belongs to."""

    def score(self, space: ClipSpace, texts: Sequence[str]) -> list[float]:
        """Probability 0..1 a text that the space understands it."""
        ...

    def nearest(self, space: ClipSpace, text: str, count: int = 3) -> list[str]:
        """Known phrases near to a text, the nearest first."""
        ...

    def unknown_words(self, text: str) -> list[str]:
        """Content words of a text that are not known."""
        ...

    def check(self, space: ClipSpace, text: str) -> FamiliarityReport:
        """All three of one text, with a single encoding."""
        ...


@dataclass(frozen=True)
class TaughtFamiliarity:
    """The knowledge of a space that was trained on captions of its own.

    Attributes:
        words: content words of the training captions, with how often they occurred.
        phrases: canonical phrases of known words only.
        calibration: see `train.clip.familiarity.fit_knowledge`.
        report: figures of the calibration on held-out phrases.
        kin: words that no caption had but whose vectors lie near a known noun's, with the cosine: the word vectors
            that FaceCLIP started from make it understand many of them ("ponytail" is nearly "curls").
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

    def score(self, space: ClipSpace, texts: Sequence[str]) -> list[float]:
        """Calibrated probability 0..1 a text that the space understands it; 0 without Latin letters."""
        if not texts:
            return []
        return self._probabilities(texts, self._cosines(space, encode(space, texts)))

    def nearest(self, space: ClipSpace, text: str, count: int = 3) -> list[str]:
        """Canonical phrases near to a text: those that share most words with it, then by embedding."""
        return self._ranked(text, self._cosines(space, encode(space, [text]))[0], count)

    def unknown_words(self, text: str) -> list[str]:
        """Content words of a text that never stood in a training caption and are not kin to a noun that did."""
        return [word for word in self.vocabulary.unknown(in_usual_words(text)) if word not in self.kin]

    def check(self, space: ClipSpace, text: str) -> FamiliarityReport:
        """Score, unknown words and nearest phrases of one text, with a single encoding."""
        cosines = self._cosines(space, encode(space, [text]))
        known = self._probabilities([text], cosines)[0]
        return FamiliarityReport(known, tuple(self.unknown_words(text)), tuple(self._ranked(text, cosines[0], 3)))

    def features(self, space: ClipSpace, texts: Sequence[str]) -> Tensor:
        """What the calibration looks at, `float64 [T, 3]` in `Calibration`'s order."""
        return self._features(texts, self._cosines(space, encode(space, texts)))

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

        def shared(phrase: str) -> int:
            held = set().union(*map(forms, content_words(phrase)))
            return sum(bool(meant & held) for meant in wanted)

        rows = zip(self.phrases, cosines.tolist(), strict=True)
        ranked = sorted(rows, key=lambda row: (shared(row[0]), row[1]), reverse=True)
        own = " ".join(text.lower().split())
        return [phrase for phrase, _ in ranked if phrase.lower() != own][:count]

    def _cosines(self, space: ClipSpace, embedded: Tensor) -> Tensor:
        """Cosines `[T, P]` of unit vectors `[T, D]` to the canonical phrases, which are encoded once a space."""
        if space not in self._encoded:
            self._encoded[space] = encode(space, self.phrases)
        return embedded @ self._encoded[space].T


class OpenFamiliarity:
    """A published CLIP has no list of words: every text in Latin letters counts as known, and nothing is offered.

    This says nothing about how well it was understood.
    """

    def score(self, space: ClipSpace, texts: Sequence[str]) -> list[float]:
        """1 for a text with Latin letters, 0 for any other."""
        return [1.0 if has_latin_letters(text) else 0.0 for text in texts]

    def nearest(self, space: ClipSpace, text: str, count: int = 3) -> list[str]:
        """Nothing."""
        return []

    def unknown_words(self, text: str) -> list[str]:
        """None."""
        return []

    def check(self, space: ClipSpace, text: str) -> FamiliarityReport:
        """Known or not by its letters."""
        return FamiliarityReport(self.score(space, [text])[0])


def familiarity_of(space_name: str) -> PromptFamiliarity:
    """What the space of this name knows. Raises WeightsError where FaceCLIP's file is missing or damaged."""
    return TaughtFamiliarity.load() if space_name == FACECLIP else OpenFamiliarity()


@torch.no_grad()
def encode(space: ClipSpace, texts: Sequence[str]) -> Tensor:
    """Unit vectors `[T, D]` of any number of texts, some at a time, on the CPU."""
    pieces = [space.encode_text(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
    return torch.cat(pieces).float().cpu()
