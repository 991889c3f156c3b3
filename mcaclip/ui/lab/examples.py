"""What the rooms of the lab show before anything was done in them."""

from __future__ import annotations

from functools import cache
from html import escape

from mcaclip.config import ASSETS
from mcaclip.imaging import visuals
from mcaclip.imaging.photo import load_photo
from mcaclip.types import from_uint8
from mcaclip.ui.display import images, markup, text
from mcaclip.ui.display.curves import curves
from mcaclip.ui.handlers.views import example_files
from mcaclip.ui.state.training_process import read_metrics

SIDE = 320
SHEET = ASSETS / "example" / "training.jpg"
"""Generated faces; the last sample sheet of `python -m train prompt "green lipstick" --steps 104`."""


def hint(title: str, line: str, way: str = "", page: str = "studio") -> str:
    """What a room is for, in its middle; `way`: a button to a page (the studio or a room) has this label."""
    button = f'<button type="button" class="to-studio" data-page="{page}">{escape(way)}</button>' if way else ""
    return f'<section class="lab-hint"><h2>{escape(title)}</h2><p>{escape(line)}</p>{button}</section>'


@cache
def edit() -> str:
    """A face, an edit of it and what that changed."""
    before, after = map(load_photo, example_files())
    change = visuals.change_map(from_uint8(before), from_uint8(after), SIDE)
    shown = (images.fitted(before, SIDE), images.fitted(after, SIDE), change)
    figures = (
        markup.figure(images.url(one, 85), line) for one, line in zip(shown, text.METHODS_EXAMPLE, strict=True)
    )
    return f'<div class="lab-example"><div class="trio">{"".join(figures)}</div></div>'


@cache
def training() -> str:
    """Samples and curves of a training."""
    sheet = load_photo(SHEET)
    rows = read_metrics(ASSETS / "edits" / "library.jsonl")
    return f'<div class="lab-example">{markup.figure(images.url(sheet, 85), text.TRAIN_EXAMPLE)}{curves(rows)}</div>'
