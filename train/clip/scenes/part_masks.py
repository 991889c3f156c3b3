"""Soft masks of the parts of a labelled face, and the states that its label areas show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from train.parser.pseudo_labels import LABELS

EDGE = 0.8
"""Softness of a mask's edge: the blur's standard deviation in pixels at 192 px."""
SKIN = ("skin", "beard", "moustache", "goatee")
CLASSES_OF = {
    "hair": ("hair",),
    "brows": ("l_brow", "r_brow"),
    "lips": ("u_lip", "l_lip"),
    "skin": ("skin", "nose", "l_ear", "r_ear", "neck"),
    "ears": ("l_ear", "r_ear"),
    "background": ("background",),
    "clothes": ("cloth",),
}
MOST_OF_THE_PIECE = 0.12
NOT_WHITE = 16.0
"""Units of L above an iris from which a pixel is the white of the eye."""
Mask = np.ndarray


@dataclass(frozen=True)
class Box:
    """Rows and columns of a class, ends included, in pixels of the map."""

    top: float
    bottom: float
    left: float
    right: float

    @property
    def middle(self) -> float:
        """The middle column."""
        return (self.left + self.right) / 2

    @property
    def width(self) -> float:
        """Columns from end to end."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Rows from end to end."""
        return self.bottom - self.top


