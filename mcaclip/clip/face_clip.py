"""FaceCLIP's network: a text transformer of CLIP's kind beside `FaceTower`.

The tensors are named as open_clip names them, and the text tower equals open_clip's. It stands here because importing
open_clip brings torchvision and timm, a second and 140 MB. Only its tokenizer, a module by itself, is used.
"""

from __future__ import annotations

import importlib.util
import math
from collections import OrderedDict
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from mcaclip.clip.face_tower import FaceTower

EMBEDDING, CONTEXT, VOCABULARY, IMAGE_SIZE = 512, 32, 49_408, 192
WIDTH, HEADS, LAYERS = 128, 4, 4


class ImageTower(nn.Module):
    """The face tower as open_clip nests it."""

    image_size = IMAGE_SIZE

    def __init__(self) -> None:
        super().__init__()
        self.trunk = FaceTower(EMBEDDING)

    def forward(self, images: Tensor) -> Tensor:
        """Features `[B, 512]` of pictures `[B, 3, 192, 192]` in [-1, 1]."""
        features: Tensor = self.trunk(images)
        return features


class TextBlock(nn.Module):
    """Causal self-attention and a perceptron, each behind a layer norm and beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        wide, narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.mlp = nn.Sequential(OrderedDict(c_fc=wide, gelu=nn.GELU(), c_proj=narrow))
        for weight, deviation in (
            (self.attn.in_proj_weight, WIDTH**-0.5),
            (self.attn.out_proj.weight, (2 * LAYERS * WIDTH) ** -0.5),
            (wide.weight, (2 * WIDTH) ** -0.5),
            (narrow.weight, (2 * LAYERS * WIDTH) ** -0.5),
        ):
            assert weight is not None
            nn.init.normal_(weight, std=deviation)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """`x [T, L, 128]` and an additive `mask [L, L]` to `[T, L, 128]`."""
        inner = self.ln_1(x)
        x = x + self.attn(inner, inner, inner, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class TextTransformer(nn.Module):
    """The blocks, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(TextBlock() for _ in range(LAYERS))

    def forward(self, x: Tensor, attn_mask: Tensor) -> Tensor:
        """See `TextBlock`."""
        for block in self.resblocks:
            x = block(x, attn_mask)
        return x


class FaceClip(nn.Module):
    """Both towers, with random weights; see `mcaclip.clip.clip_space.create_model`."""

    attn_mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.visual = ImageTower()
        self.transformer = TextTransformer()
        self.token_embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, WIDTH) * 0.01)
        self.ln_final = nn.LayerNorm(WIDTH)
        self.text_projection = nn.Parameter(torch.randn(WIDTH, EMBEDDING) * WIDTH**-0.5)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        mask = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
        self.register_buffer("attn_mask", mask, persistent=False)

    def encode_image(self, images: Tensor) -> Tensor:
        """Features `[B, 512]` of pictures `[B, 3, 192, 192]` in [-1, 1]."""
        features: Tensor = self.visual(images)
        return features

    def encode_text(self, ids: Tensor) -> Tensor:
        """Features `[T, 512]` of token numbers `int [T, 32]`: those of the end-of-text token."""
        x = self.token_embedding(ids) + self.positional_embedding
        states = self.ln_final(self.transformer(x, attn_mask=self.attn_mask))
        last: Tensor = states[torch.arange(len(ids), device=ids.device), ids.argmax(1)] @ self.text_projection
        return last


def face_tokenizer() -> Any:
    """CLIP's tokenizer, open_clip's `SimpleTokenizer`: texts to token numbers `int [T, 32]`."""
    return _tokenizer_module().SimpleTokenizer(context_length=CONTEXT)


@cache
def _tokenizer_module() -> ModuleType:
    """`open_clip.tokenizer`, which imports nothing of its package, without the package."""
    package = importlib.util.find_spec("open_clip")
    assert package is not None and package.submodule_search_locations
    file = Path(package.submodule_search_locations[0]) / "tokenizer.py"
    spec = importlib.util.spec_from_file_location("mcaclip.clip._open_clip_tokenizer", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
