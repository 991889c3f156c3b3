"""What fills the places of Feature Fusion and of the masks in methods that have neither: no parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from mcaclip.generators.base import LayerSpec


@dataclass(frozen=True)
class StyleOnlyConfig:
    """The mapper sees the code alone: the words of a prompt are in its weights."""


class StyleOnly(nn.Module):
    """Called like `FeatureFusion.forward`; gives the code itself.

    Source: StyleCLIP (Patashnik et al. 2021) section 5, CoralStyleCLIP.
    """

    def forward(
        self,
        w_plus: Tensor,
        text_embedding: Tensor,
        text_tokens: Tensor | None = None,
        token_mask: Tensor | None = None,
    ) -> Tensor:
        """`w_plus [B, 18, 512]`; the words are ignored."""
        return w_plus


class NoMasks(nn.Module):
    """Called like `CoralMasks`; gives no mask at all, so that an edit is plainly `G(w + delta_w)`."""

    def __init__(self, layers: Sequence[LayerSpec]):
        super().__init__()
        self.layers = tuple(layers)

    def forward(self, features: Mapping[int, Tensor], t_w: Tensor) -> list[Tensor]:
        """An empty list."""
        return []
