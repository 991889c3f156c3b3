"""An edit network together with the words that it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.editing.network.coral import CoralMasks
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.generators.base import Generator
from mcaclip.generators.compose import MaskedShift, open_masks
from mcaclip.generators.synthesis import Synthesis
from mcaclip.types import TextCode


@dataclass(frozen=True)
class PromptedNetwork:
    """A network that is ready to edit any face in one way.

    Attributes:
        text: the words as the network knows them: one prompt, or one for each face of a batch.
        own_masks: whether its masks fit the generator. Those of another generator's layers mean nothing, and only
            the shift is used.
        imported: name of the published file that it was imported from, or empty.
    """

    network: MCANetwork
    text: TextCode
    own_masks: bool = True
    imported: str = ""

    def shift(
        self,
        generator: Generator,
        codes: Tensor,
        source: Synthesis,
        opened: bool = False,
        looks: dict[CoralMasks, list[Tensor]] | None = None,
    ) -> MaskedShift:
        """The shift of faces `[B, 18, 512]` at strength 1, with its masks; a network without masks gives none.

        Args:
            source: the faces' pictures, with the features of every layer that has a mask.
            opened: let everything through.
            looks: what mask nets saw of these faces before (see `CoralMasks.look`); filled in.
        """
        t_w, delta_w = self.network(codes, self.text)
        if opened or not self.own_masks:
            return MaskedShift(delta_w, open_masks(generator, codes))
        coral = self.network.coral
        if looks is None or not isinstance(coral, CoralMasks):
            return MaskedShift(delta_w, self.network.masks(source.features, t_w))
        if coral not in looks:
            looks.clear()  # of one network: they are large
            looks[coral] = coral.look(source.features)
        return MaskedShift(delta_w, [torch.sigmoid(logits) for logits in coral.decide(looks[coral], t_w)])
