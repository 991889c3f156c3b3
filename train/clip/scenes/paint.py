"""Painting in Lab: colours with their finish, grown facial hair, and patterns. Pictures are changed in place."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from train.clip.scenes.part_masks import FaceMap, Mask, part_mask
from train.clip.scenes.types import FACIAL_HAIR_PARTS, SHEENS, Lab, PartColour, pattern_lab, target_lab

COVER = {
    "lips": 0.75, "hair": 0.5, "goatee": 0.6, "beard": 0.6, "moustache": 0.6, "brows": 0.6, "eyes": 0.5,
    "skin": 0.55, "cheeks": 0.55, "teeth": 0.7, "ears": 0.6, "background": 0.9, "clothes": 0.75,
}  # fmt: skip
"""How far a part's mean lightness moves to that of the colour, on average; make-up covers more than dye."""
TEXTURED = FACIAL_HAIR_PARTS | {"eyes", "hair", "brows"}
"""Parts whose texture shows through dye: hair, and irises with their pupils."""
WEAK = 0.6
SUBPIXEL_BITS = 4
"""Points of OpenCV's drawings are given in sixteenths of a pixel."""
HAIR_GAIN = 7.0
"""Lightness deviation of the strokes of hair that is painted where none grew."""


@cache
def _hair_texture() -> Mask:
    """Strokes like short hair, mean 0 and deviation 1: noise drawn out downwards and a little sideways."""
    rng = np.random.default_rng(7)
    out = np.zeros((512, 512), np.float32)
    for slant in (-3, 0, 3):
        kernel = np.zeros((11, 11), np.float32)
        cv2.line(kernel, (5 - slant, 0), (5 + slant, 10), 1.0, 1, cv2.LINE_AA)
        noise = rng.normal(0, 1, out.shape).astype(np.float32)
        out += cv2.filter2D(noise, -1, kernel / np.sqrt((kernel**2).sum()))
    return out / out.std()


def texture(height: int, width: int, rng: np.random.Generator) -> Mask:
    """A random piece `[height, width]` of hair strokes."""
    y, x = int(rng.integers(512 - height)), int(rng.integers(512 - width))
    piece = _hair_texture()[y : y + height, x : x + width]
    return piece[:, ::-1] if rng.random() < 0.5 else piece


def bounding_box(mask: Mask) -> tuple[slice, slice] | None:
    """Rows and columns where a mask is above 0.01; None if it is nowhere."""
    above = mask > 0.01
    rows, columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def coat(lab: np.ndarray, mask: Mask, colour: Lab, strength: float, cover: float, flatten: float = 0.2) -> None:
    """Recolour a region and keep its light and shade, see `train.common.painting.paint`.

    Args:
        lab: `[h, w, 3]`, changed in place.
        mask: `[h, w]` in [0, 1].
        colour: Lab.
        strength: 0..1, how far a and b move to the colour.
        cover: 0..1, how far the mean lightness moves to that of the colour.
        flatten: share of the contrast that opaque paint removes; doubled where it changes the lightness a lot.
    """
    weight = max(float(mask.sum()), 1e-3)
    light = lab[..., 0]
    mean = float((light * mask).sum()) / weight
    contrast = 1 - cover * flatten * (1 + (abs(colour[0] - mean) > 45))
    new = np.clip(mean + contrast * (light - mean) + cover * (colour[0] - mean), 2, 98)
    shade = np.square(1 - np.clip(np.abs(new - colour[0]) / 90, 0, 0.6))
    lab[..., 0] += mask * (new - light)
    for axis in (1, 2):
        lab[..., axis] += (mask * strength) * (colour[axis] * shade - lab[..., axis])


def apply_finish(lab: np.ndarray, mask: Mask, finish: str) -> None:
    """Glossy raises the brightest part of a region to highlights; matte removes local contrast."""
    light = lab[..., 0]
    # the mean is taken inside the region: light skin around lips is no highlight on them
    smooth = cv2.GaussianBlur(light * mask, (0, 0), 2.5) / np.maximum(cv2.GaussianBlur(mask, (0, 0), 2.5), 0.05)
    if finish == "matte":
        lab[..., 0] += mask * 0.75 * (smooth - light)
    elif finish == "glossy":
        inside = smooth[mask > 0.5]
        if len(inside) == 0:
            return
        low, high = np.percentile(inside, (72, 97))
        shine = mask * np.clip((smooth - low) / max(high - low, 1.0), 0, 1) ** 2
        lab[..., 0] += shine * (96 - light) * 0.75 + mask * 0.5 * (light - smooth)
        lab[..., 1:] *= 1 - 0.6 * shine[..., None]


