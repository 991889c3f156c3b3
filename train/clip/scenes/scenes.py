"""Scenes of labelled faces, and their painted pictures.

Four scenes of each face go into a batch together as hard negatives: they differ in a colour, a part, a finish, or in
which of two parts has which colour, so only the right word in the right place tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from mcaclip.imaging.colour import lab_values
from mcaclip.language.colours import COLOURS
from train.clip.scenes.draw import draw_paints
from train.clip.scenes.paint import paint_character, paint_part, paint_pattern
from train.clip.scenes.part_masks import FaceMap, measured_states, part_mask
from train.clip.scenes.types import FACIAL_HAIR_PARTS, PARTS, SAME, Lab, PartColour, Scene, target_lab
from train.parser.pseudo_labels import LabelledFaces

CAME_OUT = 25.0
"""CIE76 distance of a painted part's mean from its colour above which the part is painted again, opaquely."""
NEARER = 5.0
"""How much nearer to another everyday colour the mean may be than to its own: thin white paint looks silver."""
NATURAL = ("hair", "brows", "eyes", "lips", "skin", "cheeks", "teeth", "ears", "background", "clothes")
ORDER = ("background", "clothes", "skin", "ears", "cheeks", "beard", "goatee", "moustache", "lips", "teeth", "eyes",
         "brows", "hair")  # fmt: skip
REMEMBERED = 4096
"""Faces of which parts and natural colours are remembered."""


class _FaceFacts(NamedTuple):
    """The parts that a face shows, its states, and the mean colours of its parts."""

    shown: tuple[str, ...]
    states: tuple[int, ...]
    natural: tuple[tuple[str, Lab], ...]


class SceneSet:
    """Draws and paints scenes of labelled faces.

    Args:
        faces: the pool; memory-mapped arrays are read face by face.
        size: side of the pictures.
    """

    def __init__(self, faces: LabelledFaces, size: int = 192):
        self.faces = faces
        self.size = size
        self._facts = lru_cache(REMEMBERED)(self._measure_face)

    def scene(self, face: int, paints: Sequence[PartColour] = (), character: str = "") -> Scene:
        """A scene of a face that is painted as given, with what is known of the face."""
        facts = self._facts(face)
        painted = {paint.part for paint in paints if not paint.pattern}
        hidden = painted | (FACIAL_HAIR_PARTS if painted & FACIAL_HAIR_PARTS else frozenset())
        left = tuple((part, lab) for part, lab in facts.natural if part not in hidden)
        return Scene(face, tuple(paints), facts.states, character, left)

    def shown_parts(self, face: int) -> tuple[str, ...]:
        """The parts that a face shows well enough to be painted."""
        return self._facts(face).shown

    def draw(self, face: int, rng: np.random.Generator) -> list[Scene]:
        """Four scenes of one face, hard negatives for each other."""
        return [self.scene(face, paints, character) for paints, character in draw_paints(self.shown_parts(face), rng)]

    def render(self, scene: Scene, rng: np.random.Generator) -> Tensor:
        """The picture `[3, size, size]` in [-1, 1] that a scene describes; parts that do not show stay unpainted."""
        face = self._map(scene.face)
        lab = self._paint(face, scene, frozenset(), rng)
        rgb, failed = self._check(face, lab, scene)
        if failed:
            rgb, _ = self._check(face, self._paint(face, scene, failed, rng), scene)
        return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))) * 2 - 1

    def part_mask(self, face: int, part: str) -> Tensor | None:
        """Where a part is, `[1, size, size]` in [0, 1]; None where the face does not show it."""
        mask = part_mask(self._map(face), part)
        return None if mask is None else torch.from_numpy(mask)[None]

    def measure(self, picture: Tensor, face: int, part: str) -> Lab | None:
        """Mean Lab of a part in a picture `[3, size, size]` of a face, by the face's labels; None if not shown."""
        rgb = ((picture + 1) / 2).permute(1, 2, 0).contiguous().numpy()
        return mean_lab(self._map(face), rgb, part)

    def _map(self, face: int) -> FaceMap:
        picture = np.ascontiguousarray(self.faces.images[face].transpose(1, 2, 0))
        small = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
        return FaceMap(np.ascontiguousarray(self.faces.labels[face]), lab)

    def _paint(self, face: FaceMap, scene: Scene, full: frozenset[str], rng: np.random.Generator) -> np.ndarray:
        lab = face.lab.copy()
        parts = sorted((p for p in scene.paints if not p.pattern), key=lambda p: ORDER.index(p.part))
        for paint in parts:
            paint_part(face, lab, paint, rng, paint.part in full)
        for paint in scene.paints:
            if paint.pattern:
                paint_pattern(face, lab, paint, rng)
        if scene.character:
            paint_character(face, lab, scene.character, rng)
        return lab

    def _check(self, face: FaceMap, lab: np.ndarray, scene: Scene) -> tuple[np.ndarray, frozenset[str]]:
        """The picture in RGB 0..1, and the painted parts whose colour did not come out."""
        rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB).clip(0, 1)
        failed = set()
        for paint in scene.paints:
            wanted = target_lab(paint)
            if paint.pattern or wanted is None:
                continue
            shown = mean_lab(face, rgb, paint.part)
            if shown is not None and not came_out(shown, wanted):
                failed.add(paint.part)
        return rgb, frozenset(failed)

    def _measure_face(self, face: int) -> _FaceFacts:
        found = self._map(face)
        shown = tuple(part for part in PARTS if part_mask(found, part) is not None)
        states = (*(int(s) for s in self.faces.states[face]), *measured_states(found))
        rgb = cv2.cvtColor(found.lab, cv2.COLOR_Lab2RGB)
        means = ((part, mean_lab(found, rgb, part)) for part in NATURAL if part in shown)
        return _FaceFacts(shown, states, tuple((part, lab) for part, lab in means if lab is not None))


def came_out(shown: Lab, wanted: Lab) -> bool:
    """Whether a part whose mean colour is `shown` may be called by the name of the colour `wanted`."""
    off = math.dist(shown, wanted)
    others = (lab for lab in map(lab_values, COLOURS) if math.dist(lab, wanted) > SAME)
    return off <= CAME_OUT and all(math.dist(shown, other) + NEARER >= off for other in others)


def mean_lab(face: FaceMap, rgb: np.ndarray, part: str) -> Lab | None:
    """Mean Lab over the core of a part in a picture `[S, S, 3]`, 0..1; None where the part does not show."""
    mask = part_mask(face, part)
    if mask is None:
        return None
    core = mask > 0.6 * float(mask.max())
    lightness, a, b = cv2.cvtColor(rgb[core][None], cv2.COLOR_RGB2Lab)[0].mean(0).tolist()
    return lightness, a, b
