"""Which parts of a generator's maps a part of the picture needs.

A window is a pair of slices: rows and columns of a map. Every convolution sees a little beyond what it gives, so
windows grow from the picture downwards; at the border of a map they end, as the map itself does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.base import Generator, LayerSpec, Window

PLAIN_MARGIN, UP_MARGIN = 2, 4
"""Pixels along an edge, where that is not the map's own, that missing neighbours may have spoilt: behind a 3x3
convolution with the RGB sum beside it, and behind one that doubles the side (StyleGAN2's filter reaches furthest)."""
SHARED_SIDE = 32
"""Layers up to this side are computed once for all boxes of a picture."""
CELLS = 64
"""Boxes have their edges on a grid of this many cells per side."""
SPLIT_GAIN = 0.8
"""A box is split in two if their areas, margins included, are less than this share of its own."""
MOST_SPLITS = 3
MARGIN_CELLS = 1.5
"""What the margins add to a box on each side, for the decision to split."""

Span = tuple[int, int]
Box = tuple[Span, Span]
"""First and last row (the last one not included), and columns alike."""


def window_of(box: Box) -> Window:
    """The slices of a box."""
    (top, bottom), (left, right) = box
    return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class Plan:
    """What is computed of every layer.

    Attributes:
        shared: boxes of the first layers, computed once.
        routes: for each box of the picture the boxes of the layers above.
        boxes: of the picture, as they were asked for.
    """

    shared: tuple[Box, ...]
    routes: tuple[tuple[Box, ...], ...]
    boxes: tuple[Box, ...]


def plan(generator: Generator, boxes: Sequence[Box]) -> Plan:
    """What boxes of the picture need, at least one."""
    layers, scale = generator.layers, generator.image_size // generator.layers[-1].size
    common = sum(spec.size <= SHARED_SIDE for spec in layers)
    above, below = layers[common:], layers[:common]
    routes, needs = [], []
    for box in boxes:
        need = _grown(shrunk(box, scale), PLAIN_MARGIN, layers[-1].size)
        route, need = _needed(above, need, below[-1].size if below else 0)
        routes.append(tuple(route))
        needs.append(need)
    shared, _ = _needed(below, _around(needs), 0)
    return Plan(tuple(shared), tuple(routes), tuple(boxes))


def _needed(layers: Sequence[LayerSpec], need: Box, side_below: int) -> tuple[list[Box], Box]:
    """Boxes of the layers, so that the last one is right within `need`; and what they need of the layer below."""
    boxes: list[Box] = []
    for index in reversed(range(len(layers))):
        side = layers[index].size
        before = layers[index - 1].size if index else side_below
        doubles = 0 < before < side
        box = _grown(need, UP_MARGIN if doubles else PLAIN_MARGIN, side)
        boxes.insert(0, box)
        need = shrunk(box, 2) if doubles else box
    return boxes, need


def _grown(box: Box, margin: int, side: int) -> Box:
    """A larger box with even edges, within the map."""
    top_left = [max(0, (first - margin) // 2 * 2) for first, _ in box]
    bottom_right = [min(side, (last + margin + 1) // 2 * 2) for _, last in box]
    rows, columns = zip(top_left, bottom_right, strict=True)
    return rows, columns


def sound(box: Box, side: int, doubles: bool) -> Box:
    """The part of a computed box of a map of this side whose pixels had all their neighbours."""
    margin = UP_MARGIN if doubles else PLAIN_MARGIN
    rows, columns = (
        (first + margin if first > 0 else 0, last - margin if last < side else side) for first, last in box
    )
    return rows, columns


def shrunk(box: Box, scale: int) -> Box:
    """The box of a map of a smaller side that a box covers."""
    rows, columns = ((first // scale, -(-last // scale)) for first, last in box)
    return rows, columns


def _around(boxes: Sequence[Box]) -> Box:
    rows, columns = ((min(box[axis][0] for box in boxes), max(box[axis][1] for box in boxes)) for axis in range(2))
    return rows, columns


def within(box: Box, outer: Box) -> Box:
    """A box as seen from the corner of one that holds it."""
    rows, columns = ((a - origin, b - origin) for (a, b), (origin, _) in zip(box, outer, strict=True))
    return rows, columns


def boxes_around(mask: Tensor) -> list[Box]:
    """Boxes that hold everything above 0 of a mask `[B, 1, S, S]`, without overlaps; none where all of it is 0."""
    side = mask.shape[-1]
    cells = min(CELLS, side)
    found = F.adaptive_max_pool2d(mask.amax(0, keepdim=True), cells)[0, 0].gt(0).cpu().numpy()
    scale = side // cells
    return [
        ((scale * rows[0], scale * rows[1]), (scale * columns[0], scale * columns[1]))
        for rows, columns in _split(found, (0, 0), MOST_SPLITS)
    ]


def _split(found: np.ndarray, corner: Span, splits: int) -> list[Box]:
    """Boxes of the cells that are true, at most 2 to the power of `splits`."""
    box = _tight(found)
    if box is None:
        return []
    (top, bottom), (left, right) = box
    found, corner = found[top:bottom, left:right], (corner[0] + top, corner[1] + left)
    best, cut = SPLIT_GAIN * _cost(found), None
    if splits:
        for axis, at in ((a, at) for a in range(2) for at in range(1, found.shape[a])):
            cost = sum(_cost(half) for half in np.split(found, [at], axis))
            if cost < best:
                best, cut = cost, (axis, at)
    if cut is None:
        rows, columns = ((first, first + count) for first, count in zip(corner, found.shape, strict=True))
        return [(rows, columns)]
    axis, at = cut
    first, second = np.split(found, [at], axis)
    moved = (corner[0] + at, corner[1]) if axis == 0 else (corner[0], corner[1] + at)
    return _split(first, corner, splits - 1) + _split(second, moved, splits - 1)


def _tight(found: np.ndarray) -> Box | None:
    """The smallest box around the true cells."""
    rows, columns = (np.flatnonzero(found.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def _cost(found: np.ndarray) -> float:
    """The area that has to be computed, in cells."""
    box = _tight(found)
    return 0.0 if box is None else float(np.prod([last - first + 2 * MARGIN_CELLS for first, last in box]))
