"""What an edit did, layer by layer: pictures beside figures, as plain HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from torch import Tensor

from mcaclip.imaging import visuals
from mcaclip.types import EditResult
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display.curves import curves
from mcaclip.validate import FITTED

GROUPS = (("coarse", 0, 4), ("medium", 4, 8), ("fine", 8, 18))
"""Rows of W+ by what they control: pose and shape, features, colour and texture."""
PICTURE_SIDE = 512
MASK_SIDE = 128


def pictures(source: Tensor, result: EditResult) -> str:
    """The face, the edit and where it may change; below them a row for every layer.

    Args:
        source: the face before the edit, `float32 [3, S, S]` in [-1, 1].
        result: what is inspected.
    """
    where = images.fitted(visuals.overlay(source, result.combined_mask), PICTURE_SIDE)
    shown = [images.shown(source, PICTURE_SIDE), images.shown(result.image, PICTURE_SIDE), where]
    figures = [
        markup.figure(images.url(one, 88), line) for one, line in zip(shown, text.INSPECT_PICTURES, strict=True)
    ]
    return f'<div class="trio">{"".join(figures)}</div>{_layers(result)}'


def _layers(result: EditResult) -> str:
    areas = [float(mask.mean()) for mask in result.masks]
    changes: list[float | None] = [*result.feature_change, *[None] * (len(areas) - len(result.feature_change))]
    largest = max((change for change in changes if change is not None), default=0.0)
    rows = [
        _layer(name, images.mask_url(mask, MASK_SIDE), area, change, largest)
        for name, mask, area, change in zip(result.mask_names, result.masks, areas, changes, strict=True)
    ]
    return (
        f"<section><h3>{text.INSPECT_LAYERS}</h3>{markup.note(text.INSPECT_LAYERS_INFO)}"
        f'<ol class="layer-rows" tabindex="0">{"".join(rows)}</ol></section>'
    )


def _layer(name: str, mask: str, area: float, change: float | None, largest: float) -> str:
    """One layer: its mask, and its figures over bars."""
    label, _, size = name.capitalize().rstrip(")").partition(" (")
    moved = "–" if change is None else f"{100 * change:.1f} %"
    return (
        f'<li><img src="{mask}" alt="{escape(f"{text.INSPECT_MASK}: {name}")}">'
        f"<p><b>{escape(label)}</b><span>{escape(size)}</span></p>"
        f"{_meter(text.INSPECT_MASK, area, 1.0, f'{100 * area:.1f} %')}"
        f"{_meter(text.INSPECT_FEATURES, change or 0.0, largest, moved)}</li>"
    )


def _meter(name: str, value: float, largest: float, label: str) -> str:
    """A number beside its name, over a bar."""
    share = 100 * min(max(value / largest, 0.0), 1.0) if largest > 0 else 0.0
    return f'<p class="meter" style="--share:{share:.1f}%"><span>{name}</span><b>{label}</b></p>'


def shifts(result: EditResult, terms: Mapping[str, Sequence[dict[str, float]]]) -> str:
    """Of every prompt that has a shift, how far its rows move, and how it was learned.

    Args:
        result: what is inspected.
        terms: fitted prompt to its rows of training metrics; no rows when they are not on this machine.
    """
    parts = zip(result.settings.parts, result.shifts, result.modes, strict=True)
    return "".join(
        _rows_chart(part.prompt, [float(row.norm()) for row in shift])
        + _learning(part.prompt, mode, terms.get(part.prompt, ()))
        for part, shift, mode in parts
        if shift.any()
    )


def _learning(prompt: str, mode: str, rows: Sequence[dict[str, float]]) -> str:
    """How a prompt was learned."""
    drawn = curves(rows) if mode == FITTED else ""
    note = text.TERMS_INFO if drawn else text.NO_TERMS if mode == FITTED else text.NOT_BY_ITSELF
    return f"<section><h3>{escape(text.INSPECT_LEARNING.format(prompt))}</h3>{markup.note(note)}{drawn}</section>"


def _rows_chart(prompt: str, norms: Sequence[float]) -> str:
    """Length of every row of one prompt's delta_w."""
    largest = max(norms, default=0.0) or 1.0
    bars = []
    for group, first, stop in GROUPS:
        for index in range(first, min(stop, len(norms))):
            height = 100 * norms[index] / largest
            title = f"row {index} ({group}): {norms[index]:.3f}"
            bars.append(f"<span class='column {group}' style='--height:{height:.1f}%' title='{title}'></span>")
    listed = ", ".join(f"{norm:.2f}" for norm in norms)
    legend = "".join(f'<span class="{group}">{label}</span>' for group, label in text.INSPECT_GROUPS)
    title = escape(text.INSPECT_SHIFT.format(prompt))
    return (
        f'<section><h3>{title}</h3><div class="columns-chart" tabindex="0" role="img" aria-label="{title}: {listed}">'
        f'{"".join(bars)}</div><p class="legend">{legend}</p>{markup.note(text.INSPECT_SHIFT_INFO)}</section>'
    )
