"""The networks that measure edits."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mcaclip.clip.clip_space import prompt_direction
from mcaclip.evaluation.attribute_probe import AttributeProbe
from mcaclip.perception.base import Parser
from mcaclip.perception.independent_identity import IndependentIdentity

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


class EvaluationContext:
    """Everything that measures.

    Args:
        editor: whose identity network, space of words and preview are used.
        parser: finds the regions of the source.
        judge: a second opinion on identity.
        attribute_probe: of attributes; loaded at its first use when it is None.
    """

    def __init__(
        self,
        editor: FaceEditor,
        parser: Parser,
        judge: IndependentIdentity | None = None,
        attribute_probe: AttributeProbe | None = None,
    ):
        self.editor, self.parser, self.judge, self._attribute_probe = editor, parser, judge, attribute_probe
        self._told = lru_cache(maxsize=256)(self._tell)

    @cached_property
    def attribute_probe(self) -> AttributeProbe:
        """The attribute_probe of attributes. Raises WeightsError."""
        return self._attribute_probe or AttributeProbe.load(self.editor.find_faces)

    @torch.no_grad()
    def image_embedding(self, picture: Tensor) -> Tensor:
        """A picture `[3, S, S]` in the space of words, `[D]`."""
        return self.editor.models.space.encode_image(picture[None].to(self.editor.device))[0].cpu()

    def text_embedding(self, words: str) -> Tensor:
        """The mean direction `[D]` of a prompt in all templates."""
        return self._told(words)

    @torch.no_grad()
    def _tell(self, words: str) -> Tensor:
        return prompt_direction(self.editor.models.space, words).cpu()

    @torch.no_grad()
    def identity(self, one: Tensor, other: Tensor) -> float:
        """Cosine of two pictures `[3, S, S]`."""
        pair = (picture[None].to(self.editor.device) for picture in (one, other))
        return float(self.editor.models.identity.similarity(*pair))
