"""`python -m train reader`: the network that reads wishes learns from sentences drawn from the tables of words."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip import weights
from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import plain
from mcaclip.language.concepts import concepts
from mcaclip.nn.safetensors_io import save_half
from mcaclip.reading.sentence_encoder import WIDTH, SentenceEncoder
from mcaclip.reading.wish_network import WishNetwork, wishes_of
from train.common.loop import LoopSettings, TrainingLoop
from train.reading.report import report
from train.reading.sentences import Lesson, LessonWriter

log = logging.getLogger(__name__)
_CHUNK = 256


@dataclass(frozen=True)
class ReaderSettings:
    """Settings of the training.

    Attributes:
        lessons: sentences that are drawn and encoded once.
        tokens: of a sentence that are kept.
        batch: sentences per step.
        dropped: share of the language model's numbers that are set to 0.
        alike: cosine of a word to a phrase of the table from which on it may mean the same, so that it is no example
            of a text that wishes for nothing.
    """

    lessons: int = 180_000
    tokens: int = 32
    batch: int = 256
    dropped: float = 0.15
    alike: float = 0.4
    steps: int = 6000
    lr: float = 2e-3
    weight_decay: float = 0.03
    seed: int = 95


@dataclass(frozen=True)
class EncodedLessons:
    """Lessons as tensors.

    Attributes:
        states: token states `bfloat16 [N, L, 384]`.
        mask: `bool [N, L]`.
        said: number of what is named in `Answers.said`.
        away: `[N]`, 1 where it is wished away.
        lab: Lab / 50 `[N, 3]`, 0 without a colour.
        coloured: `[N]`, 1 where a colour is named.
        amount: `int [N]`.
    """

    states: Tensor
    mask: Tensor
    said: Tensor
    away: Tensor
    lab: Tensor
    coloured: Tensor
    amount: Tensor

    def __getitem__(self, chosen: Tensor) -> EncodedLessons:
        length = int(self.mask[chosen].sum(1).max())
        return EncodedLessons(
            self.states[chosen, :length].float(),
            self.mask[chosen, :length],
            *(part[chosen] for part in (self.said, self.away, self.lab, self.coloured, self.amount)),
        )


@torch.no_grad()
def encode_lessons(
    encoder: SentenceEncoder, lessons: Sequence[Lesson], names: Sequence[str], tokens: int
) -> EncodedLessons:
    """The lessons with their token states; sentences of like length are encoded together."""
    states = torch.zeros(len(lessons), tokens, WIDTH, dtype=torch.bfloat16)
    mask = torch.zeros(len(lessons), tokens, dtype=torch.bool)
    order = sorted(range(len(lessons)), key=lambda number: len(lessons[number].text))
    for start in range(0, len(order), _CHUNK):
        chosen = order[start : start + _CHUNK]
        with torch.autocast("cpu", torch.bfloat16):
            read = encoder.encode([lessons[number].text for number in chosen])
        length = min(tokens, read.mask.shape[1])
        states[chosen, :length] = read.states[:, :length].bfloat16()
        mask[chosen, :length] = read.mask[:, :length]
    numbers = {wish: number for number, wish in enumerate(wishes_of(names))}
    labs = [lab_values(lesson.colour) if lesson.colour else (0.0, 0.0, 0.0) for lesson in lessons]
    return EncodedLessons(
        states,
        mask,
        torch.tensor([numbers[lesson.concept, -lesson.sign if lesson.away else lesson.sign] for lesson in lessons]),
        torch.tensor([float(lesson.away) for lesson in lessons]),
        torch.tensor(labs) / 50,
        torch.tensor([float(lesson.colour is not None) for lesson in lessons]),
        torch.tensor([lesson.amount for lesson in lessons]),
    )


def reader_loss(network: WishNetwork, lessons: EncodedLessons, dropped: float) -> dict[str, Tensor]:
    """Terms and their sum, mean over a batch. A text that wishes for nothing teaches nothing but that."""
    answers = network(F.dropout(lessons.states, dropped, network.training), lessons.mask)
    wished = (lessons.said < 2 * len(network.names)).float()
    coloured = lessons.coloured * wished

    def mean(values: Tensor, weights: Tensor) -> Tensor:
        return (values * weights).sum() / weights.sum().clamp_min(1)

    binary = F.binary_cross_entropy_with_logits
    terms = {
        "said": F.cross_entropy(answers.said, lessons.said, label_smoothing=0.02),
        "away": mean(binary(answers.away, lessons.away, reduction="none"), wished),
        "lab": 2 * mean(F.smooth_l1_loss(answers.lab, lessons.lab, reduction="none").sum(1), coloured),
        "coloured": mean(binary(answers.coloured, lessons.coloured, reduction="none"), wished),
        "amount": 0.5 * mean(F.cross_entropy(answers.amount, lessons.amount, reduction="none"), wished),
    }
    return {**terms, "loss": torch.stack(list(terms.values())).sum()}


def outside_words(encoder: SentenceEncoder, alike: float) -> list[str]:
    """The language model's whole words that are unlike every phrase of the table."""
    sides = [side for concept in concepts().values() for _, side in concept.sides]
    phrases = [phrase for side in sides for phrase in (side.asks, *side.phrases) if phrase]
    known = {word for phrase in phrases for word in plain(phrase).split()}
    vocabulary = sorted(encoder.tokenizer.get_vocab())
    words = [w for w in vocabulary if w.isascii() and w.isalpha() and len(w) > 3 and w not in known]
    said, found = _sentences(encoder, phrases), []
    for start in range(0, len(words), _CHUNK):
        some = words[start : start + _CHUNK]
        nearest = (_sentences(encoder, some) @ said.T).amax(1)
        found += [word for word, value in zip(some, nearest.tolist(), strict=True) if value < alike]
    return found


