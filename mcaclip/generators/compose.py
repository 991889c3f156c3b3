"""Edits of a generator's picture: several at once, each inside its own masks (CORAL).

Source: CoralStyleCLIP's blend as MCA-CLIP uses it (Eq. 4; FACTS 1.3): both branches of a layer start from the
same blended features of the layer below, and mask 1 is the *edited* region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mcaclip.generators.base import Generator, Window
from mcaclip.generators.residual import faded
from mcaclip.generators.synthesis import LayerHook, finished_picture, synthesize
from mcaclip.generators.windows import Box, boxes_around, boxes_to_compute, shrunk, sound, window_of, within
from mcaclip.nn.ops import resize_mask

FeatureHook = Callable[[int, Tensor, Window | None], None]
"""Called with a layer's number and its features `[B, C_l, s_l, s_l]`, or those of a window of its map."""


@dataclass(frozen=True)
class MaskedShift:
    """One edit's share of a composition.

    Attributes:
        delta_w: `[B, 18, 512]`, strength included.
        masks: one `[B, 1, s, s]` in [0, 1] per layer and one for the final image; sizes that differ from the layer's
            are resampled bilinearly. None at all for a method without masks.
        keep: share of the face's residual that the edited features keep, 0..1, or a map of it (see
            `generators.residual`).
    """

    delta_w: Tensor
    masks: Sequence[Tensor]
    keep: float | Tensor = 1.0


def masked_synthesize(
    generator: Generator,
    w_plus: Tensor,
    delta_w: Tensor,
    masks: Sequence[Tensor],
    source_image: Tensor,
    hook: LayerHook | None = None,
) -> Tensor:
    """Generate the edit that changes only what the masks allow.

    At every layer `src = Phi(f, w)`, `edt = Phi(f, w + delta)`, `f* = src + m (edt - src)`; the RGB outputs blend
    with their layer's mask, and the last mask blends the final image with `source_image`. With `delta_w = 0`, or
    with every mask 0, the result is `source_image` bit for bit.

    Args:
        w_plus: `[B, 18, 512]`.
        delta_w: `[B, 18, 512]`, strength included.
        masks: see `MaskedShift`.
        source_image: `[B, 3, S, S]`, what `synthesize` made of `w_plus`.

    Returns:
        `[B, 3, S, S]`, not clamped.
    """
    return compose(generator, w_plus, [MaskedShift(delta_w, masks)], source_image, hook)


def compose(
    generator: Generator,
    w_plus: Tensor,
    shifts: Sequence[MaskedShift],
    source_image: Tensor,
    hook: LayerHook | None = None,
    observe: FeatureHook | None = None,
    entire: bool = False,
) -> Tensor:
    """Generate several edits at once, each inside its own masks.

    At every layer `f* = src + sum_k m_k (edt_k - src)`, all branches on the same blended features below. Where the
    masks sum to more than 1 they are divided by their sum, so that edits of one place mix and never overshoot. One
    shift is exactly `masked_synthesize`. Shifts without masks are plainly `G(w + sum_k delta_k)`.

    Only what the last masks let through is computed (see `windows`).

    Args:
        w_plus: `[B, 18, 512]`.
        shifts: either all of them have masks or none; without any, nothing changes. Sums follow their order: sort
            them for results that do not depend on it bit for bit.
        source_image: `[B, 3, S, S]`, what `synthesize` made of `w_plus`.
        observe: gets the blended features of every layer, or of the parts that are computed.
        entire: compute everything.

    Returns:
        `[B, 3, S, S]`, not clamped.
    """
    if not shifts:
        return source_image
    if not any(shift.masks for shift in shifts):
        return _plainly(generator, w_plus, shifts, hook, observe)
    for shift in shifts:
        if len(shift.masks) != len(generator.layers) + 1:
            raise ValueError(f"{len(generator.layers) + 1} masks are needed, got {len(shift.masks)}")
    last = union([resize_mask(shift.masks[-1], generator.image_size) for shift in shifts])
    blend = _Blend(generator, w_plus, shifts, observe)
    if not blend.changes:
        return source_image
    boxes = [((0, generator.image_size),) * 2] if entire else boxes_around(last.detach())
    if not boxes:
        return source_image
    computed = boxes_to_compute(generator, boxes)
    common = len(computed.shared)
    start = _Part(generator.start(len(w_plus)), None, ((0, generator.layers[0].size),) * 2)
    below = blend.up(start, 0, computed.shared, hook)
    edited = source_image if entire else source_image.clone()
    for number, (above, box) in enumerate(zip(computed.routes, computed.boxes, strict=True)):
        part = blend.up(below, common, above, hook if number == 0 else _at_last_layer(hook, generator))
        picture = part.finished(generator, box)
        rows, columns = window_of(box)
        old, mask = source_image[:, :, rows, columns], last[:, :, rows, columns]
        made = old + mask * (picture - old)
        if entire:
            return made
        edited[:, :, rows, columns] = made
    return edited


