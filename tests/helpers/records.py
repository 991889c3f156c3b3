"""Reads what a picture says it was made by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from mcaclip.results.export import RECORD_KEY


def read_record(path: Path) -> dict[str, Any]:
    """The record that `write_png` put into a picture."""
    with Image.open(path, formats=("PNG",)) as picture:
        record: dict[str, Any] = json.loads(picture.info[RECORD_KEY])
    return record
