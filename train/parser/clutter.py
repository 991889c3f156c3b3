"""Drawn surroundings for the pixel parser's training: what real portraits have behind, before and below a face.

The generator's backgrounds are soft and plain. Portraits have flags, books, stripes and lettering there, and suits
with ties, which an untrained parser takes for hair or skin. Pictures are `uint8 [S, S, 3]` RGB, masks
`float32 [S, S]` in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Image = np.ndarray
_SKINS = np.array([(244, 208, 177), (224, 172, 135), (188, 130, 92), (141, 85, 54), (92, 56, 38), (62, 40, 30)])


def colour(rng: np.random.Generator) -> np.ndarray:
    """A random colour `float [3]`, 0..255: a grey, a skin or hair tone, or any."""
    kind = rng.random()
    if kind < 0.3:
        return np.full(3, rng.uniform(5, 250)) + rng.normal(0, 6, 3)
    if kind < 0.5:
        return _SKINS[rng.integers(len(_SKINS))] + rng.normal(0, 12, 3)
    return rng.uniform(0, 255, 3)


def _plain(size: int, rng: np.random.Generator) -> np.ndarray:
    return np.full((size, size, 3), colour(rng), np.float32)


def _gradient(size: int, rng: np.random.Generator) -> np.ndarray:
    corners = np.stack([colour(rng) for _ in range(4)]).reshape(2, 2, 3).astype(np.float32)
    return np.asarray(cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR))


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    cells = int(rng.choice((3, 6, 12, 24, 64)))
    coarse = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
    noise = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return colour(rng) + rng.uniform(0.1, 0.9) * (noise - 128)


def _waves(size: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes, a grid or a sinusoid across the picture, at any angle."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 80)
    phase = 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period
    value = np.sin(phase)
    if rng.random() < 0.4:
        value = np.maximum(value, np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / period))
    hard = rng.random() < 0.6
    value = (value > rng.uniform(-0.6, 0.6)).astype(np.float32) if hard else (value + 1) / 2
    first, second = colour(rng), colour(rng)
    return first + value[..., None] * (second - first)


def _blocks(size: int, rng: np.random.Generator) -> np.ndarray:
    """Upright or lying bands of colour (flags, curtains, wood) with a rectangle or some discs on them."""
    bands = int(rng.integers(2, 12))
    column = np.stack([colour(rng) for _ in range(2 if rng.random() < 0.5 else bands)]).astype(np.float32)
    line = column[np.arange(bands) % len(column)][:, None]
    flat = np.array(cv2.resize(line, (size, size), interpolation=cv2.INTER_NEAREST), np.float32)
    flat = flat.transpose(1, 0, 2).copy() if rng.random() < 0.5 else flat
    corner = rng.integers(0, size, 2)
    if rng.random() < 0.6:
        end = corner + rng.integers(size // 8, size // 2, 2)
        cv2.rectangle(flat, tuple(map(int, corner)), tuple(map(int, end)), colour(rng).tolist(), -1)
    for _ in range(int(rng.integers(0, 20))):
        centre = tuple(int(v) for v in rng.integers(0, size, 2))
        cv2.circle(flat, centre, int(rng.integers(1, size // 16)), colour(rng).tolist(), -1)
    return flat


def _books(size: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of upright rectangles of many colours and heights, on dark shelves."""
    canvas = _plain(size, rng) * np.float32(0.3)
    shelf = int(rng.integers(size // 6, size // 2))
    for bottom in range(shelf, size + shelf, shelf):
        left = 0
        while left < size:
            width, height = int(rng.integers(3, size // 12)), int(shelf * rng.uniform(0.6, 0.95))
            cv2.rectangle(canvas, (left, bottom - height), (left + width, bottom - 4), colour(rng).tolist(), -1)
            left += width + int(rng.integers(0, 3))
    return canvas


def _lettering(size: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of letters, as on a banner or a caption."""
    canvas = _plain(size, rng)
    ink, scale = colour(rng).tolist(), float(rng.uniform(0.4, 2.5))
    for y in range(int(20 * scale), size + 10, max(12, int(34 * scale))):
        text = "".join(chr(int(c)) for c in rng.integers(48, 123, 40))
        origin = (-int(rng.integers(0, 60)), y)
        cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_DUPLEX, scale, ink, max(1, int(2 * scale)))
    return canvas


_KINDS: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (
    _plain, _gradient, _clouds, _waves, _blocks, _books, _lettering,
)  # fmt: skip


def texture(size: int, rng: np.random.Generator) -> Image:
    """One drawn picture of a random kind; often out of focus, sometimes grainy."""
    drawn = _KINDS[rng.integers(len(_KINDS))](size, rng)
    if rng.random() < 0.25:
        first, last = rng.uniform(0.4, 1.3, 2)
        shade = np.linspace(first, last, size).astype(np.float32)
        drawn = drawn * (shade[:, None, None] if rng.random() < 0.5 else shade[None, :, None])
    picture = np.clip(drawn, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.7, 8))))
    if rng.random() < 0.3:
        small = rng.integers(0, int(rng.integers(4, 40)), (size, size, 1), dtype=np.uint8)
        picture = np.asarray(cv2.add(picture, np.repeat(small, 3, 2)))
    return picture


def blend(image: Image, other: Image, mask: np.ndarray) -> Image:
    """`other` where the mask is 1, `image` where it is 0."""
    weight = (mask * 256).astype(np.uint16)[..., None]
    mixed: np.ndarray = image * (256 - weight) + other * weight
    return (mixed // 256).astype(np.uint8)


def occluder(size: int, rng: np.random.Generator) -> np.ndarray:
    """The mask `uint8 [S, S]` (0 or 1) of something in front of a face: an ellipse, a polygon, a bar, a caption."""
    mask = np.zeros((size, size), np.uint8)
    centre, kind = rng.uniform(0.05, 0.95, 2) * size, rng.random()
    if kind < 0.4:
        axes = tuple(int(v) for v in rng.uniform(0.03, 0.18, 2) * size)
        cv2.ellipse(mask, tuple(map(int, centre)), axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    elif kind < 0.7:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        radii = rng.uniform(0.03, 0.2, len(angles)) * size
        points = centre + np.stack([np.cos(angles) * radii, np.sin(angles) * radii], 1)
        cv2.fillPoly(mask, [points.astype(np.int32)], 1)
    elif kind < 0.9:
        end = centre + rng.normal(0, 0.5 * size, 2)
        cv2.line(mask, tuple(map(int, centre)), tuple(map(int, end)), 1, int(rng.integers(2, size // 10)))
    else:
        top = int(rng.uniform(0.8, 0.95) * size)
        mask[top : top + int(rng.uniform(0.03, 0.15) * size)] = 1
    return mask


def hat(head: np.ndarray, brows: float, rng: np.random.Generator) -> np.ndarray | None:
    """The mask of a cap, a brimmed hat, a hood, a scarf or a band on a head: `uint8 [S, S]` of 0 and 1.

    Args:
        head: hair, skin and ears, `bool [S, S]`.
        brows: the row of the brows.

    Returns:
        None where no head is to be seen above the brows.
    """
    size, (rows, columns) = len(head), np.nonzero(head)
    above = rows < brows
    if above.sum() < 0.01 * size * size:
        return None
    top = float(np.percentile(rows[above], 1))
    left, right = np.percentile(columns[above], (3, 97))
    middle, half, height = (left + right) / 2, (right - left) / 2, max(brows - top, 8.0)
    middle += rng.normal(0, 0.04) * half
    rim = brows - height * rng.uniform(0.05, 0.5)
    wide, tall = half * rng.uniform(0.95, 1.25), (rim - top) * rng.uniform(1.0, 1.5) + 0.1 * height
    mask, kind = np.zeros((size, size), np.uint8), rng.random()
    centre, tilt = (int(middle), int(rim)), float(rng.normal(0, 5))
    if kind < 0.15:  # a band
        thick = max(3, int(height * rng.uniform(0.15, 0.4)))
        cv2.ellipse(mask, centre, (int(wide), int(0.25 * height)), tilt, 180, 360, 1, thick)
        return mask & head.astype(np.uint8)
    if kind < 0.3:  # a hood or a scarf: all that is not the face
        grown = np.asarray(cv2.dilate(head.astype(np.uint8), np.ones((3, 3)), iterations=int(rng.integers(1, 8))))
        face = np.zeros_like(mask)
        oval = (int(half * rng.uniform(0.55, 0.75)), int(height * rng.uniform(1.2, 1.7)))
        cv2.ellipse(face, (int(middle), int(brows + 0.7 * height)), oval, 0, 0, 360, 1, -1)
        return np.where(face > 0, 0, grown).astype(np.uint8)
    cv2.ellipse(mask, centre, (int(wide), int(tall)), tilt, 180, 360, 1, -1)
    if rng.random() < 0.3:  # a straight crown
        corner = int(middle - 0.85 * wide), int(rim - 0.9 * tall)
        cv2.rectangle(mask, corner, (int(middle + 0.85 * wide), int(rim)), 1, -1)
    if kind < 0.7:  # a visor or a brim
        reach = wide * (rng.uniform(1.0, 1.2) if kind < 0.5 else rng.uniform(1.2, 1.9))
        cv2.ellipse(mask, centre, (int(reach), int(height * rng.uniform(0.1, 0.35))), tilt, 0, 360, 1, -1)
    return mask


def shaded(image: Image, stuff: Image, mask: np.ndarray, rng: np.random.Generator) -> Image:
    """The picture with `stuff` where the mask is 1, lit from one side and darker towards its edge."""
    size = len(image)
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.5) * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.3))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3) / (0.06 * size)
    light = light * (1 - rng.uniform(0, 0.5) * np.exp(-inside))
    lit = np.clip(stuff * light[..., None], 0, 255).astype(np.uint8)
    return blend(
        image, lit, np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), float(rng.uniform(0.5, 1.5))))
    )


def suit(image: Image, cloth: np.ndarray, rng: np.random.Generator) -> Image:
    """The picture with other clothes at `cloth bool [S, S]`, sometimes with a shirt and a tie; folds stay shaded."""
    size = len(cloth)
    stuff = texture(size, rng)
    rows, columns = np.nonzero(cloth)
    if rng.random() < 0.5:
        middle, top = int(columns.mean() + rng.normal(0, size / 20)), int(rows.min()) - size // 10
        reach, half = size // 10 + int(rng.integers(0, size // 6)), int(rng.integers(2, size // 16))
        for width, end in ((reach, half), (half, 2 * half)):
            shape = np.array(
                [(middle - width, top), (middle + width, top), (middle + end, size), (middle - end, size)], np.int32
            )
            cv2.fillPoly(stuff, [shape], colour(rng).clip(0, 255).tolist())
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (0, 0), 2).astype(np.float32)
    shade = np.clip(grey / max(float(grey[cloth].mean()), 20.0), 0.3, 1.7)
    shaded = np.clip(stuff * (0.4 + 0.6 * shade[..., None]), 0, 255).astype(np.uint8)
    return blend(image, shaded, np.asarray(cv2.GaussianBlur(cloth.astype(np.float32), (0, 0), 0.8)))


def necklace(neck: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """The mask of a chain on a neck `bool [S, S]`: `uint8 [S, S]` of 0 and 1; None where there is no room."""
    size = len(neck)
    rows, columns = np.nonzero(neck)
    if len(rows) < 0.01 * size * size:
        return None
    left, right = np.percentile(columns, (5, 95))
    top = float(np.percentile(rows, rng.uniform(30, 70)))
    sag = rng.uniform(0.1, 0.5) * (right - left)
    steps = np.linspace(-1, 1, int(rng.integers(12, 60)))
    x, y = (left + right) / 2 + steps * (right - left) / 2, top + sag * (1 - steps**2)
    mask, radius = np.zeros((size, size), np.uint8), int(rng.integers(1, 4))
    points = np.stack([x, y], 1).astype(np.int32)
    cv2.polylines(mask, [points], False, 1, max(1, radius - 1))
    for px, py in points:
        cv2.circle(mask, (int(px), int(py)), radius, 1, -1)
    return mask
