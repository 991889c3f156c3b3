"""Edits of a part on a small window of a face, cheap enough for a training step, by the preview and at full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mcaclip.generators.mobilestylegan import Window
from mcaclip.generators.preview import PREVIEW_SIZE, PreviewGenerator
from mcaclip.generators.synthesis import Synthesis, synthesize
from mcaclip.generators.upper_window import CELLS as CELLS_ABOVE
from mcaclip.generators.upper_window import upper_picture, window_at
from mcaclip.imaging.colour import srgb_to_lab
from mcaclip.nn.ops import resize_mask
from mcaclip.perception.base import Parser
from mcaclip.perception.regions import dilate, region, sharpen
from train.clip.scenes.types import PARTS
from train.prompt.objective import FINE_MASK

FIRST_ROW = 4
"""The first row that an edit of a part shifts; those below shape the face."""
REAL_CELLS, REAL_SCALE = 20, 4
"""Side of the square of the real upper layers, in cells of the 128 px map; its pixels per preview pixel."""
CELLS, SMALLEST_WINDOW, LARGEST_WINDOW = 16, 3, 8
"""Side of the map that an edit starts from, and the smallest and largest side of a window in its cells."""
SMALLEST_PART = 40.0
"""Pixels of 256 x 256 that a part must cover to count as shown."""


@dataclass(frozen=True)
class SeenFace:
    """A generated and parsed face.

    Attributes:
        code: `[1, 18, 512]`.
        made: its 256 px picture and the features of the preview's layers.
        regions: the parts' soft masks `[1, 1, 256, 256]`, by name.
        labs: the parts' mean Lab `[3]`, by name.
        shown: the parts that are large enough to see.
        parsed: class probabilities `[1, 19, 256, 256]`.
    """

    code: Tensor
    made: Synthesis
    regions: Mapping[str, Tensor]
    labs: Mapping[str, Tensor]
    shown: tuple[str, ...]
    parsed: Tensor


@torch.no_grad()
def see(preview: PreviewGenerator, parser: Parser, code: Tensor) -> SeenFace:
    """Generate and parse a face of code `[1, 18, 512]`."""
    made = synthesize(preview, code, keep=range(len(preview.layers)))
    parsed = parser.parse(made, PREVIEW_SIZE)
    regions = {part: sharpen(region(parsed, part)) for part in PARTS}
    lab = srgb_to_lab(made.image.clamp(-1, 1))[0]
    labs = {part: (lab * mask[0]).sum((1, 2)) / mask.sum().clamp_min(1) for part, mask in regions.items()}
    shown = tuple(part for part, mask in regions.items() if float(mask.sum()) >= SMALLEST_PART)
    return SeenFace(code, made, regions, labs, shown, parsed)


def layer_masks(preview: PreviewGenerator, part: Tensor) -> list[Tensor]:
    """Masks of a part `[B, 1, 256, 256]` for the preview's layers and for its picture, each `[B, 1, s, s]`."""
    wide = dilate(part, 3)
    masks = [resize_mask(part if spec.size >= FINE_MASK else wide, spec.size) for spec in preview.layers]
    return [*masks, masks[-1]]


