"""Views of labelled faces for the pixel parser: other colours, surroundings, light, positions and cameras.

Pictures are `uint8 [S, S, 3]` RGB, labels `uint8 [S, S]` numbers of `LABELS`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.perception.face_parser import LABELS, MIRRORED
from train.common.painting import paint
from train.parser.clutter import Image, blend, colour, hat, necklace, occluder, shaded, suit, texture

BACKGROUND, CLOTH, NECK, NECKLACE, HAT = (
    LABELS.index(name) for name in ("background", "cloth", "neck", "neck_l", "hat")
)
HEAD = tuple(LABELS.index(name) for name in ("skin", "hair", "l_ear", "r_ear"))
BROWS = tuple(LABELS.index(name) for name in ("l_brow", "r_brow"))
MIRROR_TABLE = np.array(MIRRORED, np.uint8)

PAINTED_PARTS: dict[str, tuple[int, ...]] = {
    part: tuple(LABELS.index(name) for name in names)
    for part, names in {
        "hair": ("hair",),
        "lips": ("u_lip", "l_lip"),
        "brows": ("l_brow", "r_brow"),
        "eyes": ("l_eye", "r_eye"),
        "teeth": ("mouth",),
        "skin": ("skin", "nose", "l_ear", "r_ear", "neck"),
        "face": ("skin", "nose"),
        "facial hair": ("beard", "moustache", "goatee"),
        "goatee": ("goatee",),
        "hat": ("hat",),
        "cloth": ("cloth",),
    }.items()
}
"""What counterfactual paint covers; it does not change the labels."""


@dataclass(frozen=True)
class ViewSettings:
    """Probability and strength of each kind of change.

    Attributes:
        painted: probability that one to three parts get another colour.
        clothed: of other clothes.
        placed: of another background.
        hatted: of a drawn hat; those of the faces are hardly ever labelled.
        occluded: of something in front of the face, which counts as a hat.
        necklaced: of a drawn necklace; those of the faces are not labelled.
        degraded: of each of low resolution, blur, noise and JPEG.
        grey: of a grey picture.
        turn: largest rotation in degrees.
        scale: range of the size.
        shift: largest shift as a share of the side.
    """

    painted: float = 0.5
    clothed: float = 0.3
    placed: float = 0.55
    hatted: float = 0.25
    occluded: float = 0.25
    necklaced: float = 0.06
    degraded: float = 0.2
    grey: float = 0.06
    turn: float = 20.0
    scale: tuple[float, float] = (0.75, 1.3)
    shift: float = 0.08


Face = tuple[Image, np.ndarray]
"""A picture and its labels."""


def view(face: Face, other: Face, rng: np.random.Generator, how: ViewSettings) -> Face:
    """One view of a face and its labels; background and clothes of the face `other` may come behind it."""
    image, labels = face
    if rng.random() < how.painted:
        image = _painted(image, labels, rng)
    cloth = labels == CLOTH
    if rng.random() < how.clothed and cloth.mean() > 0.005:
        image = suit(image, cloth, rng)
    if rng.random() < how.necklaced and (beads := necklace(labels == NECK, rng)) is not None:
        image = blend(image, texture(len(image), rng), beads.astype(np.float32))
        labels = np.where(beads > 0, NECKLACE, labels).astype(np.uint8)
    if rng.random() < how.placed:
        image = _placed(image, labels, _scenery(*other, rng), rng)
    if rng.random() < how.hatted:
        image, labels = _hatted(image, labels, rng)
    if rng.random() < how.occluded:
        image, labels = _occluded(image, labels, rng)
    image, labels = _moved(image, labels, rng, how)
    return _seen(_lit(image, rng, how), rng, how), labels


def _painted(image: Image, labels: np.ndarray, rng: np.random.Generator) -> Image:
    present = set(np.unique(labels).tolist())
    parts = [name for name, classes in PAINTED_PARTS.items() if present.intersection(classes)]
    for index in rng.permutation(len(parts))[: rng.integers(1, 4)]:
        mask = np.isin(labels, PAINTED_PARTS[parts[index]])
        image = painted(image, mask, colour(rng), rng.uniform(0.6, 1.0), rng.uniform(0.2, 0.9))
    return image


def painted(image: Image, mask: np.ndarray, rgb: np.ndarray, strength: float, cover: float) -> Image:
    """Recolour what `mask bool [S, S]` covers, keeping light and shade (see `painting.paint`)."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    if width == 0:
        return image
    x, y = max(x - 2, 0), max(y - 2, 0)
    box = slice(y, y + height + 4), slice(x, x + width + 4)
    soft = cv2.GaussianBlur(mask[box].astype(np.float32), (0, 0), 0.8)
    lab = srgb_to_lab(torch.from_numpy(rgb.clip(0, 255)).float().view(3, 1, 1) / 127.5 - 1).flatten()
    piece = torch.from_numpy(image[box].transpose(2, 0, 1).copy()).float() / 127.5 - 1
    made = paint(piece, torch.from_numpy(soft)[None], lab, strength, cover)
    out = image.copy()
    out[box] = ((made.clamp(-1, 1) + 1) * 127.5).round().byte().numpy().transpose(1, 2, 0)
    return out