def paint_part(face: FaceMap, lab: np.ndarray, paint: PartColour, rng: np.random.Generator, full: bool) -> None:
    """Paint one part of `lab [S, S, 3]` in place; `full` paints opaquely, without random variation."""
    mask, colour = part_mask(face, paint.part), target_lab(paint)
    box = None if mask is None else bounding_box(mask)
    if mask is None or box is None or colour is None:
        return
    mask, piece = mask[box].copy(), lab[box]
    if paint.part in FACIAL_HAIR_PARTS:
        mask = grow(face, piece, mask, box, rng)
    jitter = rng.normal(0, 2.5, 3)
    shade: Lab = (colour[0] + jitter[0], colour[1] + jitter[1], colour[2] + jitter[2])
    cover = min(COVER[paint.part] * float(rng.uniform(0.7, 1.3)), 1.0)
    strength = float(rng.uniform(WEAK if rng.random() < 0.2 else 0.8, 1.0))
    flatten = 0.05 if paint.part in TEXTURED else 0.2
    if full:
        cover, strength, shade, flatten = 1.0, 1.0, colour, 0.3
    coat(piece, mask, shade, strength, cover, flatten)
    if paint.finish in SHEENS:
        apply_finish(piece, mask, paint.finish)


def grow(face: FaceMap, piece: np.ndarray, mask: Mask, box: tuple[slice, slice], rng: np.random.Generator) -> Mask:
    """Draw hair where a face has none, and return the mask with its ragged edge."""
    there = face.hairiness[box]
    bare = 1 - min(2 * float((there * mask).sum()) / max(float(mask.sum()), 1.0), 1.0)
    strokes = texture(mask.shape[0], mask.shape[1], rng)
    ragged = np.clip(1.7 * mask - 0.35 + 0.35 * strokes * (mask < 0.97), 0, 1).astype(np.float32)
    ragged *= np.clip(8 * mask, 0, 1)
    mask = bare * ragged + (1 - bare) * mask
    light = piece[..., 0]
    level = float((light * mask).sum() / max(float(mask.sum()), 1.0))
    dark = min(level, 34.0) + 0.45 * (light - level) + HAIR_GAIN * strokes
    piece[..., 0] += bare * mask * (np.clip(dark, 4, 90) - light)
    return np.clip(mask * (1 - 0.12 * bare * np.clip(strokes, 0, 2)), 0, 1)


def paint_pattern(face: FaceMap, lab: np.ndarray, paint: PartColour, rng: np.random.Generator) -> None:
    """Paint one of `train.clip.scenes.types.PATTERNS` on `lab [S, S, 3]` in place."""
    mask = _PATTERN_MASKS[paint.pattern](face, rng)
    if mask is None:
        return
    lightness, a, b = pattern_lab(paint)
    if paint.pattern == "glitter":
        _glitter(lab, mask, (lightness, a, b), rng)
        return
    strength = {"blush": 0.75, "freckles": 0.75, "tattoo": 0.85}.get(paint.pattern, 0.95)
    box = bounding_box(mask)
    if box is None:
        return
    mask, piece = mask[box] * strength, lab[box]
    if paint.pattern in ("blush", "freckles"):
        # thin paint: skin's own light shows through
        mean = float((piece[..., 0] * mask).sum() / max(float(mask.sum()), 1e-3))
        drop = max(lightness - mean, -12.0) if paint.pattern == "blush" else -0.35 * mean
        piece[..., 0] += mask * min(drop, 6.0)
    else:
        piece[..., 0] += mask * (lightness + 0.15 * (piece[..., 0] - 50) - piece[..., 0])
    piece[..., 1] += mask * (a - piece[..., 1])
    piece[..., 2] += mask * (b - piece[..., 2])


