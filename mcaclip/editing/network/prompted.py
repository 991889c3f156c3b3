"""An edit network together with the words that it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from mcaclip.editing.network.coral import CoralMasks
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.generators.base import Generator
from mcaclip.generators.compose import MaskedShift, open_masks
from mcaclip.generators.synthesis import Synthesis, features_below
from mcaclip.nn.ops import resize_mask
from mcaclip.types import TextCode


class ReadyEdit(Protocol):
    """What can edit any face in one way."""

    @property
    def key(self) -> object:
        """Tells it from other edits with the same words."""

    @property
    def own_masks(self) -> bool:
        """Whether its masks fit the generator. Those of another generator's layers mean nothing, and only the shift
        is used."""

    @property
    def imported(self) -> str:
        """Name of the published file that it was imported from, or empty."""

    @property
    def twin(self) -> Generator | None:
        """The generator that it learned on, where another one with the same W draws the picture."""

    @property
    def maskless(self) -> ReadyEdit:
        """The same edit without its masks (the paper's ablation "w/o PRE"), which is plainly `G(w + delta_w)`."""

    def shift(
        self,
        generator: Generator,
        codes: Tensor,
        source: Synthesis,
        opened: bool = False,
        looks: dict[CoralMasks, list[Tensor]] | None = None,
    ) -> MaskedShift:
        """The shift of faces `[B, 18, 512]` at strength 1, with its masks; an edit without masks gives none.

        Args:
            source: the faces' pictures, with the features of every layer that has a mask.
            opened: let everything through.
            looks: what mask nets saw of these faces before (see `CoralMasks.look`); filled in.
        """


@dataclass(frozen=True)
class PromptedNetwork:
    """A network with the words that it is asked for, ready to edit any face; see `ReadyEdit`.

    Attributes:
        text: the words as the network knows them: one prompt, or one for each face of a batch.
        twin: it renders the face's code, the masks see its features, and rows that it does not use are not shifted.
        masked: whether it gives its masks.
    """

    network: MCANetwork
    text: TextCode
    own_masks: bool = True
    imported: str = ""
    twin: Generator | None = None
    masked: bool = True

    @property
    def maskless(self) -> PromptedNetwork:
        """See `ReadyEdit.maskless`."""
        return replace(self, masked=False)

    @property
    def key(self) -> object:
        """See `ReadyEdit.key`."""
        return self.network

    def shift(
        self,
        generator: Generator,
        codes: Tensor,
        source: Synthesis,
        opened: bool = False,
        looks: dict[CoralMasks, list[Tensor]] | None = None,
    ) -> MaskedShift:
        """See `ReadyEdit.shift`."""
        t_w, delta_w = self.network(codes, self.text)
        if self.twin is not None:
            delta_w = _in_rows_of(self.twin, delta_w)
        if not self.masked:
            return MaskedShift(delta_w, [])
        if opened or not self.own_masks:
            return MaskedShift(delta_w, open_masks(generator, codes))
        coral = self.network.coral
        if not isinstance(coral, CoralMasks):
            return MaskedShift(delta_w, [])
        if looks is None:
            looks = {}
        if coral not in looks:
            looks.clear()  # of one network: they are large
            looks[coral] = coral.look(self._features(generator, codes, source))
        masks = [torch.sigmoid(logits) for logits in coral.decide(looks[coral], t_w)]
        return MaskedShift(delta_w, masks if self.twin is None else _at_layers(generator, masks))

    def _features(self, generator: Generator, codes: Tensor, source: Synthesis) -> Mapping[int, Tensor]:
        """What the mask nets see of faces; of a twin, only the layers that the generator has as well."""
        if self.twin is None:
            return source.features
        with torch.no_grad():
            return features_below(self.twin, codes, min(len(self.twin.layers), len(generator.layers)))


def _in_rows_of(generator: Generator, delta_w: Tensor) -> Tensor:
    """A shift `[B, 18, 512]` without the rows that a generator does not use: nothing was learned there."""
    used = delta_w.new_zeros(1, delta_w.shape[1], 1)
    used[:, [row for spec in generator.layers for row in (*spec.rows, spec.rgb_row) if row is not None]] = 1
    return delta_w * used


def _at_layers(generator: Generator, masks: Sequence[Tensor]) -> list[Tensor]:
    """A twin's masks for a generator's layers: the same number is the same resolution and W+ row in both.

    Layers above the twin's last one take the mask of its picture.
    """
    *layers, picture = masks
    above = len(generator.layers) - len(layers)
    made = [*layers, *[picture] * above]
    return [*(resize_mask(mask, spec.size) for mask, spec in zip(made, generator.layers, strict=True)), picture]
