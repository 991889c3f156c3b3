"""The one way to make an edit: from a face's code, networks and their words to a picture.

`prepare` computes what does not depend on the strengths, `draw` makes the picture, and `blend` makes the picture with
everything that a person is told about it. Training, which needs gradients, goes through `edit_batch`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mcaclip.editing.dye import Dye
from mcaclip.editing.face_source import FaceSource
from mcaclip.editing.mask_tools import paint_mask, refine_masks
from mcaclip.editing.network.prompted import PromptedNetwork
from mcaclip.editing.photo_blend import carry_over, taken_away
from mcaclip.editing.photo_parts import Surroundings
from mcaclip.editing.request import EditRequest, NetworkShare
from mcaclip.editing.variation import direction, vary
from mcaclip.generators.base import Generator, Window
from mcaclip.generators.compose import FeatureHook, MaskedShift, compose, union
from mcaclip.generators.synthesis import Synthesis, layer_hook, synthesize
from mcaclip.language.colours import srgb_of
from mcaclip.language.grammar import understand
from mcaclip.nn.ops import resize_mask
from mcaclip.types import EditResult, EditSettings, MovingEdit, ProgressCallback, PromptStrength

CLOSED = 1 / 255
"""A mask of the picture counts as closed below this, so that what nobody can see is not computed either."""
LITTLE_THERE = "Hardly anything was found in this photo for “{}” to change; glasses or a hat may cover it."
COVERED = "A hat or another object covers part of what “{}” would change; that part stays as it is."
FOREIGN_EDIT = "This edit was fitted on another generator: only its shift is used, without masks, so more may change."
TWIN_EDIT = (
    "This edit was learned on the compact generator: its shift drives this one, inside masks that the compact "
    "generator's picture of the same code gives."
)
IMPORTED_EDIT = "This edit is imported from {}: it has no masks, so more than its words say may change."

OBSERVED_SIDE = 128
"""How much features change is read off a grid of this many places per side."""
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


def edit_batch(generator: Generator, prompted: PromptedNetwork, codes: Tensor) -> Picture:
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
            notes += [LITTLE_THERE.format(words)] if little else [COVERED.format(words)] if covered else []
        shifts.append(PreparedShift(share, replace(learned, masks=masks), own, gone))
        notes += _notes_on(share.prompted)
    return PreparedEdit(face, tuple(shifts), settings, started, tuple(dict.fromkeys(notes)))


def _notes_on(prompted: PromptedNetwork) -> list[str]:
    """What to know of an edit whose network has no masks for this generator, or those of another one."""
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
        replace(one, shift=replace(one.shift, delta_w=vary(one.shift.delta_w, towards))) for one in prepared.shifts
    )
    return replace(prepared, shifts=shifts, settings=replace(prepared.settings, variation=number))


@torch.no_grad()
def draw(
    prepared: PreparedEdit, callback: ProgressCallback | None = None, observe: FeatureHook | None = None
) -> Picture:
    """The picture of an edit, with its strengths.

    Args:
        callback: told of the second half of the progress; may raise to cancel.
        observe: see `compose`.
    """
    generator, parts = prepared.face.generator, prepared.settings.parts
    # sorted by prompt, so that the order in which a user gave them does not matter even to the last bit
    ranked = sorted(prepared.shifts, key=lambda one: (parts[one.share.part].prompt, one.share.ingredient.words))
    shifts = tuple(one.scaled(parts[one.share.part].strength, prepared.settings.likeness) for one in ranked)
    hook = layer_hook(generator, 0.5, callback)
    source = prepared.face.made
    made = Picture(compose(generator, prepared.face.code, shifts, source.image, hook, observe), source, shifts)
    if prepared.face.photo is None:
        return made
    last = made.masks[-1] if made.masks else None
    around = None if last is None else _surroundings(prepared, made.image, last)
    dyes = _dyes(prepared.settings, ranked)
    image = carry_over(prepared.face.photo, source.image, made.image, last, around, dyes, len(dyes) < len(ranked))
    image = _without_what_is_gone(prepared, ranked, image, made.image)
    return replace(made, image=image, generated=made.image)


def _without_what_is_gone(
    prepared: PreparedEdit, shifts: Sequence[PreparedShift], image: Tensor, edited: Tensor
) -> Tensor:
    """The picture `image` of an edit, without what its words take away from the photo."""
    face, settings = prepared.face, prepared.settings
    if face.photo is None or face.parts is None or settings.without_masks or settings.mask_invert:
        return image
    for one in shifts:
        amount = settings.parts[one.share.part].strength * one.share.ingredient.factor
        if one.gone is not None:
            gone = min(1.0, amount) * one.gone * resize_mask(one.shift.masks[-1], one.gone.shape[-1])
            image = taken_away(image, face.photo, edited, gone, face.parts.skin)
    return image


def _dyes(settings: EditSettings, shifts: Sequence[PreparedShift]) -> list[Dye]:
    """The colours that an edit of a photo gives to parts that are there; none where masks do not say where."""
    if settings.without_masks or settings.mask_invert:
        return []
    dyes = []
    for one in shifts:
        meaning = understand(one.share.ingredient.words)
        if meaning is not None and one.own is not None:
            mask = one.shift.masks[-1]
            amount = settings.parts[one.share.part].strength * one.share.ingredient.factor
            dyes.append(Dye(mask * resize_mask(one.own, mask.shape[-1]), srgb_of(meaning.colour), min(1.0, amount)))
    return dyes


def _surroundings(prepared: PreparedEdit, edited: Tensor, mask: Tensor) -> Surroundings | None:
    """Where the photo's surroundings stay, but for what the user opened; None: nowhere."""
    settings = prepared.settings
    if prepared.face.parts is None or settings.without_masks or settings.mask_invert:
        return None
    around = prepared.face.parts.surroundings(edited, mask, [part.prompt for part in settings.parts])
    if around is not None and settings.paint is not None and settings.paint.include is not None:
        opened = resize_mask(settings.paint.include[None].to(around.still), around.still.shape[-1])
        around = around._replace(still=around.still * (1 - opened))
    return around


