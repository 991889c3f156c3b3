"""A face with what its edits are compared with, and one edit of it, measured."""

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
"""A part of fewer pixels at 256 px does not show."""
SAME_COLOUR = 12.0
"""CIE76 distance below which two colours go by one name: then there is nothing to change."""


@dataclass(frozen=True)
class Row:
    """One face, one prompt, one column.

    Attributes:
        face: its name.
        kind: "generated" or "photo".
        photo: sha256 of the photo, or empty.
        prompt: `Subject.title`.
        column: see `mcaclip.evaluation.variants`.
        hit: all that the prompt asks for went at least half of the way; None where no witness can tell: there is
            none for a part of the prompt, or the face does not show the part, or showed it all before the edit.
        moved: how far each part of the prompt went: 1 is there, 0 is where it was. See `colour_moved` and
            `Attribute.moved`. Parts that no witness can tell are left out.
        leak: mean absolute change outside what may change, 0..255; None where nobody knows what may.
        ssim_background: structural similarity there at 256 px.
        identity: cosine of edit and source by the stack's identity network.
        score: cosine of the picture to the prompt in the stack's space of words, edit minus source.
        area: share of the picture that the final mask opens.
        seconds: wall time of the edit.
        judge: identity by a face network that nothing is trained against (`independent_identity`), or None.
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
        """What tells rows apart."""
        return self.face, self.photo, self.prompt, self.column


@torch.no_grad()
def measure_edit(context: EvaluationContext, face: Face, subject: Subject, column: str, edited: Edited) -> Row:
    """All figures of an edit."""
    moved, hit = _moves(context, face, subject, edited.image)
    allowed = subject.allowed(face.parsed)
    leak = background = None
    if allowed is not None:
        small = F.adaptive_avg_pool2d(edited.image[None], PARSE_SIZE)
        leak = round(leak_outside(face.picture, edited.image, allowed), 4)
        background = round(float(ssim(face.small, small, 1 - allowed)), 4)
    gain = float((context.image_embedding(edited.image) - face.embedding) @ context.text_embedding(subject.words))
    judged = context.judge.similarity(edited.image[None], face.picture[None]) if context.judge else None
    return Row(
        face=face.name,
        kind=face.kind,
        photo=face.photo,
        prompt=subject.title,
        column=column,
        hit=hit,
        leak=leak,
        ssim_background=background,
        identity=round(context.identity(edited.image, face.picture), 4),
        score=round(gain, 4),
        area=round(edited.area, 4),
        seconds=round(edited.seconds, 2),
        judge=None if judged is None else round(float(judged), 4),
        moved={name: round(value, 3) for name, value in moved.items()},
    )


def _moves(
    context: EvaluationContext, face: Face, subject: Subject, edited: Tensor
) -> tuple[dict[str, float], bool | None]:
    """How far each part went, and whether all that could be told went far enough."""
    after = context.attribute_probe.measures(edited) if any(case.attribute for case in subject.requests) else {}
    moved: dict[str, float] = {}
    for case in subject.requests:
        if (value := _moved(face, case, edited, after)) is not None:
            moved[case.words] = value
    if not moved or not subject.measurable:
        return moved, None
    return moved, all(value >= HIT_SHARE for value in moved.values())


def _moved(face: Face, case: EvaluationCase, edited: Tensor, after: dict[str, float]) -> float | None:
    if case.colour is not None:
        mask, colour = region(face.parsed, case.colour.part), lab_of(case.colour.colour)
        if mask.sum() < LEAST_PIXELS or (region_colour(face.picture, mask) - colour).norm() < SAME_COLOUR:
            return None
        return colour_moved(face.picture, edited, mask, colour)
    if case.attribute is None or not face.measures:
        return None
    before = case.attribute.value(face.measures)
    if case.attribute.there(before):
        return None
    # an edit in which no face is found any more did not do what was asked
    return case.attribute.moved(before, case.attribute.value(after)) if after else 0.0