def _at_last_layer(hook: LayerHook | None, generator: Generator) -> LayerHook | None:
    """The hook for further boxes of a picture: the first one has reported all layers, but any may cancel."""
    return hook and (lambda _: hook(len(generator.layers) - 1))


@dataclass(frozen=True)
class _Part:
    """A part of a layer's map on its way up.

    Attributes:
        x: its features.
        rgb: the matching part of the sum of the RGB outputs, which may be of a smaller map.
        box: where it is in the layer's map.
    """

    x: Tensor
    rgb: Tensor | None
    box: Box

    def cut(self, box: Box) -> _Part:
        """The part of it inside a box of the same map."""
        if box == self.box:
            return self
        rgb = self.rgb
        if rgb is not None:
            scale = self.x.shape[-1] // rgb.shape[-1]
            rgb = _cut(rgb, shrunk(within(box, self.box), scale))
        return _Part(_cut(self.x, within(box, self.box)), rgb, box)

    def finished(self, generator: Generator, box: Box) -> Tensor:
        """The picture inside `box`."""
        picture = finished_picture(generator, self.rgb)
        scale = picture.shape[-1] // self.x.shape[-1]
        outer = tuple((first * scale, last * scale) for first, last in self.box)
        return _cut(picture, within(box, (outer[0], outer[1])))


def _cut(x: Tensor, box: Box) -> Tensor:
    rows, columns = window_of(box)
    return x[:, :, rows, columns]


class _Blend:
    """The layers of a composition, computed in parts."""

    def __init__(
        self, generator: Generator, w_plus: Tensor, shifts: Sequence[MaskedShift], observe: FeatureHook | None
    ):
        self.generator, self.w_plus, self.observe = generator, w_plus, observe
        self.branches = [_Branch.of(generator, w_plus, shift) for shift in shifts]
        self.masks = [
            share_masks([resize_mask(shift.masks[index], spec.size) for shift in shifts])
            for index, spec in enumerate(generator.layers)
        ]

    @property
    def changes(self) -> bool:
        """Whether any branch differs from the source anywhere."""
        return any(branch.moved or branch.fades for branch in self.branches)

    def up(self, part: _Part, first: int, boxes: Sequence[Box], hook: LayerHook | None) -> _Part:
        """From the layer below `first` up through as many layers as there are boxes."""
        for index, box in enumerate(boxes, first):
            if hook:
                hook(index)
            part = self._layer(part, index, box)
        return part

    def _layer(self, part: _Part, index: int, box: Box) -> _Part:
        spec = self.generator.layers[index]
        below_side = self.generator.layers[index - 1].size if index else spec.size
        scale = spec.size // below_side
        part = part.cut(shrunk(box, scale))
        entire = box == ((0, spec.size),) * 2
        window = None if entire else window_of(box)
        masks = [mask if entire else _cut(mask, box) for mask in self.masks[index]]
        source = _layer_of(self.generator, index, part.x, self.w_plus, window)
        x = _mixed(
            source,
            [
                (mask, _layer_of(branch.generator, index, part.x, branch.w_plus, window))
                for mask, branch in zip(masks, self.branches, strict=True)
                if branch.differs(spec.rows)
            ],
        )
        if self.observe:
            seen = sound(box, spec)
            self.observe(index, _cut(x, within(seen, box)), None if entire else window_of(seen))
        rgb = part.rgb
        if spec.rgb_row is not None:
            plain = self.generator.rgb(index, x, self.w_plus)
            edits = [
                (mask, branch.generator.rgb(index, x, branch.w_plus))
                for mask, branch in zip(masks, self.branches, strict=True)
                if branch.differs((spec.rgb_row,))
            ]
            rgb = self.generator.add_rgb(rgb, _mixed(plain, edits))
        return _Part(x, rgb, box)


