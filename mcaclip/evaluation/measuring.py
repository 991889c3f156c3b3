"""A face with what its edits are compared with, and one edit of it, measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.clip.clip_space import prompt_direction
from mcaclip.evaluation.attribute_probe import Witness
from mcaclip.evaluation.faces import FaceSource
from mcaclip.evaluation.measures import HIT_SHARE, PARSE_SIZE, colour_moved, leak_outside, region_colour, see_face
from mcaclip.evaluation.requests import Ask, Subject
from mcaclip.evaluation.variants import FULL_SIZE, Edited
from mcaclip.imaging.colour import lab_of
from mcaclip.imaging.metrics import ssim
from mcaclip.perception.base import Parser
from mcaclip.perception.judge import Judge
from mcaclip.perception.regions import region

if TYPE_CHECKING:
    from mcaclip.editor import FaceEditor

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
        judge: identity by a face net that nothing is trained against (see `perception.judge`), or None.
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


class Instruments:
    """Everything that measures.

    Args:
        editor: whose identity network, space of words and preview are used.
        parser: finds the regions of the source.
        judge: a second opinion on identity.
        witness: of attributes; loaded at its first use when it is None.
    """

    def __init__(
        self, editor: FaceEditor, parser: Parser, judge: Judge | None = None, witness: Witness | None = None
    ):
        self.editor, self.parser, self.judge, self._witness = editor, parser, judge, witness
        self._told = lru_cache(maxsize=256)(self._tell)

    @cached_property
    def witness(self) -> Witness:
        """The witness of attributes. Raises WeightsError."""
        return self._witness or Witness.load(self.editor.find_faces)

    @torch.no_grad()
    def look(self, picture: Tensor) -> Tensor:
        """A picture `[3, S, S]` in the space of words, `[D]`."""
        return self.editor.models.space.encode_image(picture[None].to(self.editor.device))[0].cpu()

    def told(self, words: str) -> Tensor:
        """The mean direction `[D]` of a prompt in all templates."""
        return self._told(words)

    @torch.no_grad()
    def _tell(self, words: str) -> Tensor:
        return prompt_direction(self.editor.models.space, words).cpu()

    @torch.no_grad()
    def identity(self, one: Tensor, other: Tensor) -> float:
        """Cosine of two pictures `[3, S, S]`."""
        pair = (picture[None].to(self.editor.device) for picture in (one, other))
        return float(self.editor.models.identity.similarity(*pair))


class Face:
    """One face with what all its edits are compared with, each computed at most once.

    Args:
        source: where it is from. Raises StudioError for a photo without a face.
        tools: what measures it.
        size: side of the edits, see `build_columns`.
    """

    def __init__(self, source: FaceSource, tools: Instruments, size: int):
        self.name, self.kind, self.photo = source.name, source.kind, source.photo
        self.inversion, self._tools, self._size = source.get(), tools, size

    @cached_property
    def _seen(self) -> tuple[Tensor, Tensor]:
        return see_face(self._tools.editor.models.preview, self._tools.parser, self.inversion.w_plus)

    @property
    def picture(self) -> Tensor:
        """The generator's picture of it at the size of the edits, `[3, S, S]` in [-1, 1]."""
        return self.inversion.reconstruction if self._size == FULL_SIZE else self._seen[0]

    @property
    def parsed(self) -> Tensor:
        """Class probabilities `[1, 19, 256, 256]`."""
        return self._seen[1]

    @cached_property
    def small(self) -> Tensor:
        """The picture at 256 px, `[1, 3, 256, 256]`."""
        return F.adaptive_avg_pool2d(self.picture[None], PARSE_SIZE)

    @cached_property
    def measures(self) -> dict[str, float]:
        """What the witness says of it; empty where no face was found."""
        return self._tools.witness.measures(self.picture)

    @cached_property
    def embedding(self) -> Tensor:
        """Its picture in the space of words, `[D]`."""
        return self._tools.look(self.picture)


@torch.no_grad()
def measure_edit(tools: Instruments, face: Face, subject: Subject, column: str, edited: Edited) -> Row:
    """All figures of an edit."""
    moved, hit = _moves(tools, face, subject, edited.image)
    allowed = subject.allowed(face.parsed)
    leak = background = None
    if allowed is not None:
        small = F.adaptive_avg_pool2d(edited.image[None], PARSE_SIZE)
        leak = round(leak_outside(face.picture, edited.image, allowed), 4)
        background = round(float(ssim(face.small, small, 1 - allowed)), 4)
    gain = float((tools.look(edited.image) - face.embedding) @ tools.told(subject.words))
    judged = tools.judge.similarity(edited.image[None], face.picture[None]) if tools.judge else None
    return Row(
        face=face.name,
        kind=face.kind,
        photo=face.photo,
        prompt=subject.title,
        column=column,
        hit=hit,
        leak=leak,
        ssim_background=background,
        identity=round(tools.identity(edited.image, face.picture), 4),
        score=round(gain, 4),
        area=round(edited.area, 4),
        seconds=round(edited.seconds, 2),
        judge=None if judged is None else round(float(judged), 4),
        moved={name: round(value, 3) for name, value in moved.items()},
    )


def _moves(tools: Instruments, face: Face, subject: Subject, edited: Tensor) -> tuple[dict[str, float], bool | None]:
    """How far each part went, and whether all that could be told went far enough."""
    after = tools.witness.measures(edited) if any(ask.attribute for ask in subject.asks) else {}
    moved: dict[str, float] = {}
    for ask in subject.asks:
        if (value := _moved(face, ask, edited, after)) is not None:
            moved[ask.words] = value
    if not moved or not subject.measurable:
        return moved, None
    return moved, all(value >= HIT_SHARE for value in moved.values())


def _moved(face: Face, ask: Ask, edited: Tensor, after: dict[str, float]) -> float | None:
    if ask.colour is not None:
        mask, colour = region(face.parsed, ask.colour.part), lab_of(ask.colour.colour)
        if mask.sum() < LEAST_PIXELS or (region_colour(face.picture, mask) - colour).norm() < SAME_COLOUR:
            return None
        return colour_moved(face.picture, edited, mask, colour)
    if ask.attribute is None or not face.measures:
        return None
    before = ask.attribute.value(face.measures)
    if ask.attribute.there(before):
        return None
    # an edit in which no face is found any more did not do what was asked
    return ask.attribute.moved(before, ask.attribute.value(after)) if after else 0.0
