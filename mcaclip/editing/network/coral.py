"""CORAL: a learned mask at every generator layer, from the source's own features.

Source: CoralStyleCLIP (convolutional attention), as MCA-CLIP's Precision Region Editing uses it (FACTS 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcaclip.generators.base import LayerSpec
from mcaclip.nn.ops import inverse_size

CASCADE_SIZE = 32
"""From this side on a cascade starts with the mask below; coarser cells are larger than most parts of a face."""

CACHED_NUMBERS = 2**19
"""Numbers of a map that a net works on at once: so many rows fit into a processor's cache between its steps."""


@dataclass(frozen=True)
class MaskConfig:
    """Shape of the mask nets.

    Attributes:
        hidden: channels between the two 1x1 convolutions (32 in CORAL).
        text_dim: width of the text rows that modulate the hidden channels; 0 for masks that do not see the
            words, as in the paper (one prompt per network).
        cascade: add the mask below, up-sampled and weighed by a learned gain, to each logit. Without it the 1x1
            nets of the fine layers cannot tell a lip from an ear of the same colour.
        cascade_from: the first layer whose net has that in any case, or None: what is fitted through a preview never
            sees the layers above it, and their nets alone cannot find a region again.
        initial_logit: where every mask starts; +1 is rather open, so that the edit can be found first.
        normalise: divide the features by their root mean square first.
    """

    hidden: int = 32
    text_dim: int = 0
    cascade: bool = False
    initial_logit: float = 1.0
    normalise: bool = True
    cascade_from: int | None = None

    def at(self, layer: int) -> MaskConfig:
        """The same for one layer's net."""
        above = self.cascade_from is not None and layer >= self.cascade_from
        return replace(self, cascade=self.cascade or above)


class MaskNet(nn.Module):
    """1x1 conv to `hidden`, ReLU, 1x1 conv to one logit; optionally modulated by a text row."""

    def __init__(self, channels: int, config: MaskConfig):
        super().__init__()
        self.reduce = nn.Conv2d(channels, config.hidden, 1)
        self.out = nn.Conv2d(config.hidden, 1, 1)
        assert self.out.bias is not None
        nn.init.constant_(self.out.bias, config.initial_logit)
        self.film = nn.Linear(config.text_dim, 2 * config.hidden) if config.text_dim else None
        self.gain = nn.Parameter(torch.zeros(())) if config.cascade else None
        self.normalise = config.normalise

    def look(self, features: Tensor) -> Tensor:
        """What the net sees of a face whatever the words: `features [B, C, s, s]` to `[B, hidden, s, s]`."""
        seen = F.conv2d(features, self.reduce.weight)
        assert self.reduce.bias is not None
        bias = self.reduce.bias[None, :, None, None]
        return torch.addcmul(bias, seen, inverse_size(features)) if self.normalise else seen + bias

    def forward(self, features: Tensor, text_row: Tensor, below: Tensor | None) -> Tensor:
        """`features [B, C, s, s]`, `text_row [B, text_dim]`, logits `below [B, 1, r, r]` to logits `[B, 1, s, s]`."""
        return self.decide(self.look(features), text_row, below)

    def decide(self, seen: Tensor, text_row: Tensor, below: Tensor | None) -> Tensor:
        """As `forward`, from what `look` gave."""
        film = None if self.film is None else self.film(text_row)[:, :, None, None].chunk(2, 1)
        rows = max(1, CACHED_NUMBERS // seen[:, :, 0].numel())
        logits = torch.cat([self._logits(part, film) for part in seen.split(rows, 2)], 2)
        if self.gain is not None and below is not None:
            size = seen.shape[-2:]
            logits = logits + self.gain * F.interpolate(below, size=size, mode="bilinear", align_corners=False)
        return logits

    def _logits(self, seen: Tensor, film: Sequence[Tensor] | None) -> Tensor:
        """Of a few rows: `seen [B, hidden, h, s]` to `[B, 1, h, s]`; `film`: scale and shift, `[B, hidden, 1, 1]`."""
        if film is not None:
            scale, shift = film
            seen = torch.addcmul(shift, seen, 1 + scale)
        assert self.out.bias is not None
        # faster than a convolution to a single channel, and to the last bit the same every time
        return (F.relu(seen) * self.out.weight).sum(1, keepdim=True) + self.out.bias


class CoralMasks(nn.Module):
    """One mask net a generator layer, and one for the final picture on the last layer's features.

    A preview generator has only the lower layers: its final picture then takes the mask of its last layer.
    """

    def __init__(self, layers: Sequence[LayerSpec], config: MaskConfig):
        super().__init__()
        self.layers = tuple(layers)
        self.nets = nn.ModuleList(MaskNet(spec.channels, config.at(number)) for number, spec in enumerate(layers))
        self.final = MaskNet(layers[-1].channels, config.at(len(layers)))
        for spec, net in zip([*layers, layers[-1]], [*self.nets, self.final], strict=True):
            if net.gain is not None and spec.size >= CASCADE_SIZE:
                nn.init.ones_(net.gain)
                nn.init.zeros_(net.out.bias)

    def look(self, features: Mapping[int, Tensor]) -> list[Tensor]:
        """What the nets see of faces, whatever the words; see `MaskNet.look`.

        Args:
            features: source features by layer number, `0 .. len(features) - 1`; gradients do not flow into them.
        """
        count = len(features)
        nets = [net for net in self.nets if isinstance(net, MaskNet)]
        seen = [net.look(features[index].detach()) for index, net in enumerate(nets[:count])]
        return [*seen, self.final.look(features[count - 1].detach())] if count == len(self.layers) else seen

    def decide(self, seen: Sequence[Tensor], t_w: Tensor) -> list[Tensor]:
        """As `logits`, from what `look` gave."""
        result: list[Tensor] = []
        rows = [*(spec.rows[0] for spec in self.layers), self.layers[-1].rgb_row or 0]
        nets = [*(net for net in self.nets if isinstance(net, MaskNet)), self.final]
        for net, map_, row in zip(nets, seen, rows, strict=False):
            result.append(net.decide(map_, t_w[:, row], result[-1] if result else None))
        return result if len(seen) > len(self.layers) else [*result, result[-1]]

    def logits(self, features: Mapping[int, Tensor], t_w: Tensor) -> list[Tensor]:
        """Logits of the layers `0 .. len(features) - 1` and of the final picture.

        Args:
            features: source features by layer number, without gaps; gradients do not flow into them.
            t_w: fused text rows `[B, 18, 512]`.
        """
        return self.decide(self.look(features), t_w)

    def forward(self, features: Mapping[int, Tensor], t_w: Tensor) -> list[Tensor]:
        """Masks in [0, 1], one `[B, 1, s, s]` per layer and one for the final picture; 1 is edited."""
        return [torch.sigmoid(logits) for logits in self.logits(features, t_w)]


def threshold_masks(masks: Sequence[Tensor], threshold: float) -> list[Tensor]:
    """Soft masks for threshold 0, otherwise hard ones: 1 where the mask is at least `threshold`."""
    return list(masks) if threshold <= 0 else [(mask >= threshold).to(mask) for mask in masks]
