"""What edits of a face start from, kept while the face is being edited."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from mcaclip.editing.network.coral import CoralMasks
from mcaclip.editing.network.prompted import ReadyEdit
from mcaclip.editing.photo_parts import LITTLE, PhotoParts
from mcaclip.editing.retouch import retouch_mask
from mcaclip.generators.base import Generator
from mcaclip.generators.compose import MaskedShift
from mcaclip.generators.residual import of_face
from mcaclip.generators.synthesis import Synthesis, layer_hook, synthesize
from mcaclip.perception.base import PhotoParser
from mcaclip.types import Inversion, ProgressCallback

Value = TypeVar("Value")
SHIFTS_KEPT = 12
"""Shifts of one face, more than one edit can have; at 1024 px each takes about 8 MB."""


class Learned(NamedTuple):
    """A shift of a face at strength 1, with its masks before any mask tool; for the rest see `Limited`."""

    shift: MaskedShift
    little: bool = False
    covered: bool = False
    own: Tensor | None = None
    gone: Tensor | None = None


@dataclass(frozen=True, eq=False)
class FaceSource:
    """A face as a generator makes it.

    Attributes:
        generator: with the face's residual.
        code: `[1, 18, 512]`.
        made: its picture and the features of all layers.
        photo: `[3, s, s]`, the aligned photo; None for a generated face.
        parts: of the photo or the picture, where they limit edits; else None.
        looks: what a network's mask nets saw of it; see `ReadyEdit.shift`.
        learned: the shifts of the prompts that it was edited with last, with their masks before any mask tool.
        lock: of `looks` and `learned`.
    """

    generator: Generator
    code: Tensor
    made: Synthesis
    photo: Tensor | None = None
    parts: PhotoParts | None = None
    looks: dict[CoralMasks, list[Tensor]] = field(default_factory=dict)
    learned: OrderedDict[tuple[object, ...], Learned] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def shift(self, prompted: ReadyEdit | None, words: str, opened: bool) -> Learned:
        """A network's shift of this face at strength 1, inside what this face allows; `opened`: without masks.

        Of a retouch, which has no network, nothing but the mask of the picture.
        """
        key = (prompted and prompted.key, words, opened)
        with self.lock:
            if key not in self.learned:
                self.learned[key] = self._learned(prompted, words, opened)
                if len(self.learned) > SHIFTS_KEPT:
                    self.learned.popitem(last=False)
            self.learned.move_to_end(key)
            return self.learned[key]

    def _learned(self, prompted: ReadyEdit | None, words: str, opened: bool) -> Learned:
        if prompted is None:
            mask = retouch_mask(words, self.parts, self.made.image)
            closed = [mask.new_zeros(1, 1, spec.size, spec.size) for spec in self.generator.layers]
            shift = MaskedShift(torch.zeros_like(self.code), [*closed, mask])
            return Learned(shift, little=float(mask.mean()) < LITTLE)
        shift = prompted.shift(self.generator, self.code, self.made, opened, self.looks)
        if not shift.masks or self.parts is None or not prompted.own_masks or opened:
            return Learned(shift)
        masks, little, covered, own, gone = self.parts.limited(shift.masks, words, self.generator.image_size)
        return Learned(replace(shift, masks=masks), little, covered, own, gone)


@torch.no_grad()
def source_of(
    generator: Generator,
    face: Inversion,
    parser: PhotoParser | None = None,
    callback: ProgressCallback | None = None,
) -> FaceSource:
    """Make the picture that edits of a face start from.

    Args:
        parser: finds the parts of the picture, which then limit the masks; None leaves those as learned.
        callback: told of the first half of the progress; may raise to cancel.

    Raises:
        StudioError: the face has the residual of another generator.
    """
    device = generator.w_avg.device
    generator, code = of_face(generator, face.residual), face.w_plus[None].to(device)
    made = synthesize(generator, code, range(len(generator.layers)), layer_hook(generator, 0.0, callback))
    picture = made.image[0].clamp(-1, 1) if face.photo is None else face.photo.to(device)
    parts = None if parser is None else PhotoParts.of(parser, picture)
    return FaceSource(generator, code, made, face.photo, parts)


class FaceCache(Generic[Value]):
    """Values computed for the faces that were edited last; none outlives its face.

    Args:
        most: faces that are kept. At 1024 px the source of one takes about 390 MB.
    """

    def __init__(self, most: int = 2):
        self._most = most
        self._lock = threading.RLock()  # a face may be collected while the lock is held
        self._kept: OrderedDict[int, tuple[weakref.ref[Inversion], Value]] = OrderedDict()

    def get(self, face: Inversion, make: Callable[[], Value]) -> Value:
        """The value of a face, made at first. If two threads ask at once, both compute it."""
        key = id(face)
        with self._lock:
            known = self._kept.get(key)
            if known is not None and known[0]() is face:
                self._kept.move_to_end(key)
                return known[1]
        value, cache = make(), weakref.ref(self)

        def forget(gone: weakref.ref[Inversion]) -> None:
            if (alive := cache()) is not None:
                alive._forget(key, gone)

        with self._lock:
            self._kept[key] = (weakref.ref(face, forget), value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._kept)

    def _forget(self, key: int, gone: weakref.ref[Inversion]) -> None:
        with self._lock:
            if key in self._kept and self._kept[key][0] is gone:
                del self._kept[key]