def _mixed(source: Tensor, edits: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """`source + sum_k m_k (edt_k - source)` of masks and edits; one whose mask is closed does not count."""
    edits = edits if len(edits) < 2 else [edit for edit in edits if bool(edit[0].any())]
    if len(edits) == 1:  # in one pass
        ((mask, edited),) = edits
        return torch.lerp(source, edited, mask.to(source.dtype))
    x = source
    for mask, edited in edits:
        x = torch.addcmul(x, mask, edited - source)
    return x


def _layer_of(generator: Generator, index: int, x: Tensor, w_plus: Tensor, window: Window | None) -> Tensor:
    return generator.layer(index, x, w_plus) if window is None else generator.layer(index, x, w_plus, window)


@dataclass(frozen=True)
class _Branch:
    """One edit of a composition: what makes its features.

    Attributes:
        moved: rows that its shift touches.
        fades: whether it keeps less of the face's residual than the source.
    """

    generator: Generator
    w_plus: Tensor
    moved: frozenset[int]
    fades: bool

    @classmethod
    def of(cls, generator: Generator, w_plus: Tensor, shift: MaskedShift) -> _Branch:
        own = faded(generator, shift.keep)
        return cls(own, w_plus + shift.delta_w, frozenset(_moved_rows(shift.delta_w)), own is not generator)

    def differs(self, rows: Iterable[int]) -> bool:
        """Whether what these rows style may differ from the source."""
        return self.fades or bool(self.moved.intersection(rows))


def _plainly(
    generator: Generator,
    w_plus: Tensor,
    shifts: Sequence[MaskedShift],
    hook: LayerHook | None,
    observe: FeatureHook | None,
) -> Tensor:
    """`compose` for shifts without masks."""
    total = torch.stack([shift.delta_w for shift in shifts]).sum(0)
    own = faded(generator, min(float(torch.as_tensor(shift.keep).min()) for shift in shifts))
    made = synthesize(own, w_plus + total, range(len(generator.layers)) if observe else (), hook)
    if observe:
        for index, features in made.features.items():
            observe(index, features, None)
    return made.image


def share_masks(masks: Sequence[Tensor]) -> list[Tensor]:
    """The masks, divided by their sum where it exceeds 1; a single one is returned as it is."""
    if len(masks) == 1:
        return list(masks)
    total = torch.stack(list(masks)).sum(0).clamp(min=1)
    return [mask / total for mask in masks]


def union(masks: Sequence[Tensor]) -> Tensor:
    """Where any of several edits acts: the sum of the masks, at most 1."""
    return masks[0] if len(masks) == 1 else torch.stack(list(masks)).sum(0).clamp(max=1)


def open_masks(generator: Generator, code: Tensor) -> list[Tensor]:
    """Masks that let everything through, one `[1, 1, s, s]` per layer and one for the picture."""
    sides = [*(spec.size for spec in generator.layers), generator.image_size]
    return [code.new_ones(1, 1, side, side) for side in sides]


def _moved_rows(delta_w: Tensor) -> set[int]:
    """Rows that the shift touches: where none does, both branches of a layer are equal and one is enough.

    While gradients are recorded every row counts, since a shift of exactly zero must still learn.
    """
    if delta_w.requires_grad and torch.is_grad_enabled():
        return set(range(delta_w.shape[1]))
    used = delta_w.detach().abs().amax(dim=(0, 2)) > 0
    return {row for row, is_used in enumerate(used.tolist()) if is_used}
