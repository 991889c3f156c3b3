"""CF-CLIP's text embedding module (TEM), which takes Feature Fusion's place in the ablation "w/o FF"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mcaclip.nn.equal_linear import EqualLinear, mapping_stack


@dataclass(frozen=True)
class TextEmbeddingConfig:
    """Shape of a `TextEmbeddingModule`; the defaults are the published ones.

    Attributes:
        text_norm: length that the embedding, which comes at length 1, is given. Published weights were trained on
            CLIP's raw text feature, whose length is about 10.
    """

    num_ws: int = 18
    dim: int = 512
    num_layers: int = 4
    lr_mul: float = 0.01
    text_norm: float = 1.0


class TextEmbeddingModule(nn.Module):
    """One mapping network a W+ row on the text embedding, fused with w by one linear layer.

    PixelNorm runs over dimension 1 of [B, 1, dim], a single element: each network sees nearly the *sign*
    of the text embedding. Published weights need it so (see `PixelNorm`).

    Source: CF-CLIP (Yu et al. 2022) section 3.2, `FullTextMapper` and the `fc` of its `LevelsMapper`.
    Published weights load after `rename_published_text_keys`.
    """

    def __init__(
        self,
        num_ws: int = 18,
        *,
        dim: int = 512,
        num_layers: int = 4,
        lr_mul: float = 0.01,
        text_norm: float = 1.0,
    ) -> None:
        """Creates the module.

        Args:
            num_ws: number of W+ rows.
            dim: channels of a row and of the text embedding.
            num_layers: EqualLinear layers in each row's network.
            lr_mul: learning rate multiplier of all layers (0.01 published).
            text_norm: see `TextEmbeddingConfig`.
        """
        super().__init__()
        self.text_norm = text_norm
        self.rows = nn.ModuleList(mapping_stack(dim, num_layers, lr_mul) for _ in range(num_ws))
        self.fuse = EqualLinear(2 * dim, dim, lr_mul=lr_mul, activation=True)

    def embed_text(self, text_embedding: Tensor) -> Tensor:
        """Maps the text embedding `float [B, dim]` to one code per row, `float [B, num_ws, dim]`."""
        text = self.text_norm * text_embedding.unsqueeze(1)
        return torch.cat([row(text) for row in self.rows], dim=1)

    def forward(
        self,
        w_plus: Tensor,
        text_embedding: Tensor,
        text_tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
    ) -> Tensor:
        """Fuses text and style; called like `FeatureFusion.forward`, so that one can replace the other.

        Args:
            w_plus: `float [B, num_ws, dim]`.
            text_embedding: `float [B, dim]`.
            text_tokens: ignored, this module only knows the pooled embedding.
            token_mask: ignored.

        Returns:
            t_w, `float [B, num_ws, dim]`.
        """
        return self.fuse(torch.cat([w_plus, self.embed_text(text_embedding)], dim=-1))


def rename_published_text_keys(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translates CF-CLIP's keys to those of `TextEmbeddingModule`.

    `text_mapper.mapper_3.mapping.1.weight` becomes `rows.3.1.weight` and `mapper.fc.weight` becomes
    `fuse.weight`; everything else is left out.
    """
    renamed = {}
    for key, value in state_dict.items():
        if key.startswith("text_mapper.mapper_"):
            row, _, rest = key.removeprefix("text_mapper.mapper_").partition(".mapping.")
            renamed[f"rows.{row}.{rest}"] = value
        elif key.startswith("mapper.fc."):
            renamed["fuse." + key.removeprefix("mapper.fc.")] = value
    return renamed
