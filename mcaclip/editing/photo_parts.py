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
from mcaclip.nn.ops import box_mean, resize_mask, smooth
from mcaclip.perception.base import PhotoParser
from mcaclip.perception.face_parser import FACIAL_HAIR, LABELS, celeb
from mcaclip.perception.regions import REGIONS, dilate, region

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
TAKEN = 0.5
"""Share of the hair from which an edit that reaches it acts on all of it."""
WHOLE = ("hair", "background", "clothes")
"""Parts that a colour covers wherever the photo shows them, even where the generator would not have put them."""
LEAST_WHOLE = 0.01
"""Share of the picture from which such a part is there to be coloured."""
LITTLE = 0.001
"""Share of the picture below which hardly anything of a part is there to be edited."""
COVERED = 0.15
"""Share of what an edit would change from which a thing before it is worth a note."""
GLASSES, BEHIND_GLASSES = ("eye_g",), ("eyes", "eyelids", "brows", "skin", "cheeks")
"""The parser labels everything behind a pair of glasses as glasses, so these parts include that label."""
COVERED_BY_COLOUR = (*WHOLE, *FACIAL_HAIR, "brows", "lips", "eyes")
"""Parts that a colour covers as a dye does. On skin, cheeks, lids, ears and teeth it is a film, as the generator
has it."""
HAIR = ("hair",)
TRACE = 5e-5
"""Share of the picture from which a small thing that is to go is there: of thin frames and grey beards little is
found."""
TAKEN_AWAY = {
    "no glasses": (GLASSES, TRACE),
    "no beard": (FACIAL_HAIR, TRACE),
    "a bald head": (HAIR, LEAST_WHOLE),
    "short hair": (HAIR, LEAST_WHOLE),
}
"""Words that take a thing away, the thing's labels, and the share of the picture from which it is there."""
EDGES = 6
"""Pixels at 256 px by which a thing that is taken away is grown: its rim and its shadow go as well."""
THINGS, HAT = ("hat",), LABELS.index("hat")
LEAST_HAT = 0.01
"""Share of the picture that a hat takes at least."""
BACKGROUND = ("background",)
STRAYS = 5
"""Pixels at 256 px within which single hairs stand out from the hair."""
BEHIND_SIDE, BEHIND_RADII = 64, (12, 4, 1)
"""Side of the picture, and radii of the windows in it, the widest first, from which the background behind a person is
guessed."""
SURROUNDINGS = {"background": BACKGROUND, "clothes": ("cloth", "neck_l")}
"""What does not change unless a prompt names it: part of a prompt to labels."""


class Limited(NamedTuple):
    """Masks `[1, 1, s, s]` in [0, 1] of an edit as a photo's parts limit them, one per layer and one for the picture.

    Attributes:
        little: hardly anything of the part is there.
        covered: a hat or a thing covers a good deal of what the edit would change.
        gone: where the thing that the edit takes away may be, `[1, 1, s, s]` in [0, 1]; None: it takes nothing.
        own: where the photo has the part that a colour covers, `[1, 1, s, s]` in [0, 1]; None: the edit is no such
            colour.
    """

    masks: tuple[Tensor, ...]
    little: bool = False
    covered: bool = False
    own: Tensor | None = None
    gone: Tensor | None = None