def _glitter(lab: np.ndarray, mask: Mask, colour: Lab, rng: np.random.Generator) -> None:
    specks = (rng.random(mask.shape) < 0.10).astype(np.float32) * rng.uniform(0.5, 1, mask.shape).astype(np.float32)
    specks = np.clip(1.6 * cv2.GaussianBlur(specks, (0, 0), 0.55), 0, 1) * mask
    lab[..., 0] += specks * (np.float32(94) - lab[..., 0])
    for axis in (1, 2):
        lab[..., axis] += (0.35 * mask + 0.4 * specks) * (colour[axis] - lab[..., axis])


def _cheeks_and_nose(face: FaceMap) -> Mask | None:
    """The cheeks, and the nose between them."""
    mask = part_mask(face, "cheeks")
    return None if mask is None else np.clip(np.maximum(mask, 0.8 * face.classes("nose")) * 1.6, 0, 1)


def _freckles(face: FaceMap, rng: np.random.Generator) -> Mask | None:
    where = _cheeks_and_nose(face)
    box = None if where is None else bounding_box(where)
    if where is None or box is None:
        return None
    canvas = np.zeros(where.shape, np.uint8)
    for _ in range(int(rng.integers(60, 160))):
        y, x = int(rng.integers(box[0].start, box[0].stop)), int(rng.integers(box[1].start, box[1].stop))
        if rng.random() < where[y, x]:
            radius = int(16 * rng.uniform(0.5, 1.1) * face.size / 192)
            centre = int(16 * (x + rng.random())), int(16 * (y + rng.random()))
            cv2.circle(canvas, centre, radius, int(rng.integers(150, 255)), -1, cv2.LINE_AA, SUBPIXEL_BITS)
    return cv2.GaussianBlur(canvas, (0, 0), 0.5).astype(np.float32) / 255 * (where > 0.15)


def _stripes(face: FaceMap, rng: np.random.Generator) -> Mask | None:
    """One to three bars of war paint on each cheek, tilted a little."""
    eyes = face.below_eyes
    if face.nose is None or not eyes or part_mask(face, "cheeks") is None:
        return None
    canvas = np.zeros((face.size, face.size), np.uint8)
    count, thick = int(rng.integers(1, 4)), rng.uniform(0.022, 0.035) * face.size
    tilt, top = rng.uniform(-0.15, 0.35), max(eye.bottom for eye in eyes) + 0.03 * face.size
    for eye in eyes:
        outward = 1.0 if eye.middle > face.nose.middle else -1.0
        for bar in range(count):
            y = top + bar * 1.9 * thick
            start = face.nose.middle + outward * 0.075 * face.size
            end = start + outward * rng.uniform(0.15, 0.19) * face.size
            points = [(start, y), (end, y + tilt * abs(end - start))]
            a, b = ((int(16 * px), int(16 * py)) for px, py in points)
            cv2.line(canvas, a, b, 255, max(int(thick), 2), cv2.LINE_AA, SUBPIXEL_BITS)
    return canvas.astype(np.float32) / 255 * face.classes("skin", "beard", "nose")


def _tattoo(face: FaceMap, rng: np.random.Generator) -> Mask | None:
    """Thin curves on a cheek, a temple or the forehead: a spiral, waves or a branching vine."""
    where = part_mask(face, "cheeks")
    if where is None or face.nose is None:
        return None
    eye = face.below_eyes[int(rng.integers(len(face.below_eyes)))]
    if rng.random() < 0.35:
        x, y = face.nose.middle, max(eye.top - 0.13 * face.size, 4.0)
    else:
        outward = 1.0 if eye.middle > face.nose.middle else -1.0
        x, y = eye.middle + outward * 0.03 * face.size, eye.bottom + 0.1 * face.size
    canvas = np.zeros((face.size, face.size), np.uint8)
    radius = rng.uniform(0.05, 0.075) * face.size
    turn, phase = rng.choice((-1, 1)) * rng.uniform(2.5, 4.5), rng.uniform(0, 6.28)
    t, thick = np.linspace(0, 1, 40), int(rng.integers(1, 3))
    for arm in range(int(rng.integers(2, 5))):
        angle = phase + 2.1 * arm + turn * t
        reach = radius * (0.25 + 1.1 * t ** rng.uniform(0.6, 1.4))
        points = np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], 1)
        cv2.polylines(canvas, [np.round(16 * points).astype(np.int32)], False, 235, thick, cv2.LINE_AA, SUBPIXEL_BITS)
    return canvas.astype(np.float32) / 255 * face.classes("skin", "nose", "beard")