def _sentences(encoder: SentenceEncoder, texts: Sequence[str]) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return torch.cat(
            [encoder.encode(texts[start : start + _CHUNK]).sentence for start in range(0, len(texts), _CHUNK)]
        ).float()


def train_reader(
    encoder: SentenceEncoder, settings: ReaderSettings, out: Path, max_minutes: float = 1e9
) -> WishNetwork:
    """Train, or continue in the run folder `out`; returns the frozen network with averaged weights."""
    rng = np.random.default_rng(settings.seed)
    words = outside_words(encoder, settings.alike)
    vocabulary = sorted(encoder.tokenizer.get_vocab())
    pieces = [one[2:] for one in vocabulary if one.startswith("##") and one[2:].isascii() and one[2:].isalpha()]
    writer = LessonWriter(words, [one for one in pieces if len(one) > 1], rng)
    names = tuple(concepts())
    lessons = encode_lessons(encoder, [writer.write() for _ in range(settings.lessons)], names, settings.tokens)
    log.info("%d lessons are written, with %d words that wish for nothing", settings.lessons, len(words))
    torch.manual_seed(settings.seed)
    network = WishNetwork(names)
    optimizer = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=settings.weight_decay)
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.998, warmup=100)
    loop = TrainingLoop(network, optimizer, loop_settings, out, asdict(settings))

    def step(_: int, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = torch.from_numpy(rng.integers(settings.lessons, size=settings.batch))
        return reader_loss(network, lessons[chosen], settings.dropped)

    loop.run(step)
    network.load_state_dict(loop.averaged_state())
    return network.requires_grad_(False).eval()


def run(out: Path, max_minutes: float) -> Path:
    """Train the reader; writes `reader.safetensors` and its figures, `report.json`, into the run folder `out`."""
    encoder = SentenceEncoder.load(weights.get("language_model"))
    network = train_reader(encoder, ReaderSettings(), out, max_minutes)
    path = out / "reader.safetensors"
    save_half(network.state_dict(), path, {"concepts": json.dumps(network.names)})
    figures = report(encoder, network)
    (out / "report.json").write_text(json.dumps(figures, indent=1))
    log.info("written to %s: %s", path, figures)
    return path
