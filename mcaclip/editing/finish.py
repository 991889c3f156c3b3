"""From the generator's picture of an edit to the edit that a person gets.

`carried_over` puts an edit on the photo and nothing else; the methods of the family, and figures of networks, end
there. The studio's own edits go through `blend` and `moving`, which also dye and take things away, on photos and on
generated faces alike.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mcaclip.editing.dye import LIFTED_ALONE, Dye, apply, reach
from mcaclip.editing.mask_tools import paint_mask
from mcaclip.editing.photo_blend import carry_over, taken_away
from mcaclip.editing.photo_parts import WHOLE, PhotoParts, Surroundings
from mcaclip.editing.render import Picture, PreparedEdit, PreparedShift, draw, kept_share
from mcaclip.editing.retouch import RETOUCHES, retouched
from mcaclip.generators.base import Generator, Window
from mcaclip.language.colours import srgb_of
from mcaclip.language.grammar import understand
from mcaclip.nn.ops import resize_mask
from mcaclip.types import EditResult, EditSettings, MovingEdit, ProgressCallback

OBSERVED_SIDE = 128
"""How much features change is read off a grid of this many places per side."""
NEW_SHAPE_SHARE = 0.2
"""Share of the residual that an edit drops at likeness 0 from which it moves shapes: colours drop a twentieth."""


def carried_over(prepared: PreparedEdit, drawn: Picture) -> Picture:
    """The edit on the photo; of a generated face the generator's picture."""
    if prepared.face.photo is None:
        return drawn
    mask = drawn.masks[-1] if drawn.masks else None
    around = _surroundings(prepared, drawn)
    image = carry_over(prepared.face.photo, drawn.source.image, drawn.image, mask, around)
    return replace(drawn, image=image, generated=drawn.image)


def finished(prepared: PreparedEdit, drawn: Picture) -> Picture:
    """The edit on the face, with dyes, without what it takes away, and retouched."""
    made = _dyed_and_freed(prepared, drawn)
    wanted = {one.share.ingredient.words: one for one in prepared.shifts if one.retouch}
    image = made.image
    for words in (words for words in RETOUCHES if words in wanted):
        one = wanted[words]
        image = retouched(words, image.clamp(-1, 1), one.shift.masks[-1], prepared.amount(one))
    return replace(made, image=image, generated=drawn.image) if wanted else made


def _dyed_and_freed(prepared: PreparedEdit, drawn: Picture) -> Picture:
    """The edit on the face, with dyes, and without what it takes away."""
    face, source = prepared.face, drawn.source.image
    if face.parts is None or not drawn.masks or prepared.open:
        return carried_over(prepared, drawn)
    photo = source[0].clamp(-1, 1) if face.photo is None else face.photo
    around, dyes = _surroundings(prepared, drawn), _dyes(prepared)
    if around is not None and around.bared is not None:  # hair that is dyed stays where it is
        hair = reach([dye for dye in dyes if dye.firm], around.bared.shape[-1])
        around = around._replace(bared=around.bared * (1 - hair))
    image = carry_over(photo, source, drawn.image, drawn.masks[-1], around, dyes, _moves_shapes(drawn))
    for one in prepared.shifts:
        if one.gone is not None:
            open_ = resize_mask(one.shift.masks[-1], one.gone.shape[-1])
            gone = min(1.0, prepared.amount(one)) * one.gone * open_
            if around is not None and around.shown is not None:  # the photo's own background is there already
                gone = gone * (1 - resize_mask(around.shown, gone.shape[-1]))
            image = taken_away(image, photo, drawn.image, gone, face.parts.skin)
    if later := [one for one in prepared.ranked if prepared.dyed_later(one) and prepared.amount(one) > 0]:
        image = _dyed_later(image, face.parts, [_dye(prepared, one) for one in later], prepared.settings)
    return replace(drawn, image=image, generated=drawn.image)


def _dyed_later(image: Tensor, parts: PhotoParts, dyes: Sequence[Dye], settings: EditSettings) -> Tensor:
    """A picture whose hair has another shape than the photo's, dyed where its own parts are."""
    image = image.clamp(-1, 1)
    moved = PhotoParts.of(parts.parser, image[0])
    for dye in dyes:
        mask = moved.whole(dye.part, image.shape[-1])
        mask = mask if settings.paint is None else paint_mask(mask, settings.paint)
        image = apply(replace(dye, mask=mask, lifted=LIFTED_ALONE), image, image, image, image, None)
    return image


def _dyes(prepared: PreparedEdit) -> list[Dye]:
    """The colours that an edit gives to parts that are there, and where the photo has them."""
    dyed = [one for one in prepared.shifts if one.own is not None and not prepared.dyed_later(one)]
    return [_dye(prepared, one) for one in dyed if understand(one.share.ingredient.words)]


def _dye(prepared: PreparedEdit, one: PreparedShift) -> Dye:
    """The colour of a shift that has a part of its own."""
    meaning, mask = understand(one.share.ingredient.words), one.shift.masks[-1]
    assert meaning is not None and one.own is not None
    where, amount = mask * resize_mask(one.own, mask.shape[-1]), min(1.0, prepared.amount(one))
    return Dye(where, srgb_of(meaning.colour), amount, meaning.part in WHOLE, meaning.part)


def _moves_shapes(drawn: Picture) -> bool:
    """Whether an edit draws other shapes, and not only other colours."""
    return any(kept_share(shift.delta_w, 0.0) < 1 - NEW_SHAPE_SHARE for shift in drawn.shifts)


def _surroundings(prepared: PreparedEdit, drawn: Picture) -> Surroundings | None:
    """Where the photo's surroundings stay, but for what the user opened; None: nowhere."""
    settings, parts = prepared.settings, prepared.face.parts
    if parts is None or not drawn.masks or prepared.open:
        return None
    prompts = [part.prompt for part in settings.parts]
    around = parts.surroundings(drawn.image, drawn.masks[-1], prompts, _moves_shapes(drawn))
    if around is not None and settings.paint is not None and settings.paint.include is not None:
        opened = resize_mask(settings.paint.include[None].to(around.still), around.still.shape[-1])
        around = around._replace(still=around.still * (1 - opened))
    return around


@torch.no_grad()
def moving(prepared: PreparedEdit) -> MovingEdit:
    """The edit of a face and its mask, while a control moves."""
    picture = finished(prepared, draw(prepared))
    mask = resize_mask(prepared.masks[-1], prepared.face.generator.image_size)
    return MovingEdit(picture.image[0].clamp(-1, 1).cpu(), mask[0].cpu())


@torch.no_grad()
def blend(prepared: PreparedEdit, callback: ProgressCallback | None = None) -> EditResult:
    """The edit of a face with everything about it.

    Args:
        callback: see `draw`.
    """
    generator = prepared.face.generator
    moved, size = [0.0] * len(generator.layers), [0.0] * len(generator.layers)

    def observe(index: int, features: Tensor, window: Window | None) -> None:
        before = prepared.face.made.features[index]
        here = before if window is None else before[:, :, window[0], window[1]]
        step = max(1, generator.layers[index].size // OBSERVED_SIDE)
        features, here = features[:, :, ::step, ::step], here[:, :, ::step, ::step]
        moved[index] += float(torch.linalg.vector_norm(features - here)) ** 2
        size[index] += float(torch.linalg.vector_norm(here)) ** 2

    picture = finished(prepared, draw(prepared, callback, observe))
    masks, numbers = prepared.masks, range(len(prepared.settings.parts))
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
