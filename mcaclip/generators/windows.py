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

SHARED_SIDE = 32
"""Layers up to this side are computed once for all boxes of a picture."""
CELLS = 64
"""Boxes have their edges on a grid of this many cells per side."""
MARGIN_CELLS, BOX_CELLS = 2.5, 60.0
"""What a box costs beside its own cells: what its margins add on each side, and its many small steps (measured)."""
LEAST_CELLS = 8
"""A part of this many cells per side is not split further."""

Span = tuple[int, int]
Box = tuple[Span, Span]
"""First and last row (the last one not included), and columns alike."""


def window_of(box: Box) -> Window:
    """The slices of a box."""
    (top, bottom), (left, right) = box
    return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class ComputedBoxes:
    """What is computed of every layer.

    Attributes:
        shared: boxes of the first layers, computed once.
        routes: for each box of the picture the boxes of the layers above.
        boxes: of the picture, as they were asked for.
    """

    shared: tuple[Box, ...]
    routes: tuple[tuple[Box, ...], ...]
    boxes: tuple[Box, ...]


def boxes_to_compute(generator: Generator, boxes: Sequence[Box]) -> ComputedBoxes:
    """What boxes of the picture need, at least one."""
    layers, scale = generator.layers, generator.image_size // generator.layers[-1].size
    common = sum(spec.size <= SHARED_SIDE for spec in layers)
    above, below = layers[common:], layers[:common]
    routes, needs = [], []
    for box in boxes:
        need = _grown(shrunk(box, scale), layers[-1].reach, layers[-1].size)
        route, need = _needed(above, need, below[-1].size if below else 0)
        routes.append(tuple(route))
        needs.append(need)
    shared, _ = _needed(below, _around(needs), 0)
    return ComputedBoxes(tuple(shared), tuple(routes), tuple(boxes))


def _needed(layers: Sequence[LayerSpec], need: Box, side_below: int) -> tuple[list[Box], Box]:
    """Boxes of the layers, so that the last one is right within `need`; and what they need of the layer below."""
    boxes: list[Box] = []
    for index in reversed(range(len(layers))):
        side = layers[index].size
        before = layers[index - 1].size if index else side_below
        doubles = 0 < before < side
        box = _grown(need, layers[index].reach, side)
        boxes.insert(0, box)
        need = shrunk(box, 2) if doubles else box
    return boxes, need


def _grown(box: Box, margin: int, side: int) -> Box:
    """A larger box with even edges, within the map."""
    top_left = [max(0, (first - margin) // 2 * 2) for first, _ in box]
    bottom_right = [min(side, (last + margin + 1) // 2 * 2) for _, last in box]
    rows, columns = zip(top_left, bottom_right, strict=True)
    return rows, columns


def sound(box: Box, spec: LayerSpec) -> Box:
    """The part of a computed box of a layer's map whose pixels had all their neighbours."""
    rows, columns = (
        (first + spec.reach if first > 0 else 0, last - spec.reach if last < spec.size else spec.size)
        for first, last in box
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
    scale = max(1, side // CELLS)
    found = F.max_pool2d(mask.amax(0, keepdim=True), scale)[0, 0].gt(0).cpu().numpy()
    return [
        ((scale * rows[0], scale * rows[1]), (scale * columns[0], scale * columns[1]))
        for rows, columns in _boxes(found, (0, 0))
    ]


def _boxes(found: np.ndarray, corner: Span) -> list[Box]:
    """Boxes of the cells that are true: those of the four quarters, or one around them where that costs less."""
    box = _tight(found, corner)
    if box is None:
        return []
    height, width = found.shape
    if max(height, width) <= LEAST_CELLS:
        return [box]
    quarters = [
        part
        for rows in (slice(0, height // 2), slice(height // 2, height))
        for columns in (slice(0, width // 2), slice(width // 2, width))
        for part in _boxes(found[rows, columns], (corner[0] + rows.start, corner[1] + columns.start))
    ]
    return [box] if _cost([box]) <= _cost(quarters) else quarters


def _tight(found: np.ndarray, corner: Span) -> Box | None:
    """The smallest box around the true cells, as seen from where `corner` is seen from."""
    rows, columns = (np.flatnonzero(found.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    (top, left) = corner
    return (top + int(rows[0]), top + int(rows[-1]) + 1), (left + int(columns[0]), left + int(columns[-1]) + 1)


def _cost(boxes: Sequence[Box]) -> float:
    """What has to be computed for boxes, in cells."""
    sides = [[last - first + 2 * MARGIN_CELLS for first, last in box] for box in boxes]
    return sum(BOX_CELLS + height * width for height, width in sides)
