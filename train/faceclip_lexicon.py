"""`python -m train faceclip-lexicon`: FaceCLIP's text tower learns nouns from a dictionary.

The tower teaches itself: a caption with a noun of the dictionary is to be read as the same caption with a noun of
captions is (`train.lexicon`). Nothing learns but the embeddings of tokens that no caption has, so captions keep their
codes to the last bit, and other words are read as well or badly as before. Pictures take no part.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.text.clip_space import ClipSpace
from train.faceclip import adamw, caption_features, save_space
from train.lexicon import Lessons
from train.loop import LoopSettings, TrainingLoop
from train.word_vectors import END_OF_WORD

LONG = 3
"""Letters of a token that few other words share."""


@dataclass(frozen=True)
class LexiconSettings:
    """Settings of the training.

    Attributes:
        pairs: captions with a noun of the dictionary, a step.
    """

    pairs: int = 128
    steps: int = 3000
    lr: float = 5e-3
    seed: int = 92


class Reader(nn.Module):
    """A text tower some of whose words learn.

    Args:
        space: is trained in place; nothing but embeddings of tokens.
        learns: `bool [tokens]`, those that do.
    """

    learns: Tensor

    def __init__(self, space: ClipSpace, learns: Tensor):
        super().__init__()
        self.space = space.requires_grad_(False)
        self.register_buffer("learns", learns)
        embedding = space.model.token_embedding.weight.requires_grad_(True)
        embedding.register_hook(lambda gradient: gradient.masked_fill(~self.learns[:, None], 0))

    def forward(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
        """The loss: 1 - cosine between the codes of captions and those of what they should be read as."""
        with torch.autocast(self.learns.device.type, torch.bfloat16):
            with torch.no_grad():
                wanted = caption_features(self.space, [usual for _, usual in pairs]).float()
            read = caption_features(self.space, [other for other, _ in pairs]).float()
        return {"loss": (1 - F.cosine_similarity(read, wanted)).mean()}


def train_lexicon(
    space: ClipSpace,
    lessons: Lessons,
    captions: Sequence[str],
    common: Set[str],
    settings: LexiconSettings,
    out: Path,
    max_minutes: float = 1e9,
) -> None:
    """Teach words in place, and write all of FaceCLIP to `model.safetensors` (float16) in `out`.

    Args:
        captions: whose tokens stay as they are.
        common: words whose tokens stay as they are in longer words.
    """
    reader = Reader(space, learned_tokens(space, lessons.words, captions, common))
    optimizer = adamw(space, reader.parameters(), settings.lr, weight_decay=0.0)
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.998, warmup=20)
    loop = TrainingLoop(reader, optimizer, loop_settings, out, asdict(settings))
    loop.run(lambda number, rng: reader(lessons.draw(settings.pairs, rng)))
    reader.load_state_dict(loop.averaged_state())
    space.requires_grad_(False).eval()
    save_space(space, out)


def learned_tokens(space: ClipSpace, words: Sequence[str], captions: Sequence[str], common: Set[str]) -> Tensor:
    """The tokens by which words are learned, `bool [tokens]`.

    A word of several tokens has only those that are no common words by themselves: the "wear" of "formalwear" stays.
    """
    encode, pieces = space.tokenizer.encode, space.tokenizer.decoder
    learns = torch.zeros(len(space.model.token_embedding.weight), dtype=torch.bool)
    for tokens in map(encode, words):
        own = [t for t in tokens if len(name := pieces[t].removesuffix(END_OF_WORD)) >= LONG and name not in common]
        learns[tokens if len(tokens) == 1 else own] = True
    learns[space.tokenizer(list(captions)).unique()] = False
    return learns