class FaceMap:
    """Masks `float32 [size, size]` of one face.

    Args:
        labels: `uint8 [256, 256]`, numbers of `LABELS`.
        lab: the picture in Lab, `float32 [size, size, 3]`.
    """

    def __init__(self, labels: np.ndarray, lab: np.ndarray):
        self.labels = _with_jaw_hair(labels)
        self.lab = lab
        self.size = lab.shape[0]
        axis = np.arange(self.size, dtype=np.float32)
        self.y, self.x = axis[:, None], axis[None]
        self.masks: dict[str, Mask | None] = {}

    def classes(self, *names: str, edge: float = EDGE) -> Mask:
        """Soft mask of the named labels together."""
        small = cv2.resize(self._where(names, 255), (self.size, self.size), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), edge * self.size / 192)
        return small.astype(np.float32) / 255

    def share(self, *names: str) -> float:
        """Share of the picture that the named labels cover."""
        return float(sum(self._counts[LABELS.index(name)] for name in names)) / self.labels.size

    def box(self, *names: str) -> Box | None:
        """Where the named labels are; None where there is next to nothing of them."""
        found = self._where(names, 1)
        rows, columns = (cv2.reduce(found, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() for axis in (1, 0))
        if rows.sum() < 12:
            return None
        y, x = (np.flatnonzero(sums > MOST_OF_THE_PIECE * sums.max()) for sums in (rows, columns))
        scale = self.size / self.labels.shape[0]
        return Box(scale * y[0], scale * (y[-1] + 1), scale * x[0], scale * (x[-1] + 1))

    def _where(self, names: Sequence[str], value: int) -> np.ndarray:
        """`uint8 [256, 256]`: `value` where one of the labels is, else 0."""
        table = np.zeros(256, np.uint8)
        table[[LABELS.index(name) for name in names]] = value
        return cv2.LUT(self.labels, table)

    @cached_property
    def _counts(self) -> np.ndarray:
        return np.bincount(self.labels.ravel(), minlength=len(LABELS))

    @cached_property
    def mouth(self) -> Box | None:
        """Both lips and what is between them."""
        return self.box("u_lip", "l_lip", "mouth")

    @cached_property
    def nose(self) -> Box | None:
        """The nose."""
        return self.box("nose")

    @cached_property
    def eyes(self) -> tuple[Box, ...]:
        """The eyes that show, with a sensible shape."""
        found = (self.box("l_eye"), self.box("r_eye"))
        return tuple(box for box in found if box and box.width > 0.035 * self.size and box.height < 1.2 * box.width)

    @cached_property
    def below_eyes(self) -> tuple[Box, ...]:
        """The eyes; where they are shut or behind glasses, boxes of their size below the brows."""
        if len(self.eyes) == 2 or self.nose is None:
            return self.eyes
        found = list(self.eyes)
        for side in ("l_brow", "r_brow"):
            brow = self.box(side)
            if brow and not any(abs(eye.middle - brow.middle) < brow.width for eye in self.eyes):
                top, inset = brow.bottom + 0.04 * self.size, 0.15 * brow.width
                found.append(Box(top, top + 0.04 * self.size, brow.left + inset, brow.right - inset))
        return tuple(found)

    @cached_property
    def face_skin(self) -> Mask:
        """Skin and the facial hair on it."""
        return self.classes(*SKIN)

    @cached_property
    def hairiness(self) -> Mask:
        """Facial hair of any kind."""
        return self.classes("beard", "moustache", "goatee")


def _with_jaw_hair(labels: np.ndarray) -> np.ndarray:
    """Relabels hair below the mouth of a bearded face as beard, because parsers run hair and beard together."""
    hairy = np.isin(labels, [LABELS.index(name) for name in ("beard", "moustache", "goatee")])
    rows, columns = np.nonzero(np.isin(labels, [LABELS.index(name) for name in ("u_lip", "l_lip")]))
    if hairy.mean() < 0.003 or len(rows) == 0:
        return labels
    top, middle, reach = rows.min() - 10, int(columns.mean()), min(max(1.6 * np.ptp(columns), 20), 48)
    near = slice(max(int(middle - reach), 0), int(middle + reach))
    out = labels.copy()
    out[top:, near][labels[top:, near] == LABELS.index("hair")] = LABELS.index("beard")
    return out


def _step(values: np.ndarray, width: float) -> np.ndarray:
    """0 to 1 over `width` around 0."""
    return np.clip(values / width + 0.5, 0, 1).astype(np.float32)


def goatee(face: FaceMap) -> Mask | None:
    """Skin below the lower lip, narrower and round towards the chin."""
    if face.mouth is None:
        return None
    mouth, width = face.mouth, max(face.mouth.width, 8.0)
    first = int(mouth.bottom + 0.1 * width)
    column = face.face_skin[first : int(mouth.bottom + 0.95 * width), min(int(mouth.middle), face.size - 1)]
    length = 0.1 * width + max(float((column > 0.5).sum()), 0.25 * width)
    depth = np.clip((face.y - mouth.bottom) / length, 0, 1)
    half = width * (0.46 - 0.06 * depth) * np.sqrt(1 - (0.94 * depth) ** 4)
    beside = _step(half - np.abs(face.x - mouth.middle), 0.12 * width)
    below = _step(face.y - mouth.bottom - 0.04 * width, 0.08 * width)
    above = _step(mouth.bottom + length - face.y, 0.1 * width)
    return face.face_skin * beside * below * above


def moustache(face: FaceMap) -> Mask | None:
    """Skin between the nose and the upper lip, falling off towards the corners of the mouth."""
    if face.mouth is None or face.nose is None:
        return None
    mouth, width = face.mouth, max(face.mouth.width, 8.0)
    across = np.abs(face.x - mouth.middle) / (0.66 * width)
    gap = max(mouth.top + 0.25 * mouth.height - face.nose.bottom, 0.1 * width)
    top = face.nose.bottom - 0.02 * width + gap * across**2
    bottom = mouth.top + 0.45 * mouth.height + 0.12 * width * across**3
    inside = _step(face.y - top, 0.08 * width) * _step(bottom - face.y, 0.08 * width)
    return face.face_skin * inside * _step(1 - across, 0.2)


def beard(face: FaceMap) -> Mask | None:
    """The chin and the band of the jaw up to the ears."""
    if face.mouth is None or face.nose is None:
        return None
    mouth, width = face.mouth, max(face.mouth.width, 8.0)
    away = np.abs(face.x - mouth.middle) / width
    rise = np.clip((away - 0.5) / 0.6, 0, 1)
    edge = mouth.bottom + 0.05 * width - rise * (mouth.bottom - face.nose.bottom + 0.3 * width)
    below = _step(face.y - edge, 0.1 * width)
    throat = _step(mouth.bottom + 1.15 * width - face.y, 0.1 * width)
    return face.face_skin * below * throat * _step(1.7 - away, 0.2)


def cheeks(face: FaceMap) -> Mask | None:
    """Two soft ellipses below the eyes."""
    eyes = face.below_eyes
    if face.mouth is None or face.nose is None or not eyes:
        return None
    bottom = max(eye.bottom for eye in eyes)
    row = bottom + 0.75 * max(face.nose.bottom - bottom, 4.0)
    out = np.zeros((face.size, face.size), np.float32)
    for eye in eyes:
        outward = np.sign(eye.middle - face.nose.middle)
        column = eye.middle + 0.25 * eye.width * outward
        width = float(np.clip(eye.width, 0.07 * face.size, 0.12 * face.size))
        r2 = ((face.x - column) / (0.95 * width)) ** 2 + ((face.y - row) / (0.68 * width)) ** 2
        out = np.maximum(out, np.clip(1.5 * np.exp(-1.2 * r2**1.5) - 0.08, 0, 1))
    return out * face.classes("skin")


def irises(face: FaceMap) -> Mask | None:
    """A disc in each eye, around what is dark in it."""
    if not face.eyes:
        return None
    mask, out = face.classes("l_eye", "r_eye", edge=0.5), np.zeros((face.size, face.size), np.float32)
    for eye in face.eyes:
        rows = slice(int(eye.top), int(eye.bottom) + 1)
        columns = slice(int(eye.left), int(eye.right) + 1)
        inside = mask[rows, columns]
        light = cv2.GaussianBlur(np.ascontiguousarray(face.lab[rows, columns, 0]), (0, 0), 1.0)
        away = (face.x[:, columns] - eye.middle) / (0.5 * eye.width)
        dark = inside * np.clip(np.percentile(light, 70) - light, 0, None) * np.clip(1.2 - away**2, 0, 1)
        total = max(float(dark.sum()), 1e-3)
        row, column = float((dark * face.y[rows]).sum() / total), float((dark * face.x[:, columns]).sum() / total)
        distance = np.hypot(face.x[:, columns] - column, face.y[rows] - row)
        disc = inside * _step(0.25 * eye.width - distance, 1.5)
        if disc.max() > 0.5:
            limit = float(np.median(light[disc > 0.5])) + NOT_WHITE
            out[rows, columns] = disc * _step(limit - light, 10.0)
    return out


def teeth(face: FaceMap) -> Mask | None:
    """What is light inside the mouth."""
    if face.share("mouth") < 0.001:
        return None
    return face.classes("mouth") * _step(face.lab[..., 0] - 42, 16)


def skin(face: FaceMap) -> Mask:
    """All skin, and facial hair by half, because face paint gets into it."""
    return face.classes(*CLASSES_OF["skin"]) + 0.5 * face.hairiness


_SHAPES = {
    "goatee": goatee, "moustache": moustache, "beard": beard, "cheeks": cheeks, "eyes": irises, "teeth": teeth,
    "skin": skin,
}  # fmt: skip
LEAST_PIXELS = {"eyes": 16, "brows": 40, "teeth": 40, "ears": 60, "lips": 60, "moustache": 50, "goatee": 80}
"""Pixels (at 192 px) below which a part does not show; 150 for parts that are not listed."""


def part_mask(face: FaceMap, part: str) -> Mask | None:
    """`float32 [size, size]` in [0, 1], or None where the face does not show the part; do not change it in place."""
    if part not in face.masks:
        mask = _SHAPES[part](face) if part in _SHAPES else face.classes(*CLASSES_OF[part])
        least = LEAST_PIXELS.get(part, 150) * (face.size / 192) ** 2
        face.masks[part] = None if mask is None or mask.sum() < least else mask.astype(np.float32)
    return face.masks[part]


def measured_states(face: FaceMap) -> tuple[int, ...]:
    """States by the areas of labels, in the order of `MEASURED`: 1, -1, or 0 where not sure."""
    mouth, hair = face.mouth, face.share("hair")
    long = 0
    if mouth is not None:
        first = int(min((mouth.bottom + mouth.width) / face.size, 0.99) * 256)
        low = (face.labels[first:] == LABELS.index("hair")).sum()
        long = 1 if low > 1500 else -1 if low < 60 else 0
    inside, hat = face.share("mouth"), face.share("hat")
    chin, lip, jaw = face.share("goatee"), face.share("moustache"), face.share("beard")
    return (
        long,
        1 if inside > 0.006 else -1 if inside < 0.0005 else 0,
        1 if hat > 0.04 else -1 if hat < 0.001 else 0,
        1 if chin > 0.004 and jaw < 0.004 else -1 if chin + jaw < 0.0002 else 0,
        1 if lip > 0.004 else -1 if lip < 0.0002 else 0,
        1 if hair < 0.02 and hat < 0.001 else -1 if hair > 0.1 else 0,
    )
