"""Feature Fusion (FF): writes the prompt into the 18 rows of a W+ code, one attention block a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class FeatureFusionConfig:
    """Shape of the Feature Fusion network.

    Attributes:
        variant: "paper" attends to the one key temp_{i-1}; "tokens" to the prompt's words and temp_{i-1}.
        num_ws: number of W+ rows, and of blocks.
        dim: channels of a row, of the text embedding and of the text tokens.
        heads: attention heads; must divide `attention_dim`.
        attention_dim: inner width of the attention (512 in the paper).
        feedforward_dim: hidden width of the feed-forward part, 512 k (the paper leaves k open; our
            preset has k = 1).
        layer_norm: normalise before attention and feed-forward (not in the paper); otherwise what they read is only
            kept from growing without end (`Bounded`).

    Raises:
        ValueError: when the values do not fit together.
    """

    variant: Literal["paper", "tokens"] = "paper"
    num_ws: int = 18
    dim: int = 512
    heads: int = 8
    attention_dim: int = 512
    feedforward_dim: int = 512
    layer_norm: bool = False

    def __post_init__(self) -> None:
        if self.variant not in ("paper", "tokens"):
            raise ValueError(f'variant must be "paper" or "tokens", not {self.variant!r}')
        sizes = (self.num_ws, self.dim, self.heads, self.attention_dim, self.feedforward_dim)
        if min(sizes) < 1:
            raise ValueError(f"every size must be at least 1: {self}")
        if self.attention_dim % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide attention_dim ({self.attention_dim})")


PAPER_FUSION = FeatureFusionConfig()
"""Equation 1 to the letter."""

TOKENS_FUSION = FeatureFusionConfig(variant="tokens", layer_norm=True)
"""Every row chooses among the words."""


class Bounded(nn.Module):
    """Scales rows down to a root mean square of at most `LARGEST`; smaller ones pass as they are.

    Nothing else holds the 18 chained blocks: the mapper's PixelNorm hides their scale, and what a row gains, all rows
    behind it gain again, to 1e6 in 900 steps at a rate of 0.001. Smaller rates only take longer. The rows of a fresh
    network are below 5, so Eq. 1 holds to the letter. LayerNorm in this place would lose the text on the way to row
    17.
    """

    LARGEST = 8.0

    def forward(self, rows: Tensor) -> Tensor:
        """`float [..., dim]` to the same shape."""
        size = rows.square().mean(-1, keepdim=True).clamp_min(1e-12).sqrt()
        return rows * (self.LARGEST / size).clamp(max=1)


class FusionBlock(nn.Module):
    """Attention of one W+ row to a short memory, then a feed-forward part, each with a residual.

    Source: MCA-CLIP Eq. 1; Vaswani et al. 2017 for the parts.
    """

    def __init__(self, config: FeatureFusionConfig) -> None:
        """Creates the block; `config.variant` and `config.num_ws` do not matter here."""
        super().__init__()
        dim, inner = config.dim, config.attention_dim
        self.heads = config.heads
        self.query = nn.Linear(dim, inner)
        self.key = nn.Linear(dim, inner)
        self.value = nn.Linear(dim, inner)
        self.out = nn.Linear(inner, dim)
        self.expand = nn.Linear(dim, config.feedforward_dim)
        self.contract = nn.Linear(config.feedforward_dim, dim)
        self.norm_query = nn.LayerNorm(dim) if config.layer_norm else nn.Identity()
        self.norm_memory = nn.LayerNorm(dim) if config.layer_norm else Bounded()
        self.norm_feedforward = nn.LayerNorm(dim) if config.layer_norm else Bounded()
        # W_O W_V keeps the variance whatever the inner width, so that the text reaches the last row. The
        # feed-forward part starts small (PyTorch's default), or 18 blocks without LayerNorm would explode.
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)

    def forward(self, row: Tensor, memory: Tensor, memory_mask: Tensor | None = None) -> Tensor:
        """Computes temp_i.

        Args:
            row: w_i, `float [B, dim]`.
            memory: keys and values, `float [B, L, dim]`.
            memory_mask: `bool [B, L]`, True where the memory may be attended to; None means everywhere.

        Returns:
            `float [B, dim]`.
        """
        attended = row + self._attend(self.norm_query(row), self.norm_memory(memory), memory_mask)
        hidden = F.gelu(self.expand(self.norm_feedforward(attended)))
        return attended + self.contract(hidden)

    def _attend(self, row: Tensor, memory: Tensor, memory_mask: Tensor | None) -> Tensor:
        """Multi-head attention with one query, written out: the softmax over one key is then exactly 1."""
        query = self.query(row).unflatten(-1, (self.heads, -1))  # [B, heads, head_dim]
        key = self.key(memory).unflatten(-1, (self.heads, -1))  # [B, L, heads, head_dim]
        value = self.value(memory).unflatten(-1, (self.heads, -1))
        scores = torch.einsum("bhd,blhd->bhl", query, key) / math.sqrt(query.shape[-1])
        if memory_mask is not None:
            scores = scores.masked_fill(~memory_mask.unsqueeze(1), -math.inf)
        mixed = torch.einsum("bhl,blhd->bhd", scores.softmax(dim=-1), value)
        return self.out(mixed.flatten(1))


class FeatureFusion(nn.Module):
    """Carries the text through the rows: `temp_i = Block_i(Q = w_i, K = V = memory_i)`, temp_0 = e_t.

    In the paper's Eq. 1 the memory is the single vector temp_{i-1}. A softmax over one key is identically
    1, so W_Q and W_K never act, their gradient is exactly zero and the "attention" is `W_O W_V temp_{i-1} +
    w_i`. The variant "paper" builds that to the letter. The variant "tokens" (ours) puts the prompt's text
    tokens beside temp_{i-1}, so that every row really chooses among the words.

    Reading of Eq. 1-2: the feed-forward part belongs to the block, so temp_i is what leaves it; the text
    gives no residual of its own.

    Source: MCA-CLIP Eq. 1-2.
    """

    def __init__(self, config: FeatureFusionConfig = PAPER_FUSION) -> None:
        """Creates one block, with its own weights, for each of the `config.num_ws` rows."""
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(FusionBlock(config) for _ in range(config.num_ws))

    def forward(
        self,
        w_plus: Tensor,
        text_embedding: Tensor,
        text_tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
    ) -> Tensor:
        """Fuses the text into every row.

        Args:
            w_plus: `float [B, num_ws, dim]`.
            text_embedding: pooled text embedding e_t, `float [B, dim]`.
            text_tokens: states of the text tokens, `float [B, L, dim]`; "tokens" needs them, "paper" ignores
                them.
            token_mask: `bool [B, L]`, True for the tokens up to and including end-of-text, False for
                padding; None means that all count.

        Returns:
            t_w, `float [B, num_ws, dim]`.

        Raises:
            ValueError: when shapes do not match, or "tokens" gets no text tokens.
        """
        self._check(w_plus, text_embedding, text_tokens, token_mask)
        use_tokens = self.config.variant == "tokens"
        mask = None
        if use_tokens and token_mask is not None:
            # temp_{i-1} follows the tokens and always counts, so no row of the softmax is ever empty.
            mask = F.pad(token_mask, (0, 1), value=True)
        temp, rows = text_embedding, []
        for block, row in zip(self.blocks, w_plus.unbind(dim=1), strict=True):
            memory = temp.unsqueeze(1)
            if use_tokens and text_tokens is not None:
                memory = torch.cat([text_tokens, memory], dim=1)
            temp = block(row, memory, mask)
            rows.append(temp)
        return torch.stack(rows, dim=1)

    def _check(
        self, w_plus: Tensor, text_embedding: Tensor, text_tokens: Tensor | None, token_mask: Tensor | None
    ) -> None:
        batch, config = w_plus.shape[0], self.config
        if w_plus.shape != (batch, config.num_ws, config.dim):
            raise ValueError(f"w_plus must be [B, {config.num_ws}, {config.dim}], not {tuple(w_plus.shape)}")
        if text_embedding.shape != (batch, config.dim):
            raise ValueError(f"text_embedding must be [{batch}, {config.dim}], not {tuple(text_embedding.shape)}")
        if config.variant == "paper":
            return
        if text_tokens is None:
            raise ValueError('the variant "tokens" needs text_tokens [B, L, dim]')
        length = text_tokens.shape[1]
        if text_tokens.shape != (batch, length, config.dim):
            raise ValueError(f"text_tokens must be [{batch}, L, {config.dim}], not {tuple(text_tokens.shape)}")
        if token_mask is not None and token_mask.shape != (batch, length):
            raise ValueError(f"token_mask must be [{batch}, {length}], not {tuple(token_mask.shape)}")