class Surroundings(NamedTuple):
    """What stands around the face of an edited photo.

    Attributes:
        still: where they are as in the photo, `[1, 1, S, S]` in [0, 1].
        bared: where the edit shows background that the person covers in the photo, alike; None: nowhere.
        behind: what to show there, `[1, 3, S, S]` in [-1, 1].
        anew: where the edit shows another part than the photo, `[1, 1, 256, 256]` in [0, 1]; None: nowhere.
        skin: where both show bare skin, alike.
        shown: where the edit shows background, `[1, 1, S, S]` in [0, 1]; None: it stays the generator's.
        tint: what the photo's background differs by from the edit's, `[1, 3, n, n]`.
    """

    still: Tensor
    bared: Tensor | None = None
    behind: Tensor | None = None
    anew: Tensor | None = None
    skin: Tensor | None = None
    shown: Tensor | None = None
    tint: Tensor | None = None


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
        classes = parser.probabilities(photo[None])
        if float(_sure(classes[:, HAT]).mean()) < LEAST_HAT:  # a spot of hat is hair
            classes = classes.clone()
            classes[:, LABELS.index("hair")] += classes[:, HAT]
            classes[:, HAT] = 0
        return cls(parser, photo[None], classes)

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
        meaning = understand(words)
        there = None if meaning is None or meaning.part not in COVERED_BY_COLOUR else last.new_ones(1, 1, 1, 1)
        if meaning is not None and meaning.part in FACIAL_HAIR:
            own = _sure(self._of(FACIAL_HAIR if meaning.part == "beard" else (meaning.part,)))
            there = own.new_zeros(1, 1, 1, 1)
            if float(own.mean()) >= LEAST_FACIAL_HAIR:
                drawn = resize_mask(last, own.shape[-1])
                # a beard that is only partly found is completed by the drawn one
                missed = 1 - ((own * drawn).sum() / drawn.sum().clamp_min(1e-6) - MISSED) / (FOUND - MISSED)
                layers = [torch.maximum(mask, resize_mask(own, mask.shape[-1])) for mask in layers]
                there = self._fitted(dilate(own, GROWN), side)
                last = torch.maximum(there, missed.clamp(0, 1) * last)
        elif meaning is not None and meaning.part in WHOLE:
            own = _sure(region(celeb(self.classes), meaning.part))
            layers = [torch.maximum(mask, resize_mask(own, mask.shape[-1])) for mask in layers]
            last = self.whole(meaning.part, side)
        elif meaning is not None:
            # a blush has no edge of its own
            own = region(celeb(self.classes), "skin" if meaning.part == "cheeks" else meaning.part)
            own = own + self._of(GLASSES) if meaning.part in BEHIND_GLASSES else own
            last = last * self._fitted(dilate(_sure(own), GROWN), side)
        else:
            own = _sure(region(celeb(self.classes), "hair"))
            drawn = resize_mask(last, own.shape[-1])
            if float((own * drawn).sum()) > TAKEN * float(own.sum()):  # half of the hair cannot move without the rest
                layers = [torch.maximum(mask, resize_mask(own, mask.shape[-1])) for mask in layers]
                last = torch.maximum(last, self._fitted(dilate(own, STRAYS), side))
        gone = self._taken_away(words, last)
        if gone is not None:
            layers = [torch.maximum(mask, resize_mask(gone, mask.shape[-1])) for mask in layers]
            last = torch.maximum(last, resize_mask(gone, side))
        elif words in TAKEN_AWAY:
            last = torch.zeros_like(last)
        things = self._fitted(_sure(self._of(THINGS)), side)
        open_ = last * (1 - things)
        covered = float((asked * things).sum() / asked.sum().clamp_min(1e-6))
        return Limited(
            (*layers, open_), little=float(open_.mean()) < LITTLE, covered=covered > COVERED, own=there, gone=gone
        )

    def _taken_away(self, words: str, mask: Tensor) -> Tensor | None:
        """Where the thing that words take away may be: in the edit's mask, or where the photo shows it.

        Returns:
            None where they take nothing away, or the photo has no such thing.
        """
        if words not in TAKEN_AWAY:
            return None
        labels, least = TAKEN_AWAY[words]
        found = _sure(self._of(labels))
        there = float(found.mean()) >= least
        return torch.maximum(dilate(found, EDGES), resize_mask(mask, found.shape[-1])) if there else None

    def part(self, name: str, side: int) -> Tensor:
        """Where the photo shows a region or a class of the parser, fitted to its edges: `[1, 1, side, side]`.

        What hair grows on is no skin.
        """
        found = region(celeb(self.classes), name) if name in REGIONS else self._of((name,))
        return self._fitted(_sure(found * (1 - self._of(FACIAL_HAIR))), side)

    def whole(self, name: str, side: int) -> Tensor:
        """Where the photo shows one of `WHOLE`, `[1, 1, side, side]` in [0, 1].

        The down of a bald head is no hair.
        """
        own = _sure(region(celeb(self.classes), name))
        return self._fitted(dilate(own, GROWN), side) * float(own.mean() >= LEAST_WHOLE)

    @property
    def skin(self) -> Tensor:
        """Where the photo shows bare skin for sure, `[1, 1, 256, 256]` in [0, 1]."""
        return _sure(region(celeb(self.classes), "skin"))

    def surroundings(
        self, edited: Tensor, mask: Tensor, prompts: Sequence[str], uncover: bool = True
    ) -> Surroundings | None:
        """What stands behind and around the face, once an edit is made.

        Args:
            edited: the generator's picture of the edit, `[1, 3, S, S]`, not clamped.
            mask: where the edit acts, `[1, 1, s, s]`.
            prompts: surroundings that one of them names are not kept.
            uncover: whether the edit moves shapes, so that it may show what the person hides.

        Returns:
            None where the edit does not reach any surroundings.
        """
        named = {part for words in prompts for part in parts_in(words)}
        kept = [labels for part, labels in SURROUNDINGS.items() if part not in named]
        around = self._of([label for labels in (THINGS, *kept) for label in labels])
        if not bool((dilate(_sure(around), GROWN) * resize_mask(mask, self.classes.shape[-1])).any()):
            return None
        side, after = edited.shape[-1], self._classes_of(edited)
        same = [_sum(self.classes, labels) * _sum(after, labels) for labels in (THINGS, *kept)]
        still = self._fitted(_sure(torch.stack(same).sum(0)), side)
        if not uncover:
            return Surroundings(still)
        skin = self.skin * _sure(region(celeb(after), "skin")) * (1 - self._of(FACIAL_HAIR))
        made = Surroundings(still, anew=self._anew(after), skin=skin)
        if "background" in named:
            return made
        behind, shown = (_sum(classes, BACKGROUND) for classes in (self.classes, after))
        edited = edited.clamp(-1, 1)
        # beside hair the background has single hairs in it
        guess = _behind(self.photo, 1 - dilate(1 - _sure(behind), STRAYS))
        there = follow(shown, edited, side, RADIUS, SMOOTHNESS)
        made = made._replace(shown=there, tint=guess - _behind(edited, _sure(shown)))
        bared = (1 - _sure(behind)) * _sure(shown) * dilate(resize_mask(mask, behind.shape[-1]), GROWN)
        if float(bared.mean()) < LITTLE:
            return made
        # single hairs beside it would stay in the air
        bared = resize_mask(box_mean(dilate(bared, STRAYS + RADIUS), RADIUS), side) * there
        return made._replace(bared=bared * (resize_mask(mask, side) > 0), behind=resize_mask(guess, side))

    def _classes_of(self, edited: Tensor) -> Tensor:
        """Classes of an edit's picture `[1, 3, S, S]`. No edit puts a hat on."""
        classes = self.parser.probabilities(edited.clamp(-1, 1))
        if self.classes[:, HAT].any():
            return classes
        classes = classes.clone()
        classes[:, HAT] = 0
        return classes / classes.sum(1, keepdim=True).clamp_min(1e-6)

    def _anew(self, after: Tensor) -> Tensor:
        """Where a picture, by its classes, shows another part than the photo; glasses go with their rims."""
        unlike = _sure(1 - (self.classes * after).sqrt().sum(1, keepdim=True))  # the Bhattacharyya coefficient
        glasses = _sure(self._of(GLASSES) - _sum(after, GLASSES))
        return torch.maximum(dilate(unlike, GROWN), dilate(glasses, EDGES))

    def _of(self, labels: Sequence[str]) -> Tensor:
        return _sum(self.classes, labels)

    def _fitted(self, mask: Tensor, side: int) -> Tensor:
        if not mask.any():  # of most photos there is nothing to fit
            return mask.new_zeros(1, 1, side, side)
        return follow(mask, self.photo, side, RADIUS, SMOOTHNESS)


def _sum(classes: Tensor, labels: Sequence[str]) -> Tensor:
    return classes[:, [LABELS.index(label) for label in labels]].sum(1, keepdim=True)


def _behind(picture: Tensor, background: Tensor) -> Tensor:
    """A picture's background, continued behind the person: `[1, 3, BEHIND_SIDE, BEHIND_SIDE]`."""
    small = resize_mask(picture, BEHIND_SIDE)
    sure = (resize_mask(background, BEHIND_SIDE) - 0.5).clamp_min(0) + 1e-6
    made = small
    for radius in BEHIND_RADII:
        weight = smooth(sure, radius)
        mean = smooth(small * sure, radius) / weight
        made = mean if radius == BEHIND_RADII[0] else torch.lerp(made, mean, (weight / 0.1).clamp(max=1))
    return made


def _sure(probability: Tensor) -> Tensor:
    return ((probability - UNSURE) / (SURE - UNSURE)).clamp(0, 1)
