"""`python -m train faceclip-lexicon`: FaceCLIP's text tower learns nouns from a dictionary.

The tower teaches itself: a caption with a noun of the dictionary is to be read as the same caption with a noun of
captions is (`train.clip.words.lexicon`). Nothing learns but the embeddings of tokens that no caption has, so captions
keep their codes to the last bit, and other words are read as well or badly as before. Pictures take no part.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.clip.clip_space import ClipSpace
from train.clip.train import adamw, caption_features, save_space
from train.clip.words.lexicon import ENDINGS, Lessons, Lexicon
from train.clip.words.word_vectors import END_OF_WORD
from train.common.loop import LoopSettings, TrainingLoop

log = logging.getLogger(__name__)
LONG = 3
"""Letters of a token that few other words share."""
COMMON = 4000
"""Words that are so common stay as they are."""
COMMON_PIECE, USUAL_PIECE = 10_000, 20_000
"""The same as a piece of a rarer word, and where that one has another piece to be learned by."""


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
    lexicon: Lexicon,
    captions: Sequence[str],
    ranks: Mapping[str, int],
    settings: LexiconSettings,
    out: Path,
    max_minutes: float = 1e9,
) -> None:
    """Teach words in place, and write all of FaceCLIP to `model.safetensors` (float16) in `out`.

    Args:
        captions: whose tokens stay as they are.
        ranks: of words, the commonest first.
    """
    learns = learned_tokens(space, [*lexicon.words, *ENDINGS.values()], captions, ranks)

    def has_token(word: str) -> bool:
        return bool(learns[space.tokenizer.encode(word)].any())

    endings = {part: ending for part, ending in ENDINGS.items() if has_token(ending)}
    lessons = Lessons(lexicon.only(list(filter(has_token, lexicon.words))), endings)
    log.info("%d of %d nouns have a token to learn", len(lessons.lexicon.words), len(lexicon.words))
    reader = Reader(space, learns)
    optimizer = adamw(space, reader.parameters(), settings.lr, weight_decay=0.0)
    loop_settings = LoopSettings(settings.steps, max_minutes, settings.seed, ema=0.998, warmup=20)
    loop = TrainingLoop(reader, optimizer, loop_settings, out, asdict(settings))
    loop.run(lambda number, rng: reader(lessons.draw(settings.pairs, rng)))
    reader.load_state_dict(loop.averaged_state())
    space.requires_grad_(False).eval()
    save_space(space, out)


def learned_tokens(
    space: ClipSpace, words: Sequence[str], captions: Sequence[str], ranks: Mapping[str, int]
) -> Tensor:
    """The tokens by which words are learned, `bool [tokens]`.

    Of a word of several tokens those learn that are no words by themselves, or else the rarest: the "wear" of
    "formalwear" stays, and so do words that are common, as "large", which is a size of clothes, too.

    Args: see `train_lexicon`.
    """
    learns = torch.zeros(len(space.model.token_embedding.weight), dtype=torch.bool)
    stays = set(space.tokenizer(list(captions)).unique().tolist())
    for word in words:
        pieces = {token: space.tokenizer.decoder[token] for token in space.tokenizer.encode(word)}
        learns[_own_tokens(pieces, stays, ranks)] = True
    return learns


def _own_tokens(pieces: Mapping[int, str], stays: Set[int], ranks: Mapping[str, int]) -> list[int]:
    """Those of a word's tokens by which it is learned."""
    names = {token: piece.removesuffix(END_OF_WORD) for token, piece in pieces.items()}
    rank = {token: ranks.get(name, USUAL_PIECE) for token, name in names.items()}
    if len(pieces) == 1:
        return [token for token in pieces if token not in stays and rank[token] >= COMMON]
    free = [t for t, name in names.items() if t not in stays and rank[t] >= COMMON_PIECE and len(name) >= LONG]
    return [token for token in free if rank[token] >= USUAL_PIECE] or sorted(free, key=rank.__getitem__)[-1:]
