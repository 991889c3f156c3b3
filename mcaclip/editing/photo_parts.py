"""Where the parts of a photo are, read off the photo itself.

A network's masks come from the generator's features, which know neither a hat that was never generated nor where
this person's beard ends. A parser of pictures says it: a colour stays on the part that it names, and what stands
before or behind the face stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mcaclip.imaging.guided import follow
from mcaclip.language.grammar import parts_in, understand
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.base import PhotoParser
from mcaclip.perception.face_parser import FACIAL_HAIR, LABELS, celeb
from mcaclip.perception.regions import dilate, region

RADIUS, SMOOTHNESS = 4, 2e-3
"""Settings of the guided filter that fits a part to the photo's edges; see `mcaclip.imaging.guided`."""
SURE, UNSURE = 0.65, 0.25
"""A class counts in full from the first probability up, and not at all below the second."""
GROWN = 2
"""Pixels at 256 px by which a part is grown before it is fitted to the edges."""
LEAST_FACIAL_HAIR = 0.002
"""Share of the picture from which facial hair counts as the person's own; less of it is drawn anew."""
FOUND, MISSED = 0.6, 0.4
"""Share of the drawn facial hair that the person's own covers: from the first up only their own counts, below the
second both do."""
WHOLE = ("hair", "background", "clothes")
"""Parts that a colour covers wherever the photo shows them, even where the generator would not have put them."""
LEAST_WHOLE = 0.015
"""`LITTLE` for these parts."""
LITTLE = 0.001
"""Share of the picture below which hardly anything of a part is there to be edited."""
COVERED = 0.15
"""Share of what an edit would change from which a thing before it is worth a note."""
GLASSES, BEHIND_GLASSES = ("eye_g",), ("eyes", "eyelids", "brows", "skin", "cheeks")
"""The parser labels everything behind a pair of glasses as glasses, so these parts include that label."""
THINGS = ("hat",)
SURROUNDINGS = {"background": ("background",), "clothes": ("cloth", "neck_l")}
"""What does not change unless a prompt names it: part of a prompt to labels."""


class Limited(NamedTuple):
    """Masks `[1, 1, s, s]` in [0, 1] of an edit as a photo's parts limit them, one per layer and one for the picture.

    Attributes:
        little: hardly anything of the part is there.
        covered: a hat or a thing covers a good deal of what the edit would change.
    """

    masks: tuple[Tensor, ...]
    little: bool = False
    covered: bool = False


@dataclass(frozen=True, eq=False)
class PhotoParts:
    """The parsing of an aligned photo.

    Attributes:
        photo: `[1, 3, S, S]` in [-1, 1].
        classes: probabilities of `face_parser.LABELS`, `[1, 22, 256, 256]`.
    """

    parser: PhotoParser
    photo: Tensor
    classes: Tensor

    @classmethod
    def of(cls, parser: PhotoParser, photo: Tensor) -> PhotoParts:
        """Parse an aligned photo `[3, S, S]` in [-1, 1]."""
        return cls(parser, photo[None], parser.probabilities(photo[None]))

    def limited(self, masks: Sequence[Tensor], words: str, side: int) -> Limited:
        """Masks of an edit, one per layer and one for the picture, as this person's parts want them.

        A colour acts on the part that it names: on all hair, background or clothes, and on other parts where the
        network says. Facial hair that is there is coloured as far as it reaches; where there is none, it is drawn
        where the network says. Nothing acts on a hat, or on what the parser takes for one.

        Returns:
            Masks of the same sizes, but for the last one, whose side is `side`.
        """
        *layers, last = masks
        last = asked = resize_mask(last, side)
        meaning, least = understand(words), LITTLE
        if meaning is not None and meaning.part in FACIAL_HAIR:
            own = _sure(self._of(FACIAL_HAIR if meaning.part == "beard" else (meaning.part,)))
            if float(own.mean()) >= LEAST_FACIAL_HAIR:
                drawn = resize_mask(last, own.shape[-1])
                # a beard that is only partly found is completed by the drawn one
                missed = 1 - ((own * drawn).sum() / drawn.sum().clamp_min(1e-6) - MISSED) / (FOUND - MISSED)
                layers = [torch.maximum(mask, resize_mask(own, mask.shape[-1])) for mask in layers]
                last = torch.maximum(self._fitted(dilate(own, GROWN), side), missed.clamp(0, 1) * last)
        elif meaning is not None and meaning.part in WHOLE:
            own = _sure(region(celeb(self.classes), meaning.part))
            layers = [torch.maximum(mask, resize_mask(own, mask.shape[-1])) for mask in layers]
            last, least = self._fitted(dilate(own, GROWN), side), LEAST_WHOLE
        elif meaning is not None:
            # a blush has no edge of its own
            own = region(celeb(self.classes), "skin" if meaning.part == "cheeks" else meaning.part)
            own = own + self._of(GLASSES) if meaning.part in BEHIND_GLASSES else own
            last = last * self._fitted(dilate(_sure(own), GROWN), side)
        things = self._fitted(_sure(self._of(THINGS)), side)
        open_ = last * (1 - things)
        covered = float((asked * things).sum() / asked.sum().clamp_min(1e-6))
        return Limited((*layers, open_), little=float(open_.mean()) < least, covered=covered > COVERED)

    def still(self, edited: Tensor, mask: Tensor, prompts: Sequence[str]) -> Tensor | None:
        """Where the photo's surroundings are surroundings in the edit too, `[1, 1, S, S]` of the edit's side.

        Args:
            edited: the generator's picture of the edit, `[1, 3, S, S]`, not clamped.
            mask: where the edit acts, `[1, 1, s, s]`.
            prompts: surroundings that one of them names do not count.

        Returns:
            None where the edit does not reach any surroundings.
        """
        named = {part for words in prompts for part in parts_in(words)}
        kept = [labels for part, labels in SURROUNDINGS.items() if part not in named]
        around = self._of([label for labels in (THINGS, *kept) for label in labels])
        if not bool((_sure(around) * resize_mask(mask, self.classes.shape[-1])).any()):
            return None
        after = self.parser.probabilities(edited.clamp(-1, 1))
        same = [_sum(self.classes, labels) * _sum(after, labels) for labels in (THINGS, *kept)]
        return self._fitted(_sure(torch.stack(same).sum(0)), edited.shape[-1])

    def _of(self, labels: Sequence[str]) -> Tensor:
        return _sum(self.classes, labels)

    def _fitted(self, mask: Tensor, side: int) -> Tensor:
        if not mask.any():  # of most photos there is nothing to fit
            return mask.new_zeros(1, 1, side, side)
        return follow(mask, self.photo, side, RADIUS, SMOOTHNESS)


def _sum(classes: Tensor, labels: Sequence[str]) -> Tensor:
    return classes[:, [LABELS.index(label) for label in labels]].sum(1, keepdim=True)


def _sure(probability: Tensor) -> Tensor:
    return ((probability - UNSURE) / (SURE - UNSURE)).clamp(0, 1)
