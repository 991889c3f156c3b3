"""What an edit did, layer by layer: a table and small charts as plain HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from mcaclip.types import EditResult
from mcaclip.ui.display import markup, text
from mcaclip.ui.display.curves import curves
from mcaclip.validate import FITTED

GROUPS = (("coarse", 0, 4), ("medium", 4, 8), ("fine", 8, 18))
"""Rows of W+ by what they control: pose and shape, features, colour and texture."""


def report(result: EditResult, terms: Mapping[str, Sequence[dict[str, float]]]) -> str:
    """Masks and feature change of every layer, then of every prompt the rows of delta_w and the loss terms.

    Args:
        result: what is inspected.
        terms: fitted prompt to its rows of training metrics; no rows when they are not on this machine.
    """
    parts = zip(result.settings.parts, result.shifts, result.modes, strict=True)
    charts = [
        _rows_chart(part.prompt, [float(row.norm()) for row in shift])
        + _learning(part.prompt, mode, terms.get(part.prompt, ()))
        for part, shift, mode in parts
    ]
    return f'<div class="inspect">{_layers_table(result)}<div>{"".join(charts)}</div></div>'


def _layers_table(result: EditResult) -> str:
    areas = [float(mask.mean()) for mask in result.masks]
    changes: list[float | None] = [*result.feature_change, *[None] * (len(areas) - len(result.feature_change))]
    largest = max((change for change in changes if change is not None), default=0.0)
    rows = [
        f"<tr><th scope='row'>{escape(name)}</th>{_cell(area, 1.0, f'{100 * area:.1f} %')}"
        + (_cell(change, largest, f"{100 * change:.1f} %") if change is not None else "<td>–</td>")
        + "</tr>"
        for name, area, change in zip(result.mask_names, areas, changes, strict=True)
    ]
    return (
        "<section><h3>Layers</h3><p class='note note-quiet'>Mask: share of the layer that may change. "
        "Features: how much its feature maps moved, relative to their size, in the parts that the picture needs.</p>"
        "<table class='layers'><thead><tr><th scope='col'>Layer</th><th scope='col'>Mask</th>"
        f"<th scope='col'>Features</th></tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _cell(value: float, largest: float, label: str) -> str:
    """A number over a bar."""
    share = 100 * min(max(value / largest, 0.0), 1.0) if largest > 0 else 0.0
    return f"<td><span class='meter' style='--share:{share:.1f}%'>{label}</span></td>"


def _learning(prompt: str, mode: str, rows: Sequence[dict[str, float]]) -> str:
    """How a prompt was learned."""
    drawn = curves(rows) if mode == FITTED else ""
    note = text.TERMS_INFO if drawn else text.NO_TERMS if mode == FITTED else text.NOT_BY_ITSELF
    return f"<section><h3>Learning of “{escape(prompt)}”</h3>{markup.hint(note)}{drawn}</section>"


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
    return (
        f"<section><h3>Shift of “{escape(prompt)}”</h3><p class='note note-quiet'>Length of each of the 18 rows of "
        "delta_w before the strength: coarse rows decide shape, fine rows colour.</p>"
        f"<div class='columns-chart' role='img' aria-label='Lengths of the rows of delta_w: {listed}'>{''.join(bars)}"
        "</div><p class='legend'><span class='coarse'>coarse 0–3</span><span class='medium'>medium 4–7</span>"
        "<span class='fine'>fine 8–17</span></p></section>"
    )