def moving(prepared: PreparedEdit) -> MovingEdit:
    """The picture of an edit and its mask; see `draw`."""
    picture = draw(prepared)
    mask = resize_mask(picture.masks[-1], prepared.face.generator.image_size)
    return MovingEdit(picture.image[0].clamp(-1, 1).cpu(), mask[0].cpu())


def blend(prepared: PreparedEdit, callback: ProgressCallback | None = None) -> EditResult:
    """The picture of an edit with everything about it; see `draw`."""
    generator = prepared.face.generator
    moved, size = [0.0] * len(generator.layers), [0.0] * len(generator.layers)

    def observe(index: int, features: Tensor, window: Window | None) -> None:
        before = prepared.face.made.features[index]
        here = before if window is None else before[:, :, window[0], window[1]]
        step = max(1, generator.layers[index].size // OBSERVED_SIDE)
        features, here = features[:, :, ::step, ::step], here[:, :, ::step, ::step]
        moved[index] += float(torch.linalg.vector_norm(features - here)) ** 2
        size[index] += float(torch.linalg.vector_norm(here)) ** 2

    picture = draw(prepared, callback, observe)
    masks, numbers = picture.masks, range(len(prepared.settings.parts))
    deltas = [_part_shift(prepared, number) for number in numbers]
    return EditResult(
        image=picture.image[0].clamp(-1, 1).cpu(),
        masks=tuple(mask[0].cpu().clone() for mask in masks),
        mask_names=_mask_names(generator, masks),
        combined_mask=resize_mask(masks[-1], generator.image_size)[0].cpu(),
        delta_w=torch.stack(deltas).sum(0),
        settings=prepared.settings,
        identity=None,
        seconds=time.monotonic() - prepared.started,
        notes=prepared.notes,
        shifts=tuple(deltas),
        modes=tuple(_part_modes(prepared, number) for number in numbers),
        feature_change=tuple((a / max(b, 1e-12)) ** 0.5 for a, b in zip(moved, size, strict=True)),
        generated=None if picture.generated is None else picture.generated[0].clamp(-1, 1).cpu(),
    )


def _part_shift(prepared: PreparedEdit, number: int) -> Tensor:
    """The shift `[18, 512]` of one prompt at strength 1; of one that is made of several, their sum."""
    made = [
        one.share.ingredient.factor * one.shift.delta_w[0].cpu()
        for one in prepared.shifts
        if one.share.part == number
    ]
    return made[0] if len(made) == 1 else torch.stack(made).sum(0)


def _part_modes(prepared: PreparedEdit, number: int) -> str:
    """How one prompt was made, in words."""
    modes = (one.share.ingredient.mode for one in prepared.shifts if one.share.part == number)
    return " and ".join(dict.fromkeys(modes))


def _mask_names(generator: Generator, masks: list[Tensor]) -> tuple[str, ...]:
    layers = [f"layer {index} ({mask.shape[-1]} px)" for index, mask in enumerate(masks[:-1])]
    return (*layers, f"final picture ({generator.image_size} px)")
