"""The one way to make an edit: from a face's code, networks and their words to the generator's picture.

`prepare` computes what does not depend on the strengths, and `draw` makes the picture, which `mcaclip.editing.finish`
turns into an edit of the face or the photo. Training, which needs gradients, goes through `edit_batch`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mcaclip.editing.face_source import FaceSource
from mcaclip.editing.mask_tools import paint_mask, refine_masks
from mcaclip.editing.network.prompted import ReadyEdit
from mcaclip.editing.photo_parts import TAKEN_AWAY, WHOLE
from mcaclip.editing.reader import DIRECTION
from mcaclip.editing.request import EditRequest, NetworkShare
from mcaclip.editing.variation import direction, vary
from mcaclip.generators.base import Generator
from mcaclip.generators.compose import FeatureHook, MaskedShift, compose, union
from mcaclip.generators.synthesis import Synthesis, layer_hook, synthesize
from mcaclip.language.grammar import understand
from mcaclip.nn.ops import resize_mask
from mcaclip.types import EditSettings, ProgressCallback, PromptStrength

CLOSED = 1 / 255
"""A mask of the picture counts as closed below this, so that what nobody can see is not computed either."""
LITTLE_THERE = "Hardly anything was found in this photo for “{}” to change; glasses or a hat may cover it."
NOTHING_TO_TAKE = "Nothing was found in this picture that “{}” could take away, so nothing changes."
COVERED = "A hat or another object covers part of what “{}” would change; that part stays as it is."
RETOUCHED = "“{}” is done to the picture itself, not by the generator."
FOREIGN_EDIT = "This edit was fitted on another generator: only its shift is used, without masks, so more may change."
TWIN_EDIT = (
    "This edit was learned on the compact generator: its shift drives this one, inside masks that the compact "
    "generator's picture of the same code gives."
)
IMPORTED_EDIT = "This edit is imported from {}: it has no masks, so more than its words say may change."

COARSE_ROWS = range(4)
"""W+ rows of the layers up to 16 px, which say where and how large things are."""
NEW_SHAPES = 0.13
"""Root mean square of a coarse row's shift at which an edit keeps nothing of the residual if the likeness is 0.
Smiling and an old face move that much at strength 1, glasses more, colours less than a twentieth of it."""


@dataclass(frozen=True)
class Picture:
    """An edited face.

    Attributes:
        image: `[B, 3, S, S]`, not clamped; of a photo the photo with the edit in it.
        source: the generator's picture of the face before the edit.
        shifts: what was applied, strengths included.
        generated: the generator's own picture of the edit; None where `image` is that picture.
    """

    image: Tensor
    source: Synthesis
    shifts: tuple[MaskedShift, ...]
    generated: Tensor | None = None

    @property
    def masks(self) -> list[Tensor]:
        """Where any of the shifts acts: one mask per layer and one for the picture; none without masks."""
        return [union(same_layer) for same_layer in zip(*(shift.masks for shift in self.shifts), strict=True)]


def edit_batch(generator: Generator, prompted: ReadyEdit, codes: Tensor) -> Picture:
    """Edit faces `[B, 18, 512]` at strength 1; gradients reach the network.

    As in a finished edit, the picture's mask is closed below `CLOSED`, and what nobody can see is not computed. Where
    that would close it in every face, it stays as it is, since a network could not learn to open it again.
    """
    with torch.no_grad():
        source = synthesize(generator, codes, keep=range(len(generator.layers)))
    shift = prompted.shift(generator, codes, source)
    return Picture(compose(generator, codes, [_closed(shift)], source.image), source, (shift,))


def _closed(shift: MaskedShift) -> MaskedShift:
    """The shift with its last mask at 0 where it is below `CLOSED`, unless it is below that everywhere."""
    if not shift.masks:
        return shift
    *layers, last = shift.masks
    opened = last >= CLOSED
    return replace(shift, masks=[*layers, last * opened]) if opened.any() else shift


@dataclass(frozen=True)
class PreparedShift:
    """The shift of one network's share at strength 1, for one face; for `own` and `gone` see `Limited`."""

    share: NetworkShare
    shift: MaskedShift
    own: Tensor | None = None
    gone: Tensor | None = None

    @property
    def retouch(self) -> bool:
        """Whether it is done to the picture, with nothing for the generator to draw."""
        return self.share.prompted is None

    def scaled(self, strength: float, likeness: float) -> MaskedShift:
        """The shift at a strength of its prompt; for the likeness see `EditSettings`."""
        delta = strength * self.share.ingredient.factor * self.shift.delta_w
        keep: float | Tensor = kept_share(delta, likeness)
        if self.gone is not None:  # what is taken away is in the residual too
            keep = keep * (1 - min(1.0, strength * self.share.ingredient.factor) * self.gone)
        return MaskedShift(delta, self.shift.masks, keep)


def kept_share(delta_w: Tensor, likeness: float) -> float:
    """Share of a face's residual that an edit `[1, 18, 512]` keeps, 0..1.

    An edit that moves the coarse rows draws other shapes, and the residual would hold on to the old ones. Colours
    move the finer rows only and keep all of it.
    """
    moved = float(delta_w[:, list(COARSE_ROWS)].square().mean(2).max().sqrt())
    return max(0.0, 1 - (1 - likeness) * moved / NEW_SHAPES)


