"""The language model that reads prompts: all-MiniLM-L6-v2, a small BERT that was trained on sentence pairs.

It is frozen and used as published; what our networks learn stands on its token states. Its weights and its tokenizer
come in a Python package.

Source: Wang et al., MiniLM (arXiv 2002.10957); Reimers and Gurevych, Sentence-BERT (arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from mcaclip.errors import WeightsError

WIDTH, HEADS, LAYERS, FEED_FORWARD, POSITIONS, VOCABULARY = 384, 12, 6, 1536, 512, 30_522
LONGEST = 64
"""Tokens of a text that are read; the prompt line takes fewer characters than these hold."""


@dataclass(frozen=True)
class TokenStates:
    """What the encoder makes of texts.

    Attributes:
        states: of every token, `float [T, L, 384]`.
        mask: `bool [T, L]`, False for padding.
    """

    states: Tensor
    mask: Tensor

    @property
    def sentence(self) -> Tensor:
        """The unit vectors `[T, 384]` of whole texts, as the model was trained: the mean over tokens."""
        weights = self.mask.to(self.states.dtype)[..., None]
        return F.normalize((self.states * weights).sum(1) / weights.sum(1), dim=-1)


class _Layer(nn.Module):
    """BERT's layer: attention and a perceptron, each followed by a layer norm over the sum with its input."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = nn.Linear(WIDTH, FEED_FORWARD), nn.Linear(FEED_FORWARD, WIDTH)
        self.norm_attention, self.norm_output = nn.LayerNorm(WIDTH, 1e-12), nn.LayerNorm(WIDTH, 1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`x [T, L, 384]` and `mask bool [T, 1, 1, L]` to `[T, L, 384]`."""
        q, k, v = (part(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(2)
        x = self.norm_attention(x + self.out(mixed))
        return self.norm_output(x + self.narrow(F.gelu(self.wide(x))))


class SentenceEncoder(nn.Module):
    """all-MiniLM-L6-v2 with random weights; see `load`.

    Args:
        vocabulary: its word pieces, in the order of their numbers.
    """

    def __init__(self, vocabulary: Sequence[str]):
        super().__init__()
        self.tokenizer = _tokenizer(vocabulary)
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.kind = nn.Parameter(torch.zeros(WIDTH))
        self.norm = nn.LayerNorm(WIDTH, 1e-12)
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))

    @classmethod
    def load(cls, path: Path) -> SentenceEncoder:
        """The frozen model of a file that `read_minilm` made. Raises WeightsError for any other file."""
        try:
            state = load_file(path)
            vocabulary = bytes(state.pop(_PIECES).tolist()).decode().split("\n")
            model = cls(vocabulary)
            model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
        except (OSError, RuntimeError, SafetensorError, KeyError, UnicodeDecodeError) as error:
            raise WeightsError(f"{path} does not hold the language model ({error}); delete it") from error
        return model.requires_grad_(False).eval()

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> TokenStates:
        """The token states of texts, padded to the longest of them; at most `LONGEST` tokens of each are read."""
        read = self.tokenizer.encode_batch(list(texts))
        ids = torch.tensor([text.ids for text in read])
        mask = torch.tensor([text.attention_mask for text in read], dtype=torch.bool)
        return TokenStates(self(ids, mask), mask)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token states `[T, L, 384]` of token numbers `int [T, L]` with `mask bool [T, L]`."""
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + self.kind)
        for layer in self.layers:
            x = layer(x, mask[:, None, None, :])
        return x


def _tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    """BERT's uncased tokenizer: word pieces between a sign for the beginning and one for the end."""
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    made = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    signs = [(sign, numbers[sign]) for sign in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=signs)
    made.enable_truncation(LONGEST)
    made.enable_padding(pad_id=numbers["[PAD]"], pad_token="[PAD]")
    return made


_PIECES = "vocabulary"
"""The tensor with the word pieces: UTF-8, one per line."""
_PUBLISHED = {
    "words": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
    "norm": "embeddings.LayerNorm",
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "out": "attention.output.dense", "norm_attention": "attention.output.LayerNorm",
    "wide": "intermediate.dense", "narrow": "output.dense", "norm_output": "output.LayerNorm",
}  # fmt: skip
"""Our name of a module -> the published one."""


def read_minilm(folder: Path) -> dict[str, Tensor]:
    """The tensors for `SentenceEncoder.load`, in float16, of the published `model.safetensors` and `vocab.txt`.

    Raises:
        WeightsError: the files are not the published ones.
    """
    try:
        published = load_file(folder / "model.safetensors")
        pieces = (folder / "vocab.txt").read_text(encoding="utf-8").strip("\n")
        found = {"kind": published["embeddings.token_type_embeddings.weight"][0]}
        for name in SentenceEncoder(pieces.split("\n")).state_dict():
            if name not in found:
                *layer, module, leaf = name.split(".")
                prefix = f"encoder.layer.{layer[1]}." if layer else ""
                found[name] = published[f"{prefix}{_PUBLISHED[module]}.{leaf}"]
    except (OSError, SafetensorError, KeyError) as error:
        raise WeightsError(f"the language model in {folder} is not the published one ({error!r})") from error
    tensors = {name: tensor.half().contiguous() for name, tensor in found.items()}
    return tensors | {_PIECES: torch.tensor(list(pieces.encode()), dtype=torch.uint8)}
