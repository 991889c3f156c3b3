"""Painted examples of a prompt: pictures of what it asks for, which the fit approaches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mcaclip.generators.base import Generator
from mcaclip.imaging.colour import lab_of
from mcaclip.language.grammar import Meaning
from train.common.painting import grow_beard, paint

COVER: Mapping[str, float] = {
    "lips": 0.85, "hair": 0.7, "goatee": 0.7, "brows": 0.7, "eyes": 0.5, "skin": 0.5, "cheeks": 0.4,
    "background": 0.9,
}  # fmt: skip
"""How opaque the paint is; make-up covers more than dye."""
FACIAL_HAIR = frozenset({"goatee", "beard", "moustache"})
"""Parts that are grown before they are painted."""


@torch.no_grad()
def paint_exemplar(
    generator: Generator, code: Tensor, source: Tensor, part: Tensor, meaning: Meaning, beard: Tensor | None
) -> Tensor:
    """One face `[1, 3, S, S]` as the prompt describes it; `part [1, 1, S, S]` is the named region."""
    picture = source
    if meaning.part == "goatee" and beard is not None:
        picture = grow_beard(generator, code, source, part, beard)
    cover = COVER.get(meaning.part, 0.7)
    return paint(picture[0].clamp(-1, 1), part[0], lab_of(meaning.colour).to(source), 1.0, cover)[None]
