"""What is measured of an edit of a face, for every table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

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


class Measurement:
    """An edit of a face beside the face, and the figures that several tables have.

    Attributes:
        small: the edit at 256 px, `[1, 3, 256, 256]`.
        allowed: where the edit may change the face, `[1, 1, 256, 256]`; None where that is unknown.
        leak: mean absolute change elsewhere, 0..255, or None.
        ssim_background: structural similarity elsewhere, or None.
        identity: cosine of edit and source by the stack's identity network.
        independent_identity: the same by a network that nothing is trained against, or None.
    """

    @torch.no_grad()
    def __init__(self, face: Face, subject: Subject, edited: Edited):
        self.face, self.subject, self.edited, self.context = face, subject, edited, face.context
        source, image, judge = face.picture, edited.image, face.context.independent_identity
        self.small = F.adaptive_avg_pool2d(image[None], PARSE_SIZE)
        self.allowed = subject.allowed(face.parsed)
        self.leak = self.ssim_background = None
        if self.allowed is not None:
            self.leak = leak_outside(source, image, self.allowed)
            self.ssim_background = float(ssim(face.small, self.small, 1 - self.allowed))
        self.identity = self.context.identity(image, source)
        self.independent_identity = float(judge.similarity(image[None], source[None])) if judge else None

    @property
    def embedding(self) -> Tensor:
        """CLIP embedding of the edit, `[D]`."""
        return self.context.image_embedding(self.edited.image)

    @property
    def words(self) -> Tensor:
        """CLIP embedding of the prompt, `[D]`."""
        return self.context.text_embedding(self.subject.words)

    def colour_moved(self) -> float | None:
        """How far the colour of a prompt of one part went, also on a face that shows it already; else None."""
        (case,) = self.subject.requests
        if case.colour is None:
            return None
        mask = region(self.face.parsed, case.colour.part)
        return colour_moved(self.face.picture, self.edited.image, mask, lab_of(case.colour.colour))

    def moved(self) -> dict[str, float]:
        """How far each part of the prompt went that can be measured and was not there before: 1 is all the way."""
        cases = self.subject.requests
        probed = any(case.attribute for case in cases)
        after = self.context.attribute_probe.measures(self.edited.image) if probed else {}
        found = {case.words: self._moved(case, after) for case in cases}
        return {words: value for words, value in found.items() if value is not None}

    def _moved(self, case: EvaluationCase, after: dict[str, float]) -> float | None:
        """How far one part of a prompt went; None where it cannot be measured on this face.

        Args:
            after: the attribute measures of the edit.
        """
        face = self.face
        if case.colour is not None:
            mask, colour = region(face.parsed, case.colour.part), lab_of(case.colour.colour)
            if mask.sum() < LEAST_PIXELS or (region_colour(face.picture, mask) - colour).norm() < SAME_COLOUR:
                return None
            return colour_moved(face.picture, self.edited.image, mask, colour)
        if case.attribute is None or not face.measures:
            return None
        before = case.attribute.value(face.measures)
        if before is None or case.attribute.there(before):
            return None
        # an edit that destroys the face is a miss
        shown = case.attribute.value(after)
        return 0.0 if shown is None else case.attribute.moved(before, shown)


def rounded(value: float | None, digits: int) -> float | None:
    """A figure for a row; None where it is not known."""
    return None if value is None or math.isnan(value) else round(value, digits)


@dataclass(frozen=True)
class MeasuredRow:
    """A row of any table: one face, one prompt, one variant. The fields are the keys of `rows.jsonl`."""

    @property
    def key(self) -> tuple[str, ...]:
        """What identifies a row: the variant, and then the edit of a face."""
        raise NotImplementedError


Row = TypeVar("Row", bound=MeasuredRow)


def in_common(rows: Sequence[Row]) -> list[Row]:
    """The rows of edits that every variant with any rows has made, so that variants can be compared."""
    made = [{row.key[1:] for row in rows if row.key[0] == variant} for variant in {row.key[0] for row in rows}]
    return [row for row in rows if all(row.key[1:] in edits for edits in made)]


@dataclass(frozen=True)
class MeasuredEdit(MeasuredRow):
    """A row of the figures of the studio's own edits.

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
    def key(self) -> tuple[str, ...]:
        """See `MeasuredRow.key`."""
        return self.column, self.face, self.photo, self.prompt

    @classmethod
    @torch.no_grad()
    def of(cls, measured: Measurement, variant: str) -> MeasuredEdit:
        """The row of an edit."""
        face, subject, moved = measured.face, measured.subject, measured.moved()
        counts = moved and subject.measurable
        return cls(
            face=face.name,
            kind=face.kind,
            photo=face.photo,
            prompt=subject.title,
            column=variant,
            hit=all(value >= HIT_SHARE for value in moved.values()) if counts else None,
            leak=rounded(measured.leak, 4),
            ssim_background=rounded(measured.ssim_background, 4),
            identity=round(measured.identity, 4),
            score=round(float((measured.embedding - face.embedding) @ measured.words), 4),
            area=round(measured.edited.area, 4),
            seconds=round(measured.edited.seconds, 2),
            judge=rounded(measured.independent_identity, 4),
            moved={name: round(value, 3) for name, value in moved.items()},
        )
