"""Measures, with an independent network, whether edits keep the person, and the photo outside the masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from mcaclip.editor import FaceEditor
from mcaclip.perception.independent_identity import IndependentIdentity
from mcaclip.types import EditSettings, Inversion, to_uint8

PROMPTS = ("purple hair", "red eyes", "green lipstick", "blue goatee", "smiling", "an old face")
"""Colours, then attributes."""


@torch.no_grad()
def edits_of_photo(editor: FaceEditor, judge: IndependentIdentity, face: Inversion) -> dict[str, list[float]]:
    """For every prompt: identity of the result to the photo, and the largest difference outside the mask, of 255."""
    assert face.photo is not None
    found, before = {}, to_uint8(face.photo).astype(int)
    for prompt in PROMPTS:
        result = editor.edit(face, EditSettings(prompt))
        outside = (result.combined_mask[0] == 0).numpy()
        change = np.abs(to_uint8(result.image).astype(int) - before).max(2)
        alike = float(judge.similarity(result.image[None], face.photo[None]))
        found[prompt] = [round(alike, 4), float(change[outside].max(initial=0))]
    return found


def photo_summary(rows: Sequence[Mapping]) -> dict[str, float]:
    """Mean and lowest identity to the photo by prompt, and the largest difference outside any mask."""
    edited = [row["photo_edits"] for row in rows if "photo_edits" in row]
    if not edited:
        return {}
    summary: dict[str, float] = {"outside_masks": max(values[1] for row in edited for values in row.values())}
    for prompt in edited[0]:
        alike = [row[prompt][0] for row in edited]
        summary |= {f"{prompt}, identity": float(np.mean(alike)), f"{prompt}, lowest": min(alike)}
    return summary
