"""One measured edit of a face."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.evaluation.context import EvaluationContext
from mcaclip.evaluation.faces import Face
from mcaclip.evaluation.measures import HIT_SHARE, PARSE_SIZE, colour_moved, leak_outside, region_colour
from mcaclip.evaluation.requests import EvaluationCase, Subject
from mcaclip.evaluation.variants import Edited
from mcaclip.imaging.colour import lab_of
from mcaclip.imaging.metrics import ssim
from mcaclip.perception.regions import region

LEAST_PIXELS = 20
"""A part with fewer pixels at 256 px counts as invisible."""
SAME_COLOUR = 12.0
"""CIE76 distance below which two colours have the same name: then there is nothing to change."""


@dataclass(frozen=True)
class MeasuredEdit:
    """One face, one prompt, one variant. The fields are the keys of `rows.jsonl`.

    Attributes:
        face: its name.
        kind: "generated" or "photo".
        photo: sha256 of the photo, or empty.
        prompt: `Subject.title`.
        column: the variant, see `mcaclip.evaluation.variants`.
        hit: whether everything that the prompt asks for went at least half of the way. None where part of it cannot
            be measured, the face does not show the part, or showed all of it before the edit.
        moved: how far each part of the prompt that can be measured went: 1 is all the way, 0 is no change. See
            `colour_moved` and `Attribute.moved`.
        leak: mean absolute change outside what may change, 0..255; None where that area is unknown.
        ssim_background: structural similarity there at 256 px.
        identity: cosine of edit and source by the stack's identity network.
        score: cosine of picture and prompt by the stack's CLIP, edit minus source.
        area: share of the picture that the final mask opens.
        seconds: wall time of the edit.
        judge: cosine by an identity network that nothing is trained against (`independent_identity`), or None.
    """

    face: str
    kind: str
    photo: str
    prompt: str
    column: str
    hit: bool | None
    leak: float | None
    ssim_background: float | None
    identity: float
    score: float
    area: float
    seconds: float
    judge: float | None = None
    moved: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies a row."""
        return self.face, self.photo, self.prompt, self.column


@torch.no_grad()
def measure_edit(
    context: EvaluationContext, face: Face, subject: Subject, variant: str, edited: Edited
) -> MeasuredEdit:
    """All figures of an edit."""
    after = context.attribute_probe.measures(edited.image) if any(c.attribute for c in subject.requests) else {}
    moved = {
        case.words: value
        for case in subject.requests
        if (value := _moved(face, case, edited.image, after)) is not None
    }
    hit = all(value >= HIT_SHARE for value in moved.values()) if moved and subject.measurable else None
    allowed = subject.allowed(face.parsed)
    leak = background = None
    if allowed is not None:
        small = F.adaptive_avg_pool2d(edited.image[None], PARSE_SIZE)
        leak = round(leak_outside(face.picture, edited.image, allowed), 4)
        background = round(float(ssim(face.small, small, 1 - allowed)), 4)
    gain = float((context.image_embedding(edited.image) - face.embedding) @ context.text_embedding(subject.words))
    second = context.independent_identity
    return MeasuredEdit(
        face=face.name,
        kind=face.kind,
        photo=face.photo,
        prompt=subject.title,
        column=variant,
        hit=hit,
        leak=leak,
        ssim_background=background,
        identity=round(context.identity(edited.image, face.picture), 4),
        score=round(gain, 4),
        area=round(edited.area, 4),
        seconds=round(edited.seconds, 2),
        judge=round(float(second.similarity(edited.image[None], face.picture[None])), 4) if second else None,
        moved={name: round(value, 3) for name, value in moved.items()},
    )


def _moved(face: Face, case: EvaluationCase, edited: Tensor, after: dict[str, float]) -> float | None:
    """How far one part of a prompt went; None where it cannot be measured on this face.

    Args:
        after: the attribute measures of the edit.
    """
    if case.colour is not None:
        mask, colour = region(face.parsed, case.colour.part), lab_of(case.colour.colour)
        if mask.sum() < LEAST_PIXELS or (region_colour(face.picture, mask) - colour).norm() < SAME_COLOUR:
            return None
        return colour_moved(face.picture, edited, mask, colour)
    if case.attribute is None or not face.measures:
        return None
    before = case.attribute.value(face.measures)
    if before is None or case.attribute.there(before):
        return None
    # an edit that destroys the face is a miss
    shown = case.attribute.value(after)
    return 0.0 if shown is None else case.attribute.moved(before, shown)