def choose_window(part: Tensor, rng: np.random.Generator) -> Window:
    """Rows and columns, in cells of the 16 px map, around a part `[1, 1, 256, 256]` or some of a large one."""
    covered = F.max_pool2d(part, PREVIEW_SIZE // CELLS)[0, 0] > 0.5
    ys, xs = (positions.cpu().numpy() for positions in torch.nonzero(covered, as_tuple=True))
    if len(ys) == 0:
        return slice(0, CELLS), slice(0, CELLS)
    pick = int(rng.integers(len(ys)))
    return _span(ys, int(ys[pick])), _span(xs, int(xs[pick]))


def _span(covered: np.ndarray, centre: int) -> slice:
    """The covered cells with a margin of one; when they are too many, the `LARGEST_WINDOW` around `centre`."""
    first, last = max(int(covered.min()) - 1, 0), min(int(covered.max()) + 2, CELLS)
    if last - first > LARGEST_WINDOW:
        first = min(max(centre - LARGEST_WINDOW // 2, first), last - LARGEST_WINDOW)
        last = first + LARGEST_WINDOW
    first = min(first, CELLS - SMALLEST_WINDOW)
    return slice(first, max(last, first + SMALLEST_WINDOW))


def crop(maps: Tensor, window: Window) -> Tensor:
    """The window of maps `[B, C, s, s]` of any size."""
    scale = maps.shape[-1] // CELLS
    ys, xs = (slice(side.start * scale, side.stop * scale) for side in window)
    return maps[:, :, ys, xs]


@dataclass(frozen=True)
class PartWindow:
    """Where one part of one face is edited.

    Attributes:
        window: in cells of the 16 px map.
        masks: of the part, one `[1, 1, s, s]` per layer of the preview, not cropped.
        corner: top left cell, on the 128 px map, of the square of `REAL_CELLS` that the real upper layers compute.
    """

    window: Window
    masks: Sequence[Tensor]
    corner: tuple[int, int]


def part_window(preview: PreviewGenerator, mask: Tensor, rng: np.random.Generator) -> PartWindow:
    """A window around a part `[1, 1, 256, 256]`, and a square in it around one of the part's pixels."""
    window, masks = choose_window(mask, rng), layer_masks(preview, mask)
    scale = CELLS_ABOVE // CELLS
    inside = crop(masks[-1], window)[0, 0].flatten().double().cpu().numpy() + 1e-9
    rows, columns = (slice(side.start * scale, side.stop * scale) for side in window)
    y, x = divmod(int(rng.choice(len(inside), p=inside / inside.sum())), columns.stop - columns.start)
    corner = _square(rows, rows.start + y), _square(columns, columns.start + x)
    return PartWindow(window, masks, corner)


def _square(side: slice, centre: int) -> int:
    return min(max(centre - REAL_CELLS // 2, side.start), side.stop - REAL_CELLS)


def cut_square(maps: Tensor, place: PartWindow) -> Tensor:
    """The square of a part's window, out of maps `[B, C, s, s]` of 128 px or more."""
    ys, xs = window_at(place.corner, REAL_CELLS, maps.shape[-1] // CELLS_ABOVE)
    return maps[:, :, ys, xs]


@dataclass(frozen=True)
class WindowPictures:
    """One edit: the preview's window and the real square at 256 px per face, and the square at full size."""

    window: Tensor
    square: Tensor
    large: Tensor


def show(preview: PreviewGenerator, face: SeenFace, delta: Tensor, place: PartWindow) -> WindowPictures:
    """The edit by `delta [1, 18, 512]`.

    Only the shifted layers are computed. They are blended with the source's features, not with features recomputed
    from the blended ones: this costs half and differs from `masked_synthesize` at the masks' edges only.
    """
    code, window = face.code + delta, place.window
    x = crop(face.made.features[FIRST_ROW - 1], window)
    for index in range(FIRST_ROW, len(preview.layers)):
        scale = preview.layers[index].size // CELLS
        rows, columns = (slice(side.start * scale, side.stop * scale) for side in window)
        source = crop(face.made.features[index], window)
        edited = preview.full.layer(index, x, code, (rows, columns))
        x = source + crop(place.masks[index], window) * (edited - source)
    scale = CELLS_ABOVE // CELLS
    top, left = (own - side.start * scale for own, side in zip(place.corner, window, strict=True))
    part = x[:, :, top : top + REAL_CELLS, left : left + REAL_CELLS]
    large = upper_picture(preview.full, part, face.code, place.corner, (delta, cut_square(place.masks[-1], place)))
    edited = preview.finish(preview.rgb(len(preview.layers) - 1, x, code))
    before = crop(face.made.image, window)
    shown = before + crop(resize_mask(place.masks[-1], PREVIEW_SIZE), window) * (edited - before)
    return WindowPictures(shown, F.avg_pool2d(large, REAL_SCALE), large)
