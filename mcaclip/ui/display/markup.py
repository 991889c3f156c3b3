"""Small pieces of HTML around the strings of `mcaclip.ui.display.text`."""

from __future__ import annotations

from html import escape

from mcaclip.ui.display import text


def header() -> str:
    """The page's title block."""
    return f'<header class="masthead"><h1>{text.TITLE}</h1><p>{text.TAGLINE}</p></header>'


def note(line: str, kind: str = "quiet") -> str:
    """A line of plain text, in full where the mouse rests on it; `kind` is `quiet`, `strong` or `badge`."""
    said = escape(line)
    return f'<p class="note note-{kind}" role="status" title="{said}">{said}</p>' if line else ""


def progress(label: str, fraction: float) -> str:
    """A progress bar; `fraction` is 0..1."""
    percent = round(100 * min(max(fraction, 0.0), 1.0))
    return (
        f'<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" aria-label="{escape(label)}">'
        f'<p><span>{escape(label)}</span><span class="number">{percent} %</span></p>'
        f'<div class="track"><div class="bar" style="width:{percent}%"></div></div></div>'
    )


def figure(url: str, line: str, under: str = "") -> str:
    """A picture with a line below it, and perhaps another that is seen while it is held or has the focus."""
    hidden = f'<img class="under" src="{under}" alt="">' if under else ""
    focus = ' tabindex="0"' if under else ""
    picture = f'<span class="picture"{focus}><img src="{url}" alt="{escape(line)}">{hidden}</span>'
    return f"<figure>{picture}<figcaption>{escape(line)}</figcaption></figure>"


def blank_figure(line: str, said: str = "") -> str:
    """The place of a picture; `said` stands in it."""
    return (
        f'<figure><span class="picture blank">{escape(said)}</span><figcaption>{escape(line)}</figcaption></figure>'
    )