def _lid_rim(face: FaceMap, radius: float, lower: float) -> Mask | None:
    """A band around the eyes, `radius` pixels wide; its lower half weighs `lower`."""
    if not face.eyes:
        return None
    eye = face.classes("l_eye", "r_eye", edge=0.5)
    side = 2 * max(round(radius * face.size / 192), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    band = np.clip(1.3 * (cv2.dilate(eye, kernel) - eye), 0, 1)
    weight = np.full_like(band, lower)
    for box in face.eyes:
        columns = slice(max(int(box.left) - side, 0), int(box.right) + side)
        above = np.clip((box.top + 0.55 * box.height - face.y) / 1.5 + 0.5, 0, 1)
        weight[:, columns] = np.maximum(lower, above)
    return band * weight


def _lashes(face: FaceMap, rng: np.random.Generator) -> Mask | None:
    rim = _lid_rim(face, 2.2, 0.1)
    return None if rim is None else rim * np.clip(0.9 + 0.35 * texture(rim.shape[0], rim.shape[1], rng), 0.3, 1)


def _eyeliner(face: FaceMap, rng: np.random.Generator) -> Mask | None:
    return _lid_rim(face, float(rng.uniform(1.6, 2.4)), float(rng.uniform(0.4, 1.0)))


def _smoky(face: FaceMap, rng: np.random.Generator) -> Mask | None:
    rim = _lid_rim(face, float(rng.uniform(5.0, 7.0)), float(rng.uniform(0.5, 0.9)))
    if rim is None:
        return None
    soft = cv2.GaussianBlur(rim, (0, 0), 2.0 * face.size / 192)
    return np.clip(1.25 * soft, 0, 0.9) * (1 - face.classes("l_eye", "r_eye", edge=0.6))


_PATTERN_MASKS = {
    "freckles": _freckles,
    "stripes": _stripes,
    "glitter": lambda face, _: _cheeks_and_nose(face),
    "tattoo": _tattoo,
    "white lashes": _lashes,
    "blush": lambda face, _: part_mask(face, "cheeks"),
    "eyeliner": _eyeliner,
    "smoky eyes": _smoky,
}


def paint_character(face: FaceMap, lab: np.ndarray, character: str, rng: np.random.Generator) -> None:
    """Paint what a character has besides painted parts: the joker's grin, the clown's nose, dark rims of the eyes."""
    if character == "clown":
        nose = face.nose
        if nose is not None:
            radius = 0.42 * nose.width * float(rng.uniform(0.85, 1.1))
            ball = np.hypot(face.x - nose.middle, face.y - (nose.bottom - 0.75 * radius))
            coat(lab, np.clip((radius - ball) / 1.5 + 0.5, 0, 1).astype(np.float32), (45.0, 65.0, 45.0), 1.0, 0.9)
    elif character == "joker" and face.mouth is not None:
        mouth = face.mouth
        across = np.abs(face.x - mouth.middle) / (0.5 * mouth.width)
        row = mouth.top + 0.5 * mouth.height - 0.28 * mouth.width * np.clip(across - 0.8, 0, None) ** 1.3
        thick = mouth.width * np.clip(0.09 - 0.06 * (across - 0.8), 0.01, 0.09)
        grin = np.clip((thick - np.abs(face.y - row)) / 1.5 + 0.5, 0, 1) * (across > 0.8) * (across < 1.75)
        coat(lab, (grin * face.face_skin).astype(np.float32), (40.0, 58.0, 36.0), 1.0, 1.0)
    if character in ("joker", "zombie", "vampire"):
        rim = _smoky(face, rng)
        if rim is not None:
            light = {"joker": 18.0, "zombie": 22.0, "vampire": 34.0}[character]
            coat(lab, rim, (light, 8.0, -2.0), 0.8, 0.9)
