"""`count-votes`: the mean points of the methods from voters' files."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from mcaclip.cli.arguments import EditorLoader, OutFolder
from mcaclip.cli.batch import check_folder
from mcaclip.cli.options import Arg
from mcaclip.errors import StudioError
from mcaclip.platform.atomic import write_text

REPORT, POINTS = "votes.md", "points.csv"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Count what voters saved on the page of a vote: mean points with intervals.

    DIR gets votes.md, which is shown as well, and points.csv with every single point.
    """

    votes: Annotated[tuple[Path, ...], Arg("file that a voter saved", metavar="CSV", positional=True)]
    key: Annotated[Path, Arg("the key.json that vote wrote", metavar="FILE")]
    out: OutFolder


def run(options: Options, load: EditorLoader | None = None) -> int:
    """Counts; the exit status. Raises StudioError."""
    from mcaclip.evaluation.vote import as_csv, as_markdown
    from mcaclip.evaluation.vote_folder import read_key, read_votes

    ballots = read_votes(read_key(options.key), options.votes)
    if not ballots:
        raise StudioError("There is no answer in these files.")
    check_folder(options.out)
    markdown = as_markdown(ballots)
    write_text(options.out / REPORT, markdown)
    write_text(options.out / POINTS, as_csv(ballots))
    sys.stdout.write(markdown)
    return 0
