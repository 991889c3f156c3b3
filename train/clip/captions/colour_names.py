"""`python -m train colours`: the colour names of the XKCD survey, from matplotlib, as a small data file."""

from __future__ import annotations

import json
from pathlib import Path

from mcaclip.errors import TrainingError


def write_colour_names(path: Path) -> int:
    """Write name -> [red, green, blue] of all survey names to `path`; returns how many.

    Raises:
        TrainingError: without matplotlib.
    """
    try:
        from matplotlib.colors import XKCD_COLORS, to_rgb
    except ImportError as error:
        raise TrainingError("The colour names come from matplotlib: pip install -r requirements-dev.txt") from error
    table = {
        name.removeprefix("xkcd:"): [round(255 * part) for part in to_rgb(code)] for name, code in XKCD_COLORS.items()
    }
    lines = [f"{json.dumps(name)}: {json.dumps(rgb)}" for name, rgb in sorted(table.items())]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return len(table)
