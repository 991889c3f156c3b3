"""The language model against what its makers publish, and its file."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from mcaclip import weights
from mcaclip.errors import WeightsError
from mcaclip.reading.sentence_encoder import LONGEST, SentenceEncoder, read_minilm


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.load(weights.get("language_model"))


def test_word_pieces_are_berts(encoder):
    read = encoder.tokenizer.encode("Purple Hair, purpel hiar!")
    assert read.tokens == [
        "[CLS]", "purple", "hair", ",", "pu", "##rp", "##el", "hi", "##ar", "!", "[SEP]",
    ]  # fmt: skip


def test_sentences_that_mean_the_same_are_near(encoder):
    one, other, far = encoder.encode(["a man with a beard", "a bearded guy", "the stock market crashed"]).sentence
    assert float(one @ other) > 0.7 > 0.2 > float(one @ far)


def test_padding_changes_nothing(encoder):
    alone, beside = encoder.encode(["red lips"]), encoder.encode(["red lips", "a much longer text about red lips"])
    torch.testing.assert_close(beside.states[0, : alone.states.shape[1]], alone.states[0], atol=1e-4, rtol=1e-3)
    assert encoder.encode(["word " * 500]).states.shape[1] == LONGEST


@pytest.mark.parametrize("content", [{}, {"vocabulary": torch.zeros(3, dtype=torch.uint8)}])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    save_file(content, path)
    with pytest.raises(WeightsError, match="language model"):
        SentenceEncoder.load(path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]")
    with pytest.raises(WeightsError, match="not the published one"):
        read_minilm(tmp_path)