@dataclass(frozen=True)
class PreparedEdit:
    """An edit of one face before its strengths are applied.

    Attributes:
        face: its picture and what else does not depend on the edit.
        shifts: at least one per prompt, in the order of `settings.parts`.
        started: when the edit began, in seconds of a monotonic clock.
        notes: warnings in plain words.
    """

    face: FaceSource
    shifts: tuple[PreparedShift, ...]
    settings: EditSettings
    started: float
    notes: tuple[str, ...]

    @property
    def masks(self) -> list[Tensor]:
        """Where any of the shifts and retouches acts: one mask per layer and one for the picture."""
        return [union(same_layer) for same_layer in zip(*(one.shift.masks for one in self.ranked), strict=True)]

    @property
    def ranked(self) -> list[PreparedShift]:
        """The shifts by prompt, so that the order in which a user gave them does not matter even to the last bit."""
        parts = self.settings.parts
        return sorted(self.shifts, key=lambda one: (parts[one.share.part].prompt, one.share.ingredient.words))

    @property
    def open(self) -> bool:
        """Whether the masks do not say where the edit acts, so that a face's own parts do not either."""
        return self.settings.without_masks or self.settings.mask_invert

    def dyed_later(self, one: PreparedShift) -> bool:
        """Whether a shift is the colour of a part that is no longer where it was, because hair grows or goes.

        The generator then draws nothing of it; the finished picture is dyed.
        """
        meaning = understand(one.share.ingredient.words)
        moved = any(other.share.ingredient.mode == DIRECTION for other in self.shifts)
        return moved and not self.open and one.own is not None and meaning is not None and meaning.part in WHOLE

    def amount(self, one: PreparedShift) -> float:
        """The strength of one of the shifts."""
        return self.settings.parts[one.share.part].strength * one.share.ingredient.factor

    def times(self, factor: float) -> PreparedEdit:
        """The same edit with all strengths times a factor."""
        parts = [PromptStrength(part.prompt, part.strength * factor) for part in self.settings.parts]
        return replace(self, settings=self.settings.with_parts(parts))


@torch.no_grad()
def prepare(face: FaceSource, request: EditRequest, started: float | None = None) -> PreparedEdit:
    """Shifts and masks of an edit, at strength 1; `started`: when the edit began, if before this call."""
    started, settings = started or time.monotonic(), request.settings
    shifts, notes = [], list(request.notes)
    for share in request.shares:
        words = share.ingredient.words
        learned, little, covered, own, gone = face.shift(share.prompted, words, settings.without_masks)
        masks = _refined(learned.masks, settings, face.generator.image_size)
        if not settings.mask_invert and (settings.paint is None or settings.paint.include is None):
            missing = NOTHING_TO_TAKE if words in TAKEN_AWAY else LITTLE_THERE
            notes += [missing.format(words)] if little else [COVERED.format(words)] if covered else []
        shifts.append(PreparedShift(share, replace(learned, masks=masks), own, gone))
        notes += [RETOUCHED.format(words)] if share.prompted is None and not little else _notes_on(share.prompted)
    return PreparedEdit(face, tuple(shifts), settings, started, tuple(dict.fromkeys(notes)))


def _notes_on(prompted: ReadyEdit | None) -> list[str]:
    """What to know of an edit whose network has no masks for this generator, or those of another one."""
    if prompted is None:
        return []
    if prompted.imported:
        return [IMPORTED_EDIT.format(prompted.imported)]
    if prompted.twin is not None:
        return [TWIN_EDIT]
    return [] if prompted.own_masks else [FOREIGN_EDIT]


def _refined(masks: Sequence[Tensor], settings: EditSettings, side: int) -> list[Tensor]:
    """Masks after all mask tools, the last one at the picture's `side`; with open masks only paint counts."""
    tools = EditSettings("", paint=settings.paint) if settings.without_masks else settings
    refined = refine_masks(masks, tools)
    if settings.paint is not None and refined:
        # at the picture's own size, so that no pixel painted out can change
        refined[-1] = paint_mask(resize_mask(refined[-1], side), settings.paint)
    return [*refined[:-1], refined[-1] * (refined[-1] >= CLOSED)] if refined else refined


@torch.no_grad()
def varied(prepared: PreparedEdit, number: int, generator: Generator) -> PreparedEdit:
    """The edit as learned, turned into one of its variations.

    Args:
        prepared: of variation 0.
        number: 0 gives the edit back, untouched.
        generator: the full-size one, so that a preview shows what the full size will.
    """
    if number == 0:
        return prepared
    towards = direction(generator, number)
    shifts = tuple(
        one if one.retouch else replace(one, shift=replace(one.shift, delta_w=vary(one.shift.delta_w, towards)))
        for one in prepared.shifts
    )
    return replace(prepared, shifts=shifts, settings=replace(prepared.settings, variation=number))


@torch.no_grad()
def draw(
    prepared: PreparedEdit, callback: ProgressCallback | None = None, observe: FeatureHook | None = None
) -> Picture:
    """The generator's picture of an edit, with its strengths.

    Args:
        callback: told of the second half of the progress; may raise to cancel.
        observe: see `compose`.
    """
    generator, parts = prepared.face.generator, prepared.settings.parts
    drawn = [one for one in prepared.ranked if not (one.retouch or prepared.dyed_later(one))]
    shifts = tuple(one.scaled(parts[one.share.part].strength, prepared.settings.likeness) for one in drawn)
    hook = layer_hook(generator, 0.5, callback)
    source = prepared.face.made
    return Picture(compose(generator, prepared.face.code, shifts, source.image, hook, observe), source, shifts)
