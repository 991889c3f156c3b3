"""The networks that measure edits."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mcaclip.clip.clip_space import prompt_direction
from mcaclip.evaluation.attribute_probe import AttributeProbe
from mcaclip.perception.age_gender import AgeGender
from mcaclip.perception.base import Parser
from mcaclip.perception.independent_identity import IndependentIdentity

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor


class EvaluationContext:
    """All networks that measure edits.

    Args:
        editor: its identity network, CLIP and preview are used.
        parser: finds the regions of the source.
        independent_identity: a second identity network, which nothing is trained against.
        attribute_probe: measures attributes; the shipped one is loaded at its first use.
        people: tells age and gender for the shipped one.
    """

    def __init__(
        self,
        editor: FaceEditor,
        parser: Parser,
        independent_identity: IndependentIdentity | None = None,
        attribute_probe: AttributeProbe | None = None,
        people: AgeGender | None = None,
    ):
        self.editor, self.parser, self.independent_identity = editor, parser, independent_identity
        self._attribute_probe, self._people = attribute_probe, people
        self._text_embeddings: dict[str, Tensor] = {}

    @cached_property
    def attribute_probe(self) -> AttributeProbe:
        """The measures of attributes. Raises WeightsError."""
        return self._attribute_probe or AttributeProbe.load(self.editor.find_faces, self._people)

    @torch.no_grad()
    def image_embedding(self, picture: Tensor) -> Tensor:
        """The CLIP embedding `[D]` of a picture `[3, S, S]`."""
        return self.editor.models.space.encode_image(picture[None].to(self.editor.device))[0].cpu()

    def text_embedding(self, words: str) -> Tensor:
        """The mean direction `[D]` of a prompt in all templates; each prompt is encoded once."""
        if words not in self._text_embeddings:
            self._text_embeddings[words] = prompt_direction(self.editor.models.space, words).cpu()
        return self._text_embeddings[words]

    @torch.no_grad()
    def identity(self, one: Tensor, other: Tensor) -> float:
        """Cosine of the identity of two pictures `[3, S, S]`."""
        pair = (picture[None].to(self.editor.device) for picture in (one, other))
        return float(self.editor.models.identity.similarity(*pair))