def _scenery(other: Image, other_labels: np.ndarray, rng: np.random.Generator) -> Image:
    """A drawn texture, or the background of another face, whose person is covered by more of it or by a texture."""
    size = len(other)
    if rng.random() < 0.6:
        return texture(size, rng)
    hidden = (other_labels != BACKGROUND) & ~((other_labels == CLOTH) & (rng.random() < 0.5))
    soft = cv2.GaussianBlur(cv2.dilate(hidden.astype(np.uint8), np.ones((9, 9))).astype(np.float32), (0, 0), 3)
    cover = np.roll(other, size // 2, 1)[::-1] if rng.random() < 0.3 else texture(size, rng)
    scene = blend(other, np.ascontiguousarray(cover), soft)
    return np.ascontiguousarray(scene[:, ::-1]) if rng.random() < 0.5 else scene


def _placed(image: Image, labels: np.ndarray, scene: Image, rng: np.random.Generator) -> Image:
    behind = (labels == BACKGROUND).astype(np.float32)
    return blend(image, scene, np.asarray(cv2.GaussianBlur(behind, (0, 0), float(rng.uniform(0.6, 1.6)))))


def _hatted(image: Image, labels: np.ndarray, rng: np.random.Generator) -> Face:
    brows = np.nonzero(np.isin(labels, BROWS))[0]
    mask = hat(np.isin(labels, HEAD), float(brows.mean()), rng) if len(brows) else None
    if mask is None:
        return image, labels
    out = shaded(image, texture(len(image), rng), mask, rng)
    return out, np.where(mask > 0, HAT, labels).astype(np.uint8)


def _occluded(image: Image, labels: np.ndarray, rng: np.random.Generator) -> Face:
    mask = occluder(len(image), rng)
    out = shaded(image, texture(len(image), rng), mask, rng)
    # before a wall a thing is part of the background
    seen = np.where(labels == BACKGROUND, BACKGROUND, HAT)
    return out, np.where(mask > 0, seen, labels).astype(np.uint8)


def _moved(image: Image, labels: np.ndarray, rng: np.random.Generator, how: ViewSettings) -> Face:
    """Mirrored half of the time, turned, scaled and shifted; the border is repeated outwards."""
    if rng.random() < 0.5:
        image, labels = image[:, ::-1], MIRROR_TABLE[labels[:, ::-1]]
    size = len(image)
    angle, scale = rng.uniform(-how.turn, how.turn) * rng.random(), rng.uniform(*how.scale)
    matrix = np.array(cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), angle, scale), np.float64)
    matrix[:, 2] += rng.uniform(-how.shift, how.shift, 2) * size
    moved = [
        cv2.warpAffine(np.ascontiguousarray(v), matrix, (size, size), flags=flag, borderMode=cv2.BORDER_REPLICATE)
        for v, flag in ((image, cv2.INTER_LINEAR), (labels, cv2.INTER_NEAREST))
    ]
    return np.asarray(moved[0], np.uint8), np.asarray(moved[1], np.uint8)


def _lit(image: Image, rng: np.random.Generator, how: ViewSettings) -> Image:
    """Another exposure, contrast, colour of the light and saturation."""
    gain = np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.07, 3))
    gamma, contrast = np.exp(rng.normal(0, 0.25)), np.exp(rng.normal(0, 0.15))
    ramp = (np.arange(256, dtype=np.float32) / 255) ** gamma
    table = ((ramp - 0.45) * contrast + 0.45)[:, None] * gain + rng.normal(0, 0.04)
    image = np.asarray(cv2.LUT(image, (table * 255).clip(0, 255).astype(np.uint8)[None]))
    saturation = 0.0 if rng.random() < how.grey else float(rng.uniform(0.5, 1.4))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, saturation, grey, 1 - saturation, 0))


def _seen(image: Image, rng: np.random.Generator, how: ViewSettings) -> Image:
    """As a poorer camera sees it: fewer pixels, blur or sharpening, noise, JPEG."""
    size = len(image)
    if rng.random() < how.degraded:
        small = int(rng.integers(size // 5, size))
        tiny = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(tiny, (size, size), interpolation=cv2.INTER_LINEAR))
    if rng.random() < how.degraded:
        soft = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.0)))
        amount = 1.0 if rng.random() < 0.5 else -float(rng.uniform(0.5, 1.5))
        image = np.asarray(cv2.addWeighted(image, 1 - amount, soft, amount, 0))
    if rng.random() < how.degraded:
        noise = rng.standard_normal((size, size, 3), dtype=np.float32) * np.float32(rng.uniform(2, 16))
        image = (image + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < how.degraded:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 90))])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return image
