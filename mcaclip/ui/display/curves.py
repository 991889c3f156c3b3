"""Small line charts of a training's loss terms, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mcaclip.ui.display import text


def curves(rows: Sequence[dict[str, float]]) -> str:
    """A small line chart for every loss term, as SVG; empty without at least two rows."""
    if len(rows) < 2:
        return ""
    names = [name for name in text.TERM_LABELS if any(name in row for row in rows)]
    return f'<div class="curves" tabindex="0">{"".join(_curve(name, rows) for name in names)}</div>'


def _curve(name: str, rows: Sequence[dict[str, float]]) -> str:
    points = [(row["step"], row[name]) for row in rows if name in row and "step" in row]
    low, high = min(value for _, value in points), max(value for _, value in points)
    first, last = points[0][0], points[-1][0]
    spread, length = (high - low) or 1.0, (last - first) or 1.0

    def line(values: Sequence[float]) -> str:
        placed = zip((step for step, _ in points), values, strict=True)
        return " ".join(f"{200 * (s - first) / length:.1f},{52 - 48 * (v - low) / spread:.1f}" for s, v in placed)

    values = [value for _, value in points]
    label = text.TERM_LABELS[name]
    summary = f"{label}: from {points[0][1]:.3g} to {points[-1][1]:.3g}"
    return (
        f'<figure><svg viewBox="0 0 200 56" preserveAspectRatio="none" role="img" aria-label="{escape(summary)}">'
        f'<polyline class="raw" points="{line(values)}" /><polyline points="{line(smooth(values))}" /></svg>'
        f"<figcaption>{escape(label)}<b>{points[-1][1]:.3g}</b></figcaption></figure>"
    )


def smooth(values: Sequence[float]) -> list[float]:
    """The mean of every value and those around it, a twelfth of all to either side: a step's loss is noisy."""
    reach = len(values) // 12
    around = (values[max(0, at - reach) : at + reach + 1] for at in range(len(values)))
    return [sum(some) / len(some) for some in around]
