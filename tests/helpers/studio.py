"""The handlers of the page without a page: their views, and a face to begin with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from mcaclip.ui.display.painting import EXCLUDE_COLOUR
from mcaclip.ui.handlers.save import Studio
from mcaclip.ui.state.controls import Controls
from mcaclip.ui.state.session import Session
from tests.fakes import PROMPTS, write_photo
from tests.helpers.painted import data_url

NOBODY = Session(key="tab")
AGREED = Session(key="tab", consented=True)


def controls(prompt: str = PROMPTS[0], *strengths: float, **masks) -> Controls:
    """The prompt line and the strengths that the chips show."""
    return Controls(prompt, strengths, **masks)


def last(views: Iterable[dict]) -> dict:
    """All views laid over each other, as the page shows them in the end."""
    shown: dict = {}
    for view in views:
        shown.update(view)
    return shown


def failing(views: Iterable[dict], error: type[Exception], match: str | None = None) -> dict:
    """All views of a handler that ends with an error, laid over each other."""
    shown: dict = {}
    with pytest.raises(error, match=match):
        for view in views:
            shown.update(view)
    return shown


def given(studio: Studio, folder: Path, faces: int = 1, seed: int = 1, session: Session = AGREED) -> Session:
    """After a photo was dropped: its face, or its faces to choose from."""
    path = write_photo(folder / f"photo{seed}.png", faces, seed)
    return last(studio.photo_given(path, False, session))["session"]


def edited(studio: Studio, session: Session, prompt: str = PROMPTS[0], **masks) -> Session:
    """After an edit by a prompt."""
    return last(studio.edit(controls(prompt, **masks), session))["session"]


def excluded(rows: int) -> str:
    """Strokes that exclude so many of 100 rows."""
    layer = np.zeros((100, 100, 4), np.uint8)
    layer[:rows] = (*EXCLUDE_COLOUR, 255)
    return data_url(layer)
