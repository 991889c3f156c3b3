"""The table of retouches: where each acts, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from mcaclip.editing.photo_parts import PhotoParts
from mcaclip.editing.retouch import light, shape, skin, style
from mcaclip.nn.ops import resize_mask


class Retouch(NamedTuple):
    """How a wish is fulfilled on a picture.

    Attributes:
        where: from a picture's parts and a side to where it acts, `[1, 1, side, side]` in [0, 1]; None: everywhere.
        made: from a picture `[1, 3, S, S]` in [-1, 1], where it acts, `[1, 1, S, S]`, and the amount, above 0, to the
            retouched picture; what it gives where the mask is 0 does not matter.
    """

    where: Callable[[PhotoParts, int], Tensor] | None
    made: Callable[[Tensor, Tensor, float], Tensor]


def retouch_mask(words: str, parts: PhotoParts | None, like: Tensor) -> Tensor:
    """Where a retouch acts on a picture `[1, 3, S, S]`: `[1, 1, S, S]` in [0, 1], 0 if its parts are unknown."""
    where, side = RETOUCHES[words].where, like.shape[-1]
    if where is None:
        return like.new_ones(1, 1, side, side)
    return like.new_zeros(1, 1, side, side) if parts is None else where(parts, side)


def retouched(words: str, picture: Tensor, mask: Tensor, amount: float) -> Tensor:
    """A picture `[1, 3, S, S]` in [-1, 1] with a retouch; equal to it where the mask `[1, 1, s, s]` is 0."""
    if amount <= 0:
        return picture
    mask = resize_mask(mask, picture.shape[-1])
    return torch.where(mask > 0, RETOUCHES[words].made(picture, mask, amount), picture)


def _part(name: str) -> Callable[[PhotoParts, int], Tensor]:
    return lambda parts, side: parts.part(name, side)


RETOUCHES: Mapping[str, Retouch] = MappingProxyType(
    {
        "a big nose": Retouch(shape.around_nose, partial(shape.with_nose, growth=shape.BIG_NOSE)),
        "a small nose": Retouch(shape.around_nose, partial(shape.with_nose, growth=shape.SMALL_NOSE)),
        "no dark circles": Retouch(skin.under_eyes, skin.without_dark_circles),
        "even skin tone": Retouch(skin.bare, skin.evened),
        "matte skin": Retouch(skin.bare, skin.matte),
        "smooth skin": Retouch(_part("skin"), skin.smoothed),
        "freckles": Retouch(skin.freckled, skin.with_freckles),
        "eyeliner": Retouch(shape.eye_rims, shape.with_eyeliner),
        "bright eyes": Retouch(shape.inside_eyes, shape.with_bright_eyes),
        "lip gloss": Retouch(_part("lips"), shape.glossy),
        "blurred background": Retouch(_part("background"), light.blurred),
        "dark background": Retouch(_part("background"), partial(light.exposed, factor=light.DARK_BEHIND)),
        "bright background": Retouch(_part("background"), partial(light.exposed, factor=light.BRIGHT_BEHIND)),
        "sharp photo": Retouch(None, light.sharpened),
        "warm light": Retouch(None, partial(light.tinted, factors=light.WARM)),
        "cool light": Retouch(None, partial(light.tinted, factors=light.COOL)),
        "bright light": Retouch(None, partial(light.exposed, factor=light.BRIGHT)),
        "dim light": Retouch(None, partial(light.exposed, factor=light.DIM)),
        "more contrast": Retouch(None, light.with_contrast),
        "soft light": Retouch(None, light.softly_lit),
        "soft focus": Retouch(None, light.soft_focus),
        "vivid colours": Retouch(None, partial(light.coloured, factor=light.VIVID)),
        "muted colours": Retouch(None, partial(light.coloured, factor=light.MUTED)),
        "oil painting": Retouch(None, style.painted),
        "pencil drawing": Retouch(None, style.drawn),
        "black and white photo": Retouch(None, light.grey),
        "sepia photo": Retouch(None, light.sepia),
    }
)
"""By the words that ask for it, in the order in which several are done: shapes first, the picture's colour last."""
