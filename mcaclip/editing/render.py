"""From a planned edit to its picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mcaclip.editing.mask_tools import paint_mask, refine_masks
from mcaclip.editing.network.mca import MCANetwork
from mcaclip.editing.reader import Ingredient, Reading
from mcaclip.editing.variation import direction, vary
from mcaclip.generators.base import Generator
from mcaclip.generators.synthesis import MaskedShift, Synthesis, compose, union
from mcaclip.nn.ops import resize_mask
from mcaclip.types import EditResult, EditSettings, Progress, ProgressCallback, TextCode

FOREIGN_EDIT = "This edit was fitted on another generator: only its shift is used, without masks, so more may change."


@dataclass(frozen=True)
class PlannedShift:
    """One network's share of an edit.

    Attributes:
        part: number of the prompt in `settings.parts` that it belongs to.
        words: what the network was asked for.
        factor: on the strength of its prompt.
        mode: how it was made, see `mcaclip.validate.MODES`.
        shift: the shift at strength 1, with its masks.
    """

    part: int
    words: str
    factor: float
    mode: str
    shift: MaskedShift

    def scaled(self, strength: float) -> MaskedShift:
        """The shift at a strength of its prompt."""
        return MaskedShift(strength * self.factor * self.shift.delta_w, self.shift.masks)


@dataclass(frozen=True)
class Plan:
    """An edit before its strengths are applied.

    Attributes:
        code: `[1, 18, 512]`, the face.
        source: its picture and the features of all layers.
        shifts: at least one a prompt, in the order of `settings.parts`.
        started: when its computation began, in seconds of a monotonic clock.
        notes: warnings in plain words.
    """

    generator: Generator
    code: Tensor
    source: Synthesis
    shifts: tuple[PlannedShift, ...]
    settings: EditSettings
    started: float
    notes: tuple[str, ...]


NetworkOf = Callable[[Ingredient], tuple[MCANetwork, TextCode, bool]]
"""From a share of an edit to its network, the words as it knows them, and whether its masks fit the generator."""


@torch.no_grad()
def planned(
    generator: Generator,
    code: Tensor,
    source: Synthesis,
    settings: EditSettings,
    readings: Sequence[Reading],
    network_of: NetworkOf,
    started: float,
) -> Plan:
    """Shifts and masks of an edit as learned, at strength 1.

    Args:
        code: `[1, 18, 512]`, the face.
        source: its picture and the features of all layers.
        readings: what each of `settings.parts` means.
        started: see `Plan`.
    """
    shifts, notes = [], [reading.note for reading in readings if reading.note]
    for number, reading in enumerate(readings):
        for one in reading.ingredients:
            network, text, own_masks = network_of(one)
            t_w, delta_w = network(code, text)
            is_open = settings.without_masks or not own_masks
            masks = open_masks(generator, code) if is_open else network.masks(source.features, t_w)
            masks = _refined(masks, settings, generator.image_size)
            shifts.append(PlannedShift(number, one.words, one.factor, one.mode, MaskedShift(delta_w, masks)))
            notes += [] if own_masks else [FOREIGN_EDIT]
    return Plan(generator, code, source, tuple(shifts), settings, started, tuple(dict.fromkeys(notes)))


def _refined(masks: Sequence[Tensor], settings: EditSettings, side: int) -> list[Tensor]:
    """Masks after all mask tools, the last one at the picture's `side`; with open masks only paint counts."""
    tools = EditSettings("", paint=settings.paint) if settings.without_masks else settings
    refined = refine_masks(masks, tools)
    if settings.paint is not None:  # at the picture's own size, so that no pixel painted out can change
        refined[-1] = paint_mask(resize_mask(refined[-1], side), settings.paint)
    return refined


@torch.no_grad()
def varied(plan: Plan, number: int, generator: Generator) -> Plan:
    """The plan of the edit as learned, turned into that of a variation.

    Args:
        plan: of variation 0.
        number: 0 gives the plan back, untouched.
        generator: the full-size one, so that a preview shows what the full size will.
    """
    if number == 0:
        return plan
    towards = direction(generator, number)
    shifts = tuple(
        replace(one, shift=replace(one.shift, delta_w=vary(one.shift.delta_w, towards))) for one in plan.shifts
    )
    return replace(plan, shifts=shifts, settings=replace(plan.settings, variation=number))


@torch.no_grad()
def blend(plan: Plan, callback: ProgressCallback | None) -> EditResult:
    """The picture of a plan, with its strengths; the callback may raise to cancel."""
    generator, parts = plan.generator, plan.settings.parts
    change: list[float] = []

    def observe(index: int, features: Tensor) -> None:
        before = plan.source.features[index]
        change.append(float((features - before).norm() / before.norm()))

    # sorted by prompt, so that the order in which a user gave them does not matter even to the last bit
    ranked = sorted(plan.shifts, key=lambda one: (parts[one.part].prompt, one.words))
    ordered = [one.scaled(parts[one.part].strength) for one in ranked]
    hook = layer_hook(generator, 0.5, callback)
    image = compose(generator, plan.code, ordered, plan.source.image, hook, observe)
    masks = [union(same_layer) for same_layer in zip(*(shift.masks for shift in ordered), strict=True)]
    deltas = [_part_shift(plan, number) for number in range(len(parts))]
    return EditResult(
        image=image[0].clamp(-1, 1).cpu(),
        masks=tuple(mask[0].cpu() for mask in masks),
        mask_names=_mask_names(generator, masks),
        combined_mask=resize_mask(masks[-1], generator.image_size)[0].cpu(),
        delta_w=torch.stack(deltas).sum(0),
        settings=plan.settings,
        identity=None,
        seconds=time.monotonic() - plan.started,
        notes=plan.notes,
        shifts=tuple(deltas),
        modes=tuple(_part_modes(plan, number) for number in range(len(parts))),
        feature_change=tuple(change),
    )


def _part_shift(plan: Plan, number: int) -> Tensor:
    """The shift `[18, 512]` of one prompt at strength 1; of one that is made of several, their sum."""
    made = [one.factor * one.shift.delta_w[0].cpu() for one in plan.shifts if one.part == number]
    return made[0] if len(made) == 1 else torch.stack(made).sum(0)


def _part_modes(plan: Plan, number: int) -> str:
    """How one prompt was made, in words."""
    return " and ".join(dict.fromkeys(one.mode for one in plan.shifts if one.part == number))


def layer_hook(generator: Generator, offset: float, callback: ProgressCallback | None) -> Callable[[int], None]:
    """Reports the layers of one of an edit's two passes, the one that begins at the fraction `offset`."""

    def hook(layer: int) -> None:
        if callback:
            callback(Progress("editing", offset + 0.5 * layer / len(generator.layers)))

    return hook


def open_masks(generator: Generator, code: Tensor) -> list[Tensor]:
    """Masks that let everything through, one `[1, 1, s, s]` a layer and one for the picture."""
    sides = [*(spec.size for spec in generator.layers), generator.image_size]
    return [code.new_ones(1, 1, side, side) for side in sides]


def _mask_names(generator: Generator, masks: list[Tensor]) -> tuple[str, ...]:
    layers = [f"layer {index} ({mask.shape[-1]} px)" for index, mask in enumerate(masks[:-1])]
    return (*layers, f"final picture ({generator.image_size} px)")
