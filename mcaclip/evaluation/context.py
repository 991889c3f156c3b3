"""The networks that measure edits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from mcaclip.clip.clip_space import prompt_direction
from mcaclip.editing.networks import EditNetworks
from mcaclip.evaluation.attribute_probe import AttributeProbe
from mcaclip.evaluation.brought_networks import BroughtNetworks
from mcaclip.perception.base import Parser
from mcaclip.perception.independent_identity import IndependentIdentity


class EvaluationContext:
    """All networks that measure edits.

    Args:
        networks: the stack's, of which the identity network, CLIP and the preview are used.
        parser: finds the regions of the source.
        independent_identity: a second identity network, which nothing is trained against.
        load_probe: loads what measures attributes, at its first use; not needed for prompts without attributes.
        brought: further measures.
    """

    def __init__(
        self,
        networks: EditNetworks,
        parser: Parser,
        device: torch.device,
        independent_identity: IndependentIdentity | None = None,
        load_probe: Callable[[], AttributeProbe] | None = None,
        brought: BroughtNetworks | None = None,
    ):
        self.networks, self.parser, self.device = networks, parser, device
        self.independent_identity, self.brought = independent_identity, brought or BroughtNetworks(None)
        self._load_probe = load_probe
        self._text_embeddings: dict[str, Tensor] = {}

    @cached_property
    def attribute_probe(self) -> AttributeProbe:
        """The measures of attributes. Raises WeightsError."""
        assert self._load_probe is not None
        return self._load_probe()

    @torch.no_grad()
    def image_embedding(self, picture: Tensor) -> Tensor:
        """The CLIP embedding `[D]` of a picture `[3, S, S]`."""
        return self.networks.space.encode_image(picture[None].to(self.device))[0].cpu()

    def text_embedding(self, words: str) -> Tensor:
        """The mean direction `[D]` of a prompt in all templates; each prompt is encoded once."""
        if words not in self._text_embeddings:
            self._text_embeddings[words] = prompt_direction(self.networks.space, words).cpu()
        return self._text_embeddings[words]

    @torch.no_grad()
    def identity_embedding(self, picture: Tensor) -> Tensor:
        """The identity `[D]` of a picture `[3, S, S]`."""
        return self.networks.identity.embed(picture[None].to(self.device))[0].cpu()

    @torch.no_grad()
    def identity(self, one: Tensor, other: Tensor) -> float:
        """Cosine of the identity of two pictures `[3, S, S]`."""
        pair = (picture[None].to(self.device) for picture in (one, other))
        return float(self.networks.identity.similarity(*pair))
