"""From a planned edit to its picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mcaclip.editing.variation import direction, vary
from mcaclip.generators.base import Generator
from mcaclip.generators.ops import resize_mask
from mcaclip.generators.synthesis import MaskedShift, Synthesis, compose, union
from mcaclip.types import EditResult, EditSettings, Progress, ProgressCallback


@dataclass(frozen=True)
class Plan:
    """An edit before its strengths are applied.

    Attributes:
        code: `[1, 18, 512]`, the face.
        source: its picture and the features of all layers.
        shifts: one a prompt, in the order of `settings.parts`, at strength 1.
        started: when its computation began, in seconds of a monotonic clock.
        notes: warnings in plain words.
    """

    generator: Generator
    code: Tensor
    source: Synthesis
    shifts: tuple[MaskedShift, ...]
    settings: EditSettings
    started: float
    notes: tuple[str, ...]


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
    shifts = tuple(replace(shift, delta_w=vary(shift.delta_w, towards)) for shift in plan.shifts)
    return replace(plan, shifts=shifts, settings=replace(plan.settings, variation=number))


@torch.no_grad()
def blend(plan: Plan, callback: ProgressCallback | None) -> EditResult:
    """The picture of a plan, with its strengths; the callback may raise to cancel."""
    generator, parts = plan.generator, plan.settings.parts
    scaled = [
        (part.prompt, MaskedShift(part.strength * shift.delta_w, shift.masks))
        for part, shift in zip(parts, plan.shifts, strict=True)
    ]
    change: list[float] = []

    def observe(index: int, features: Tensor) -> None:
        before = plan.source.features[index]
        change.append(float((features - before).norm() / before.norm()))

    # sorted by prompt, so that the order in which a user gave them does not matter even to the last bit
    ordered = [shift for _, shift in sorted(scaled, key=lambda pair: pair[0])]
    hook = layer_hook(generator, 0.5, callback)
    image = compose(generator, plan.code, ordered, plan.source.image, hook, observe)
    masks = [union(same_layer) for same_layer in zip(*(shift.masks for shift in ordered), strict=True)]
    deltas = [shift.delta_w[0].cpu() for shift in plan.shifts]
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
        feature_change=tuple(change),
    )


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
